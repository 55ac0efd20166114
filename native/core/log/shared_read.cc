// SPDX-License-Identifier: MIT
// Methods of Reader (reader.h): reading in segments that streams share. A stream's newest frame is
// in the table, and each frame says where the one before it lies: so the way goes back to the first
// that is wanted, and its records are returned in one slab. A stream has few bytes there
// (Options::shared_stream_bytes_max). Where a link is damaged, the segments are searched for the
// frames behind it.
#include <algorithm>
#include <cstring>

#include "log/reader.h"

namespace seglog::log {
namespace {

// Holds most frames of tiny streams; a larger one is read again.
constexpr std::uint64_t kFirstReadBytes = 2048;

}  // namespace

// Returns records from *sequence on, as far as they are in shared segments.
Status Reader::ReadShared(const ReadRequest& request, const Place& place, std::uint64_t* sequence,
                          ReadResult* result) {
  const std::uint64_t begin = *sequence;
  std::vector<SharedFrame> frames;
  format::SharedPosition stopped;
  Status walked = WalkLinks(place, *sequence, &frames, &stopped);
  if (!walked.ok()) {
    if (!IsLost(walked)) return walked;
    SEGLOG_RETURN_IF_ERROR(SearchShared(place, *sequence, stopped, &frames));
  }
  CollectShared(request, frames, sequence, result);
  if (!result->records.empty() || !result->status.ok()) return result->status;
  if (walked.ok()) {
    SEGLOG_ASSERT(*sequence > begin);
    return Status::Ok();
  }
  // Nothing of *sequence was found, up to the next frame that was.
  Damage& damage = result->damage.emplace_back();
  Place broken = place;
  if (PlaceOfShared(place, stopped.segment_id, &broken)) damage.file = broken.segment.path();
  damage.key = place.key;
  damage.offset = stopped.offset;
  damage.what = walked.message();
  damage.first_sequence = *sequence;
  std::uint64_t next = place.next_sequence;
  for (const SharedFrame& frame : frames) {
    if (frame.header.first_sequence > *sequence) next = std::min(next, frame.header.first_sequence);
  }
  damage.last_sequence = next - 1;
  if (!request.skip_corruption) {
    return Status(Code::kCorrupt, walked.message()).WithPath(damage.file);
  }
  *sequence = next;
  return Status::Ok();
}

// A shared segment as of now; false when there is none of that id.
bool Reader::PlaceOfShared(const Place& stream, std::uint64_t segment_id, Place* place) {
  const std::lock_guard lock(state_->mutex);
  const auto& segments = state_->table.shared().segments;
  const auto found =
      std::lower_bound(segments.begin(), segments.end(), segment_id,
                       [](const auto& segment, std::uint64_t id) { return segment->row.id < id; });
  if (found == segments.end() || (*found)->row.id != segment_id) return false;
  *place = stream;
  place->segment = SegmentView(state_, state_->table.shared(), *found);
  return true;
}

// From the newest frame back to the one with `sequence`; `frames` has them in that order. Where a
// frame cannot be read: why, and its place.
Status Reader::WalkLinks(const Place& stream, std::uint64_t sequence,
                         std::vector<SharedFrame>* frames, format::SharedPosition* stopped) {
  std::uint64_t next_sequence = stream.next_sequence;
  *stopped = stream.frames.last;
  while (next_sequence > sequence) {
    SharedFrame frame;
    SEGLOG_RETURN_IF_ERROR(FetchShared(stream, *stopped, next_sequence, &frame));
    next_sequence = frame.header.first_sequence;
    *stopped = frame.header.previous;
    frames->push_back(std::move(frame));
  }
  return Status::Ok();
}

// The frame at `position`, if it is the stream's one before `next_sequence`.
Status Reader::FetchShared(const Place& stream, const format::SharedPosition& position,
                           std::uint64_t next_sequence, SharedFrame* frame) {
  const SegmentView& segment = frame->place.segment;
  if (!PlaceOfShared(stream, position.segment_id, &frame->place) ||
      position.offset >= segment.row().end) {
    return Status(Code::kCorrupt, "the link to a frame leads nowhere");
  }
  const std::string& path = segment.path();
  SEGLOG_RETURN_IF_ERROR(CheckHeader(segment, &hints_[position.segment_id]));
  const Status fetched = segment.FetchFrame(position.offset, kFirstReadBytes, &frame->window);
  if (!fetched.ok()) return fetched.path().empty() ? fetched.WithPath(path) : fetched;
  const Result<format::FrameHeader> header =
      format::VerifyFrame(frame->window.bytes, position.segment_id, position.offset);
  if (!header.ok()) return header.status().WithPath(path);
  if (!header->shared() || header->stream_id != stream.stream_id ||
      header->next_sequence() != next_sequence) {
    return Status(Code::kCorrupt, "the link to a frame leads to another one").WithPath(path);
  }
  frame->header = header.value();
  return Status::Ok();
}

// Adds every sound frame of the stream, from `sequence` on, that lies before those in `frames`: in
// the segments from the stream's first one to `until`, or to the oldest frame where that is
// nowhere.
Status Reader::SearchShared(const Place& stream, std::uint64_t sequence,
                            const format::SharedPosition& until, std::vector<SharedFrame>* frames) {
  const std::uint64_t next_sequence =
      frames->empty() ? stream.next_sequence : frames->back().header.first_sequence;
  const std::uint64_t last_id = std::max(
      until.segment_id, frames->empty() ? stream.frames.last.segment_id : until.segment_id);
  std::vector<std::uint64_t> ids;
  {
    const std::lock_guard lock(state_->mutex);
    for (const auto& segment : state_->table.shared().segments) {
      const std::uint64_t id = segment->row.id;
      if (id >= stream.frames.first_segment_id && (last_id == 0 || id <= last_id)) {
        ids.push_back(id);
      }
    }
  }
  for (const std::uint64_t id : ids) {
    Place place;
    if (!PlaceOfShared(stream, id, &place)) continue;
    std::uint64_t offset = format::kSegmentDataOffset;
    while (offset < place.segment.row().end) {
      SharedFrame frame;
      Status fetched = place.segment.FetchFrame(offset, kFirstReadBytes, &frame.window);
      if (!fetched.ok() && !IsLost(fetched)) return fetched;
      const Result<format::FrameHeader> header =
          fetched.ok() ? format::VerifyFrame(frame.window.bytes, id, offset)
                       : Result<format::FrameHeader>(fetched);
      if (!header.ok()) {
        offset += format::kFrameAlignment;
        format::FrameHeader next;
        const Result<bool> found = place.segment.FindFrame(0, &offset, &next);
        if (!found.ok()) return found.status();
        if (!found.value()) break;
        continue;
      }
      if (header->shared() && header->stream_id == stream.stream_id &&
          header->next_sequence() > sequence && header->next_sequence() <= next_sequence) {
        frame.place = place;
        frame.header = header.value();
        frames->push_back(std::move(frame));
      }
      offset += header->total_bytes();
    }
  }
  return Status::Ok();
}

// Puts the frames that follow from *sequence on into one slab, with the positions of their records.
void Reader::CollectShared(const ReadRequest& request, const std::vector<SharedFrame>& frames,
                           std::uint64_t* sequence, ReadResult* result) {
  std::vector<const SharedFrame*> in_order;
  in_order.reserve(frames.size());
  for (const SharedFrame& frame : frames) in_order.push_back(&frame);
  std::sort(in_order.begin(), in_order.end(), [](const SharedFrame* a, const SharedFrame* b) {
    return a->header.first_sequence < b->header.first_sequence;
  });
  std::size_t slab_bytes = 0;
  std::size_t count = 0;
  std::uint64_t next = *sequence;
  for (const SharedFrame* frame : in_order) {
    if (frame->header.first_sequence > next) break;
    if (count > 0 && slab_bytes + frame->header.total_bytes() > request.bytes_max) break;
    next = std::max(next, frame->header.next_sequence());
    slab_bytes += static_cast<std::size_t>(frame->header.total_bytes());
    ++count;
  }
  SegmentWindow slab;
  slab.memory = std::make_unique_for_overwrite<std::byte[]>(slab_bytes);
  slab.bytes = ByteSpan(slab.memory.get(), slab_bytes);
  std::size_t position = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const SharedFrame& frame = *in_order[i];
    const auto bytes = static_cast<std::size_t>(frame.header.total_bytes());
    std::memcpy(slab.memory.get() + position, frame.window.bytes.data(), bytes);
    if (frame.header.next_sequence() > *sequence) {
      // So that a position in the slab gives the record's place in the segment.
      slab.offset = frame.window.offset - position;
      if (CollectFrame(request, frame.place, slab, position, frame.header, sequence, result) ==
          Walk::kDone) {
        break;
      }
    }
    position += bytes;
  }
  if (result->records.empty()) return;
  result->byte_count = slab_bytes;
  result->bytes = std::move(slab.memory);
}

}  // namespace seglog::log
