// SPDX-License-Identifier: MIT
#include "log/stream_table.h"

#include <algorithm>

#include "format/key_name.h"

namespace seglog::log {
namespace {

Status Contradiction(const char* what) {
  return Status(Code::kCorrupt, std::string("a commit contradicts the catalogue: ") + what);
}

}  // namespace

std::string SegmentPath(const std::string& key, const format::CatalogSegment& row) {
  return format::StreamDirectory(key) + "/" + format::SegmentFileName(row.first_sequence, row.id);
}

Segment* Stream::FindSegment(std::uint64_t segment_id) {
  for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
    if ((*segment)->row.id == segment_id) return segment->get();
  }
  return nullptr;
}

std::uint64_t Stream::IdBefore(const Segment& segment) const {
  std::uint64_t before = 0;
  for (const auto& each : segments) {
    if (each.get() == &segment) return before;
    before = each->row.id;
  }
  SEGLOG_ASSERT(false);
}

StreamHandle StreamTable::HandleOf(std::string_view key) {
  std::string owned(key);
  if (const auto found = by_key_.find(owned); found != by_key_.end()) return found->second;
  const auto handle = static_cast<StreamHandle>(streams_.size());
  streams_.push_back(std::make_unique<Stream>(owned));
  by_key_.emplace(std::move(owned), handle);
  return handle;
}

Stream* StreamTable::FindId(std::uint64_t stream_id) {
  const auto found = by_id_.find(stream_id);
  return found == by_id_.end() ? nullptr : streams_[found->second].get();
}

Status StreamTable::Apply(const format::CreateStreamItem& item) {
  if (by_id_.contains(item.stream_id)) return Contradiction("a stream id is used twice");
  const StreamHandle handle = HandleOf(AsText(item.key));
  Stream& stream = *streams_[handle];
  if (stream.born()) return Contradiction("a stream is created twice");
  stream.id = item.stream_id;
  stream.created_us = item.time_us;
  by_id_.emplace(item.stream_id, handle);
  return Status::Ok();
}

Status StreamTable::Apply(const format::RotateItem& item) {
  Stream* stream = FindId(item.stream_id);
  if (stream == nullptr) return Contradiction("a segment of an unknown stream begins");
  if (item.first_sequence != stream->next_sequence) {
    return Contradiction("a segment begins at the wrong sequence");
  }
  if (Segment* old = stream->open_segment(); old != nullptr) {
    if (old->row.id != item.old_segment_id || old->row.end != item.old_end) {
      return Contradiction("a segment ends where it does not");
    }
    old->row.state = format::SegmentState::kEnded;
  } else if (item.old_segment_id != 0) {
    return Contradiction("an unknown segment ends");
  }
  format::CatalogSegment row;
  row.id = item.new_segment_id;
  row.first_sequence = row.next_sequence = item.first_sequence;
  row.end = format::kSegmentDataOffset;
  row.created_us = item.time_us;
  stream->segments.push_back(std::make_shared<Segment>(row));
  return Status::Ok();
}

Status StreamTable::Apply(const format::SealedItem& item, std::uint64_t commit) {
  Stream* stream = FindId(item.stream_id);
  Segment* segment = stream == nullptr ? nullptr : stream->FindSegment(item.segment_id);
  if (segment == nullptr) return Contradiction("an unknown segment is sealed");
  if (segment->row.state != format::SegmentState::kEnded) {
    return Contradiction("a segment is sealed that has not ended");
  }
  segment->row.state = format::SegmentState::kSealed;
  segment->row.footer_offset = item.footer_offset;
  segment->row.footer_bytes = item.footer_bytes;
  segment->row.chain_sha256 = item.chain_sha256;
  // A footer is only written behind bytes that are all in the file. A snapshot from before, which
  // this is replayed over, does not know.
  if (segment->row.destaged != segment->row.end) {
    SEGLOG_ASSERT(segment->pending.size() == 0);
    segment->row.destaged = segment->row.end;
    segment->pending = PendingBytes(segment->row.end);
  }
  DropTruncated(stream, commit);
  return Status::Ok();
}

