// SPDX-License-Identifier: MIT
#include "log/catalog_sense.h"

#include <initializer_list>
#include <string>
#include <string_view>
#include <unordered_set>

#include "format/key_name.h"
#include "io/path.h"

namespace seglog::log {
namespace {

Status Nonsense(const char* what) {
  return Status(Code::kCorrupt, std::string("the catalogue contradicts itself: ") + what);
}

bool AreCounters(std::initializer_list<std::uint64_t> values) {
  for (const std::uint64_t value : values) {
    if (value >= kCounterLimit) return false;
  }
  return true;
}

Status CheckSegment(const format::CatalogSegment& segment, const format::Catalog& catalog) {
  if (segment.next_sequence >= kCounterLimit) {
    return Nonsense("a segment's numbers are larger than any can be");
  }
  if (segment.first_lsn > segment.last_lsn || segment.last_lsn >= catalog.next_lsn) {
    return Nonsense("a segment's LSNs");
  }
  const bool whole = segment.destaged == segment.end;
  const bool destaged_is_right = segment.state == format::SegmentState::kSealed
                                     ? whole
                                     : whole || segment.destaged % kPageBytes == 0;
  if (!destaged_is_right) return Nonsense("a segment's destaged length");
  return Status::Ok();
}

Status CheckSegments(const format::CatalogStream& stream, const format::Catalog& catalog) {
  if (stream.segments.empty()) return Status::Ok();
  std::uint64_t next_sequence = stream.segments.front().first_sequence;
  for (const format::CatalogSegment& segment : stream.segments) {
    SEGLOG_RETURN_IF_ERROR(CheckSegment(segment, catalog));
    if (segment.first_sequence != next_sequence) {
      return Nonsense("segments that do not follow each other");
    }
    const bool last = &segment == &stream.segments.back();
    if (last != (segment.state == format::SegmentState::kOpen)) {
      return Nonsense("the last segment of a stream is open, and no other");
    }
    next_sequence = segment.next_sequence;
  }
  return next_sequence == stream.next_sequence ? Status::Ok() : Nonsense("a stream's end");
}

Status CheckStream(const format::CatalogStream& stream, const format::Catalog& catalog) {
  if (stream.next_sequence >= kCounterLimit) {
    return Nonsense("a stream's numbers are larger than any can be");
  }
  SEGLOG_RETURN_IF_ERROR(CheckSegments(stream, catalog));
  if (stream.shared.bytes > 0) {
    // Its first segment is one that is there: the codec sees to that.
    const bool right = stream.shared.last_lsn < catalog.next_lsn;
    return right ? Status::Ok() : Nonsense("a stream's last LSN in shared segments");
  }
  const std::uint64_t begin =
      stream.segments.empty() ? stream.next_sequence : stream.segments.front().first_sequence;
  return begin <= stream.first_sequence ? Status::Ok() : Nonsense("records that lie nowhere");
}

// Its path is one that will be removed: nothing but a segment's file.
Status CheckDropped(const format::CatalogDropped& dropped, const format::Catalog& catalog) {
  const std::string_view path = dropped.path;
  const bool is_segment = io::CheckPath(path).ok() && path.ends_with(".seg") &&
                          (path.starts_with("streams/") ||
                           path.starts_with(std::string(format::kSharedSegmentsDirectory) + "/"));
  if (dropped.segment_id == 0 || !is_segment) return Nonsense("a dropped segment's file");
  if (dropped.commit > catalog.mark) return Nonsense("a segment dropped by a later commit");
  return Status::Ok();
}

}  // namespace

Status CheckCatalog(const format::Catalog& catalog) {
  if (!AreCounters(
          {catalog.snapshot_number, catalog.mark, catalog.next_lsn, catalog.highest_generation})) {
    return Nonsense("its numbers are larger than any can be");
  }
  if (catalog.next_lsn == 0 || catalog.start_generation == 0) return Nonsense("a number is 0");
  if (catalog.start_commit == 0 || catalog.start_commit > catalog.mark + 1) {
    return Nonsense("the journal's first commit");
  }
  if (catalog.shared.next_sequence >= kCounterLimit)
    return Nonsense("the shared segments' records");
  SEGLOG_RETURN_IF_ERROR(CheckSegments(catalog.shared, catalog));
  std::unordered_set<std::uint64_t> ids{catalog.shared.id};
  std::unordered_set<std::string_view> keys;
  ids.reserve(catalog.streams.size());
  keys.reserve(catalog.streams.size());
  for (const format::CatalogStream& stream : catalog.streams) {
    SEGLOG_RETURN_IF_ERROR(CheckStream(stream, catalog));
    if (!ids.insert(stream.id).second) return Nonsense("a stream id is used twice");
    if (!keys.insert(stream.key).second) return Nonsense("a key has two streams");
  }
  for (const format::CatalogDropped& dropped : catalog.dropped) {
    SEGLOG_RETURN_IF_ERROR(CheckDropped(dropped, catalog));
  }
  return Status::Ok();
}

}  // namespace seglog::log
