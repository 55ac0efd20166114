// SPDX-License-Identifier: MIT
// The part of the commit builder that makes bodies: docs/architecture.md, "What is large".
#include <algorithm>

#include "log/commit_builder.h"

namespace seglog::log {
namespace {

// Room is wanted again when there is none for so many bodies as the newest.
constexpr std::uint64_t kBodiesAhead = 3;

}  // namespace

// Where much of a stream comes in one commit: as many of the records as the open segment has room
// for go straight to its file. The body begins with what is pending, so that a file is always whole
// up to its destaged length, and ends on a page. Returns how many records it took; 0 where the
// segment takes no body now.
std::size_t CommitBuilder::BuildBody(Stream* stream, const Part& part,
                                     std::span<const PartRecord> records,
                                     bool with_lsn_differences) {
  const Options& options = state_->options;
  Segment& segment = *stream->open_segment();
  segment.bulk = part.bytes >= body_bytes_min_;
  if (!segment.bulk || segment.body != nullptr || segment.destaging) return 0;
  format::BodyItem item{.stream_id = stream->id,
                        .segment_id = segment.row.id,
                        .body_offset = segment.pending.begin(),
                        .frames_offset = segment.row.end,
                        .first_sequence = stream->next_sequence,
                        .first_lsn = records.front().lsn};
  std::shared_ptr<AlignedBuffer> body;
  std::size_t taken = 0;
  bool has_room = true;
  while (taken < records.size()) {
    const std::span<const PartRecord> rest = records.subspan(taken);
    const FrameCut cut = CutFrame(rest, with_lsn_differences);
    const std::uint64_t end =
        (taken == 0 ? segment.row.end : item.body_offset + body->size()) + cut.bytes;
    if (taken > 0 && end > options.segment_bytes) break;
    // With a filler, which takes up to a page more.
    has_room = AlignUp<std::uint64_t>(end, kPageBytes) + kPageBytes <= segment.room_end;
    if (!has_room) {
      // Where no second one of that size fits, the segment ends before there is room.
      if (segment.row.end + 2 * cut.bytes <= options.segment_bytes) WantRoom(part, &segment);
      break;
    }
    if (taken == 0) {
      const std::uint64_t bytes = segment.pending.size() + part.bytes;
      body = state_->written_bodies.TakeBuffer(
          static_cast<std::size_t>(bytes + bytes / 8 + 2 * kPageBytes));
      body->Append(segment.pending.Range(item.body_offset, segment.row.end));
    }
    BuildBodyFrame(item, rest.first(cut.count), with_lsn_differences, body.get());
    taken += cut.count;
    item.record_count += static_cast<std::uint32_t>(cut.count);
    item.last_lsn = records[taken - 1].lsn;
  }
  if (taken == 0) return 0;
  FillBody(item, body.get());
  item.body_bytes = body->size();
  item.checksum = format::BodyChecksum(item, body->bytes());
  block_.Add(item);
  const Status applied = state_->table.Apply(item, time_us_);
  SEGLOG_ASSERT(applied.ok());
  segment.body = body;
  // Ahead: the next ones shall not be the first to find none.
  const std::uint64_t wanted_end =
      std::min(segment.row.end + kBodiesAhead * part.bytes, options.segment_bytes);
  if (segment.room_end < wanted_end) WantRoom(part, &segment);
  bodies_.push_back({.segment = stream->segments.back(),
                     .path = SegmentPath(stream->key, segment.row),
                     .offset = item.body_offset,
                     .bytes = std::move(body)});
  return taken;
}

// No file is made for a segment whose beginning a power cut may undo: nobody would know of it. So
// the commit that begins it is synced, and then room is made.
void CommitBuilder::WantRoom(const Part& part, Segment* segment) {
  if (state_->room_unsupported) return;
  if (!segment->is_durable()) {
    wants_sync_ = true;
  } else if (segment->room_wanted == 0) {
    state_->room_queue.push_back(part.stream);
  }
  segment->room_wanted = part.bytes;
  state_->destager_has_news = true;
}

// `item`: of the body as far as it was built.
void CommitBuilder::BuildBodyFrame(const format::BodyItem& item,
                                   std::span<const PartRecord> records, bool with_lsn_differences,
                                   AlignedBuffer* body) {
  const std::size_t start = body->size();
  const std::uint64_t offset = item.body_offset + start;
  body->Resize(start + format::kFrameHeaderBytes);
  format::FrameHeader header{.stream_id = item.stream_id,
                             .first_sequence = item.first_sequence + item.record_count,
                             .first_lsn = records.front().lsn,
                             .time_us = time_us_};
  BuildRecords(records, item.segment_id, offset, with_lsn_differences, body, &header);
  const MutableByteSpan frame = body->mutable_bytes().subspan(start);
  format::EncodeFrameHeader(header, frame.subspan(format::kFrameHeaderBytes), item.segment_id,
                            offset, frame.first(format::kFrameHeaderBytes));
}

void CommitBuilder::FillBody(const format::BodyItem& item, AlignedBuffer* body) const {
  const std::size_t start = body->size();
  std::size_t bytes = AlignUp(start, kPageBytes) - start;
  if (bytes == 0) return;
  if (bytes < format::kFrameHeaderBytes) bytes += kPageBytes;
  body->AppendZeros(bytes);
  const MutableByteSpan frame = body->mutable_bytes().subspan(start);
  format::EncodeFrameHeader(
      format::FillerHeader(item.stream_id, item.first_sequence + item.record_count,
                           item.last_lsn + 1, time_us_, bytes),
      frame.subspan(format::kFrameHeaderBytes), item.segment_id, item.body_offset + start,
      frame.first(format::kFrameHeaderBytes));
}

}  // namespace seglog::log