Status StreamTable::Apply(const format::TruncateBeforeItem& item, std::uint64_t commit) {
  Stream* stream = FindId(item.stream_id);
  if (stream == nullptr) return Contradiction("an unknown stream is truncated");
  if (item.first_sequence > stream->next_sequence) {
    return Contradiction("a stream is truncated behind its end");
  }
  stream->first_sequence = std::max(stream->first_sequence, item.first_sequence);
  DropTruncated(stream, commit);
  return Status::Ok();
}

// Drops what is sealed and wholly truncated, from the front. What is not sealed yet goes when it
// is, so that the chain of hashes has no gap.
void StreamTable::DropTruncated(Stream* stream, std::uint64_t commit) {
  std::size_t count = 0;
  for (const auto& segment : stream->segments) {
    const format::CatalogSegment& row = segment->row;
    const bool sealed = row.state == format::SegmentState::kSealed;
    if (!sealed || row.next_sequence > stream->first_sequence) break;
    segment->dropped = true;
    stream->dropped_chain = row.chain_sha256;
    dropped_.push_back({.segment_id = row.id,
                        .commit = commit,
                        .file_bytes = row.footer_offset + row.footer_bytes,
                        .path = SegmentPath(stream->key, row)});
    ++count;
  }
  stream->segments.erase(stream->segments.begin(),
                         stream->segments.begin() + static_cast<std::ptrdiff_t>(count));
}

Status StreamTable::Apply(const format::FrameItem& item, std::uint64_t time_us,
                          std::uint64_t last_lsn) {
  Stream* stream = FindId(item.stream_id);
  Segment* segment = stream == nullptr ? nullptr : stream->open_segment();
  if (segment == nullptr || segment->row.id != item.segment_id) {
    return Contradiction("a frame lies in a segment that is not open");
  }
  format::CatalogSegment& row = segment->row;
  if (item.segment_offset != row.end)
    return Contradiction("a frame does not lie at its segment's end");
  if (item.first_sequence != stream->next_sequence) {
    return Contradiction("a frame begins at the wrong sequence");
  }
  row.end += item.Header(time_us).total_bytes();
  if (item.record_count == 0) return Status::Ok();
  if (row.first_lsn == 0) {
    row.first_lsn = item.first_lsn;
    row.first_time_us = time_us;
  }
  row.last_lsn = last_lsn;
  row.last_time_us = time_us;
  stream->next_sequence += item.record_count;
  row.next_sequence = stream->next_sequence;
  return Status::Ok();
}

void StreamTable::SkipTo(const format::FrameItem& item) {
  Stream* stream = FindId(item.stream_id);
  Segment* segment = stream == nullptr ? nullptr : stream->FindSegment(item.segment_id);
  if (segment == nullptr || !segment->open()) return;
  if (item.segment_offset <= segment->row.end || item.first_sequence < stream->next_sequence)
    return;
  segment->row.end = item.segment_offset;
  segment->row.next_sequence = stream->next_sequence = item.first_sequence;
}

void StreamTable::Load(const format::Catalog& catalog) {
  SEGLOG_ASSERT(streams_.empty());
  dropped_ = catalog.dropped;
  for (const format::CatalogStream& stored : catalog.streams) {
    const StreamHandle handle = HandleOf(stored.key);
    Stream& stream = *streams_[handle];
    stream.id = stored.id;
    stream.created_us = stored.created_us;
    stream.next_sequence = stored.next_sequence;
    stream.first_sequence = stored.first_sequence;
    stream.dropped_chain = stored.dropped_chain_sha256;
    for (const format::CatalogSegment& row : stored.segments) {
      stream.segments.push_back(std::make_shared<Segment>(row));
    }
    by_id_.emplace(stored.id, handle);
  }
}

void StreamTable::Store(format::Catalog* catalog) const {
  catalog->dropped = dropped_;
  catalog->streams.clear();
  catalog->streams.reserve(by_id_.size());
  for (const auto& stream : streams_) {
    if (!stream->born()) continue;
    format::CatalogStream& stored = catalog->streams.emplace_back();
    stored.id = stream->id;
    stored.created_us = stream->created_us;
    stored.next_sequence = stream->next_sequence;
    stored.first_sequence = stream->first_sequence;
    stored.dropped_chain_sha256 = stream->dropped_chain;
    stored.key = stream->key;
    stored.segments.reserve(stream->segments.size());
    for (const auto& segment : stream->segments) stored.segments.push_back(segment->row);
  }
}

}  // namespace seglog::log
