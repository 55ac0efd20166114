// SPDX-License-Identifier: MIT
#include "log/stream_table.h"

#include <algorithm>

#include "format/key_name.h"

namespace seglog::log {
namespace {

Status Contradiction(const char* what) {
  return Status(Code::kCorrupt, std::string("a commit contradicts the catalogue: ") + what);
}

void LoadStream(const format::CatalogStream& stored, Stream* stream) {
  stream->id = stored.id;
  stream->created_us = stored.created_us;
  stream->next_sequence = stored.next_sequence;
  stream->first_sequence = stored.first_sequence;
  stream->dropped_chain = stored.dropped_chain_sha256;
  stream->shared = stored.shared;
  stream->segments.reserve(stored.segments.size());
  for (const format::CatalogSegment& row : stored.segments) {
    stream->segments.push_back(std::make_shared<Segment>(row));
  }
}

void StoreStream(const Stream& stream, format::CatalogStream* stored) {
  stored->id = stream.id;
  stored->created_us = stream.created_us;
  stored->next_sequence = stream.next_sequence;
  stored->first_sequence = stream.first_sequence;
  stored->dropped_chain_sha256 = stream.dropped_chain;
  stored->key = stream.key;
  stored->shared = stream.shared;
  stored->segments.reserve(stream.segments.size());
  for (const auto& segment : stream.segments) stored->segments.push_back(segment->row);
}

}  // namespace

std::string SegmentPath(const std::string& key, const format::CatalogSegment& row) {
  const std::string directory =
      key.empty() ? format::kSharedSegmentsDirectory : format::StreamDirectory(key);
  return directory + "/" + format::SegmentFileName(row.first_sequence, row.id);
}

Segment* Stream::FindSegment(std::uint64_t segment_id) {
  const auto found = std::lower_bound(
      segments.begin(), segments.end(), segment_id,
      [](const auto& segment, std::uint64_t wanted) { return segment->row.id < wanted; });
  return found != segments.end() && (*found)->row.id == segment_id ? found->get() : nullptr;
}

std::uint64_t Stream::IdBefore(const Segment& segment) const {
  std::uint64_t before = 0;
  for (const auto& each : segments) {
    if (each.get() == &segment) return before;
    before = each->row.id;
  }
  SEGLOG_ASSERT(false);
}

StreamTable::StreamTable() {
  streams_.push_back(std::make_unique<Stream>(""));
  shared().id = format::kSharedStreamId;
  by_id_.emplace(format::kSharedStreamId, kSharedHandle);
}

std::optional<StreamHandle> StreamTable::Find(std::string_view key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? std::nullopt : std::optional(found->second);
}

StreamHandle StreamTable::HandleOf(std::string_view key) {
  if (const std::optional<StreamHandle> found = Find(key)) return *found;
  const auto handle = static_cast<StreamHandle>(streams_.size());
  streams_.push_back(std::make_unique<Stream>(std::string(key)));
  by_key_.emplace(streams_.back()->key, handle);
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
    if (item.new_segment_id <= old->row.id) {
      return Contradiction("a segment's id does not rise");
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
  if (stream->segments.empty()) with_segments_.push_back(HandleOfId(stream->id));
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
  if (item.footer_offset != format::FooterOffset(segment->row.end)) {
    return Contradiction("a footer does not lie at its segment's end");
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
  if (stream->shared.bytes > 0 && stream->first_sequence >= stream->shared_next_sequence()) {
    ReleaseShared(stream);
    DropTruncated(&shared(), commit);
  }
  DropTruncated(stream, commit);
  return Status::Ok();
}

void StreamTable::ReleaseShared(Stream* stream) {
  if (Segment* first = shared().FindSegment(stream->shared.first_segment_id)) --first->holders;
  stream->shared = {};
}

// Drops what is sealed and wholly truncated, from the front. What is not sealed yet goes when it
// is, so that the chain of hashes has no gap. A shared segment is truncated when no stream has its
// oldest frame there, nor in one before it.
void StreamTable::DropTruncated(Stream* stream, std::uint64_t commit) {
  std::size_t count = 0;
  for (const auto& segment : stream->segments) {
    const format::CatalogSegment& row = segment->row;
    const bool sealed = row.state == format::SegmentState::kSealed;
    const bool needed =
        stream == &shared() ? segment->holders > 0 : row.next_sequence > stream->first_sequence;
    if (!sealed || needed) break;
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

Status StreamTable::CheckPlace(std::uint64_t segment_id, std::uint64_t offset,
                               const Segment* segment) const {
  if (segment == nullptr || segment->row.id != segment_id) {
    return Contradiction("a frame lies in a segment that is not open");
  }
  if (offset != segment->row.end) {
    return Contradiction("a frame does not lie at its segment's end");
  }
  return Status::Ok();
}

Status StreamTable::Apply(const format::BodyItem& item, std::uint64_t time_us) {
  Stream* stream = FindId(item.stream_id);
  Segment* segment = stream == nullptr ? nullptr : stream->open_segment();
  SEGLOG_RETURN_IF_ERROR(CheckPlace(item.segment_id, item.frames_offset, segment));
  SEGLOG_ASSERT(segment != nullptr);
  // Below the body are destaged bytes. A snapshot may know of fewer, since destaging leaves no
  // trace in the journal.
  if (item.body_offset < segment->pending.begin()) {
    return Contradiction("a body lies over what its segment's file has");
  }
  if (item.first_sequence != stream->next_sequence) {
    return Contradiction("a body begins at the wrong sequence");
  }
  format::CatalogSegment& row = segment->row;
  if (row.first_lsn == 0) {
    row.first_lsn = item.first_lsn;
    row.first_time_us = time_us;
  }
  row.last_lsn = item.last_lsn;
  row.last_time_us = time_us;
  stream->next_sequence += item.record_count;
  row.next_sequence = stream->next_sequence;
  row.end = row.destaged = item.end();
  segment->pending = PendingBytes(row.end);
  segment->oldest_generation = 0;
  segment->times_carried = 0;
  return Status::Ok();
}

Status StreamTable::Apply(const format::FrameItem& item, std::uint64_t time_us,
                          std::uint64_t last_lsn) {
  if (item.shared()) return ApplyShared(item, time_us, last_lsn);
  Stream* stream = FindId(item.stream_id);
  Segment* segment = stream == nullptr ? nullptr : stream->open_segment();
  SEGLOG_RETURN_IF_ERROR(CheckPlace(item.segment_id, item.segment_offset, segment));
  SEGLOG_ASSERT(segment != nullptr);
  format::CatalogSegment& row = segment->row;
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

Status StreamTable::ApplyShared(const format::FrameItem& item, std::uint64_t time_us,
                                std::uint64_t last_lsn) {
  Stream* stream = FindId(item.stream_id);
  if (stream == nullptr) return Contradiction("a frame of an unknown stream");
  Segment* segment = shared().open_segment();
  SEGLOG_RETURN_IF_ERROR(CheckPlace(item.segment_id, item.segment_offset, segment));
  if (!stream->segments.empty()) {
    return Contradiction("a shared frame of a stream that has segments of its own");
  }
  if (item.first_sequence != stream->next_sequence) {
    return Contradiction("a frame begins at the wrong sequence");
  }
  if (item.previous != stream->shared.last) {
    return Contradiction("a shared frame does not know the one before it");
  }
  const std::uint64_t bytes = item.Header(time_us).total_bytes();
  format::CatalogSegment& row = segment->row;
  row.end += bytes;
  if (row.first_lsn == 0) {
    row.first_lsn = item.first_lsn;
    row.first_time_us = time_us;
  }
  row.last_lsn = std::max(row.last_lsn, last_lsn);
  row.last_time_us = time_us;
  shared().next_sequence += item.record_count;
  row.next_sequence = shared().next_sequence;
  if (stream->shared.bytes == 0) {
    stream->shared.first_segment_id = row.id;
    ++segment->holders;
  }
  stream->next_sequence += item.record_count;
  stream->shared.bytes += bytes;
  stream->shared.last = {.segment_id = row.id, .offset = item.segment_offset};
  stream->shared.last_lsn = last_lsn;
  stream->shared.last_time_us = time_us;
  return Status::Ok();
}

void StreamTable::SkipTo(const format::FrameItem& item) {
  if (!item.shared()) {
    SkipOwnTo(item.stream_id, item.segment_id, item.segment_offset, item.first_sequence);
    return;
  }
  Stream* stream = FindId(item.stream_id);
  Segment* segment = shared().FindSegment(item.segment_id);
  if (stream == nullptr || segment == nullptr || !segment->open()) return;
  if (item.segment_offset < segment->row.end || item.first_sequence < stream->next_sequence ||
      !stream->segments.empty()) {
    return;
  }
  segment->row.end = item.segment_offset;
  stream->next_sequence = item.first_sequence;
  stream->shared.last = item.previous;
}

void StreamTable::SkipTo(const format::BodyItem& item) {
  SkipOwnTo(item.stream_id, item.segment_id, item.frames_offset, item.first_sequence);
}

void StreamTable::SkipOwnTo(std::uint64_t stream_id, std::uint64_t segment_id, std::uint64_t offset,
                            std::uint64_t sequence) {
  Stream* stream = FindId(stream_id);
  Segment* segment = stream == nullptr ? nullptr : stream->FindSegment(segment_id);
  if (segment == nullptr || !segment->open()) return;
  if (offset <= segment->row.end || sequence < stream->next_sequence) return;
  segment->row.end = offset;
  segment->row.next_sequence = stream->next_sequence = sequence;
}

void StreamTable::Load(const format::Catalog& catalog) {
  SEGLOG_ASSERT(streams_.size() == 1);
  dropped_ = catalog.dropped;
  LoadStream(catalog.shared, &shared());
  if (!shared().segments.empty()) with_segments_.push_back(kSharedHandle);
  for (const format::CatalogStream& stored : catalog.streams) {
    const StreamHandle handle = HandleOf(stored.key);
    Stream& stream = *streams_[handle];
    LoadStream(stored, &stream);
    by_id_.emplace(stored.id, handle);
    if (!stream.segments.empty()) with_segments_.push_back(handle);
    if (stored.shared.bytes > 0) ++shared().FindSegment(stored.shared.first_segment_id)->holders;
  }
}

void StreamTable::Store(format::Catalog* catalog) const {
  catalog->dropped = dropped_;
  StoreStream(*streams_[kSharedHandle], &catalog->shared);
  catalog->streams.clear();
  catalog->streams.reserve(by_id_.size());
  for (StreamHandle handle = kSharedHandle + 1; handle < streams_.size(); ++handle) {
    const Stream& stream = *streams_[handle];
    if (stream.born()) StoreStream(stream, &catalog->streams.emplace_back());
  }
}

}  // namespace seglog::log
