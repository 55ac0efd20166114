// SPDX-License-Identifier: MIT
#include "log/reader.h"

#include <algorithm>

#include "log/catalog_sense.h"

namespace seglog::log {
namespace {

// Hints of so many segments are kept; more start anew.
constexpr std::size_t kHintedSegmentsMax = 4096;

// Of the frame at `position` of the window.
RecordPlace PlaceOf(const SegmentView& segment, const SegmentWindow& window, std::size_t position,
                    const format::FrameHeader& header) {
  RecordPlace place;
  place.file = segment.path();
  place.segment_id = segment.row().id;
  place.frame_offset = window.offset + position;
  place.frame_position = position;
  place.frame_bytes = header.total_bytes();
  place.in_file = place.frame_offset + place.frame_bytes <= segment.FirstInMemory();
  return place;
}

}  // namespace

void Reader::Read(const ReadRequest& request, ReadResult* result) {
  std::uint64_t sequence = std::max<std::uint64_t>(request.from_sequence, 1);
  Place place;
  while (FindPlace(request, &sequence, &place, result)) {
    result->status = place.shared ? ReadShared(request, place, &sequence, result)
                                  : ReadSegment(request, place, &sequence, result);
    if (result->records.empty() && WasDropped(place, sequence)) {
      result->status = Status::Ok();
      result->damage.clear();
      continue;
    }
    if (!result->status.ok() || !result->records.empty()) break;
  }
  result->next_sequence = sequence;
  if (result->status.ok() && (sequence > request.to_sequence || sequence >= place.limit)) {
    result->at_end = true;
  }
}

// The segment that holds `sequence`; false when the request ends before it.
bool Reader::FindPlace(const ReadRequest& request, std::uint64_t* sequence, Place* place,
                       ReadResult* result) {
  const std::lock_guard lock(state_->mutex);
  Stream& stream = state_->table.at(request.stream);
  place->limit = request.accepted ? stream.next_sequence : stream.visible_next;
  *sequence = std::max(*sequence, stream.first_sequence);
  const std::uint64_t shared_next = stream.shared_next_sequence();
  if (request.from_lsn > stream.shared.last_lsn) *sequence = std::max(*sequence, shared_next);
  if (*sequence >= place->limit || *sequence > request.to_sequence) {
    result->at_end = true;
    return false;
  }
  place->stream = request.stream;
  place->stream_id = stream.id;
  place->key = stream.key;
  place->shared = *sequence < shared_next;
  if (place->shared) {
    place->frames = stream.shared;
    place->next_sequence = shared_next;
    return true;
  }
  auto after = std::upper_bound(stream.segments.begin(), stream.segments.end(), *sequence,
                                [](std::uint64_t wanted, const auto& segment) {
                                  return wanted < segment->row.first_sequence;
                                });
  if (after == stream.segments.begin()) ++after;
  std::shared_ptr<Segment> segment = *std::prev(after);
  while (after != stream.segments.end() && request.from_lsn > segment->row.last_lsn) {
    segment = *after++;
  }
  place->segment = SegmentView(state_, stream, std::move(segment));
  return true;
}

bool Reader::WasDropped(const Place& place, std::uint64_t sequence) {
  if (!place.shared) return place.segment.WasDropped();
  const std::lock_guard lock(state_->mutex);
  return sequence < state_->table.at(place.stream).first_sequence;
}

Status Reader::FindStart(const ReadRequest& request, const Place& place, std::uint64_t sequence,
                         std::uint64_t* offset) {
  if (hints_.size() > kHintedSegmentsMax) hints_.clear();
  const format::CatalogSegment& row = place.segment.row();
  Hints& hints = hints_[row.id];
  SEGLOG_RETURN_IF_ERROR(CheckHeader(place.segment, &hints));
  if (row.footer_offset != 0 && !hints.footer_tried) {
    SEGLOG_RETURN_IF_ERROR(LoadFooter(place.segment, &hints));
  }
  *offset = format::kSegmentDataOffset;
  for (const format::IndexEntry& entry : hints.entries) {
    const bool before =
        entry.sequence <= sequence || (request.from_lsn > 0 && entry.lsn <= request.from_lsn);
    if (!before) break;
    *offset = entry.offset;
  }
  return Status::Ok();
}

// A file of a version that is not known is refused, whatever its frames look like; but a damaged
// bit may look like a version, so that who reads around damage tries the frames all the same. A
// header that is damaged otherwise does no harm: frames have checksums of their own.
Status Reader::CheckHeader(const SegmentView& segment, Hints* hints) {
  if (segment.row().destaged == 0 || hints->header_tried || state_->options.skip_corruption) {
    return Status::Ok();
  }
  const Result<SegmentFiles::FileRef> file = segment.OpenFile();
  if (!file.ok()) return Status::Ok();  // Met again where it matters.
  AlignedBuffer page;
  page.Resize(kPageBytes);
  const Result<std::size_t> read = file.value()->ReadAt(0, page.mutable_bytes());
  if (!read.ok()) return read.status();
  const Result<format::SegmentHeader> header =
      format::DecodeSegmentHeader(page.bytes().first(read.value()));
  const bool unknown = header.status().code() == Code::kFormatUnsupported;
  hints->header_tried = !unknown;
  return unknown ? header.status().WithPath(segment.path()) : Status::Ok();
}

// A footer that fails its checks is no hint; its segment is walked from the start instead.
Status Reader::LoadFooter(const SegmentView& segment, Hints* hints) {
  const Result<SegmentFiles::FileRef> file = segment.OpenFile();
  if (!file.ok()) return Status::Ok();
  const format::CatalogSegment& row = segment.row();
  AlignedBuffer bytes;
  bytes.Resize(static_cast<std::size_t>(row.footer_bytes));
  const Result<std::size_t> read = file.value()->ReadAt(row.footer_offset, bytes.mutable_bytes());
  hints->footer_tried = true;
  if (!read.ok() || read.value() != bytes.size()) return Status::Ok();
  Result<format::SegmentFooter> footer =
      format::DecodeFooter(bytes.bytes(), row.id, row.footer_offset);
  if (footer.ok()) hints->entries = std::move(footer->index);
  const bool unknown =
      footer.status().code() == Code::kFormatUnsupported && !state_->options.skip_corruption;
  hints->footer_tried = !unknown;
  return unknown ? footer.status().WithPath(segment.path()) : Status::Ok();
}

void Reader::NoteHint(std::uint64_t segment_id, const format::FrameHeader& header,
                      std::uint64_t offset) {
  std::vector<format::IndexEntry>& entries = hints_[segment_id].entries;
  if (!entries.empty() && offset < entries.back().offset + format::kIndexStrideBytes) return;
  entries.push_back({.sequence = header.first_sequence,
                     .lsn = header.first_lsn,
                     .time_us = header.time_us,
                     .offset = offset});
}

// Collects from one segment until there is something to return or the segment ends.
Status Reader::ReadSegment(const ReadRequest& request, const Place& place, std::uint64_t* sequence,
                           ReadResult* result) {
  const format::CatalogSegment& row = place.segment.row();
  std::uint64_t offset = 0;
  SEGLOG_RETURN_IF_ERROR(FindStart(request, place, *sequence, &offset));
  while (result->records.empty() && offset < row.end) {
    SegmentWindow window;
    const std::uint64_t bytes =
        std::max<std::uint64_t>(request.bytes_max, SegmentView::kWindowBytesMin);
    Status fetched = place.segment.FetchFrame(offset, bytes, &window);
    std::size_t position = 0;
    Walk walk = Walk::kMore;
    while (fetched.ok() && walk == Walk::kMore && position < window.bytes.size()) {
      const ByteSpan rest = window.bytes.subspan(position);
      if (position > 0 && rest.size() < format::kFrameHeaderBytes) break;
      if (const auto header = format::DecodeFrameHeader(rest);
          position > 0 && header.ok() && header->total_bytes() > rest.size()) {
        break;  // The next window begins with this frame.
      }
      Result<format::FrameHeader> frame = format::VerifyFrame(rest, row.id, offset);
      if (frame.ok() &&
          (frame->next_sequence() > row.next_sequence || frame->first_lsn >= kCounterLimit)) {
        frame = Status(Code::kCorrupt, "a frame's numbers are not the segment's");
      }
      if (!frame.ok()) {
        fetched = frame.status();
        break;
      }
      NoteHint(row.id, frame.value(), offset);
      if (frame->next_sequence() > *sequence && frame->record_count > 0) {
        walk = CollectFrame(request, place, window, position, frame.value(), sequence, result);
      }
      if (walk == Walk::kDone) break;
      offset += frame->total_bytes();
      position += static_cast<std::size_t>(frame->total_bytes());
    }
    if (!result->records.empty()) {
      result->byte_count = window.bytes.size();
      result->bytes = std::move(window.memory);
      return Status::Ok();  // Damage behind these records is met by the next request.
    }
    if (!fetched.ok())
      SEGLOG_RETURN_IF_ERROR(SkipDamage(request, place, fetched, &offset, sequence, result));
    if (walk == Walk::kDone) return result->status;
  }
  if (result->records.empty() && *sequence < row.next_sequence && request.from_lsn == 0) {
    const Status cut(Code::kCorrupt, "a segment ends before its last record");
    result->damage.push_back(
        place.segment.DamageAt(offset, 0, cut.message(), *sequence, row.next_sequence));
    if (!request.skip_corruption) return cut.WithPath(place.segment.path());
  }
  if (result->records.empty()) *sequence = std::max(*sequence, row.next_sequence);
  return Status::Ok();
}

// Adds the frame's records from *sequence on, up to the first that is not wanted or not sound.
Reader::Walk Reader::CollectFrame(const ReadRequest& request, const Place& place,
                                  const SegmentWindow& window, std::size_t position,
                                  const format::FrameHeader& header, std::uint64_t* sequence,
                                  ReadResult* result) {
  const std::size_t body_start = position + format::kFrameHeaderBytes;
  const ByteSpan body = window.bytes.subspan(body_start, header.body_bytes);
  const std::uint64_t body_offset = window.offset + body_start;
  RecordWalk walk(header, body, place.segment.row().id, body_offset, *sequence);
  while (!walk.done()) {
    const std::uint64_t each = walk.sequence();
    if (each > request.to_sequence || each >= place.limit) return Walk::kDone;
    const Result<format::RecordView> record = walk.Decode();
    if (!record.ok()) {
      if (!result->records.empty()) return Walk::kDone;
      const std::uint64_t first = std::max(each, *sequence);
      Damage damage = place.segment.DamageAt(body_offset + walk.offset(), walk.hidden_bytes(),
                                             record.status().message(), first, walk.hidden_until());
      damage.key = place.key;
      damage.first_lsn = damage.last_lsn = walk.hidden_lsn();
      result->damage.push_back(damage);
      if (!request.skip_corruption) {
        *sequence = first;
        result->status = record.status().WithPath(place.segment.path());
        return Walk::kDone;
      }
      *sequence = walk.hidden_until();
      walk.PassDamaged();
      continue;
    }
    const std::uint64_t lsn = walk.Lsn(record.value());
    if (each >= *sequence && lsn >= request.from_lsn) {
      if (result->records.empty()) {
        result->first_sequence = each;
        if (request.locate) {
          result->place = PlaceOf(place.segment, window, position, header);
          result->place.record_offset = body_offset + walk.offset();
        }
      }
      AddColumns(window, header, record.value(), lsn, result);
    }
    if (each >= *sequence) *sequence = each + 1;
    walk.Pass(record.value());
  }
  return Walk::kMore;
}

void Reader::AddColumns(const SegmentWindow& window, const format::FrameHeader& header,
                        const format::RecordView& record, std::uint64_t lsn, ReadResult* result) {
  const auto offset_of = [&](ByteSpan part) {
    return static_cast<std::uint32_t>(part.empty() ? 0 : part.data() - window.bytes.data());
  };
  result->records.push_back(
      {.lsn = lsn,
       .time_us = header.time_us,
       .headers_offset = offset_of(record.user_headers),
       .headers_bytes = static_cast<std::uint32_t>(record.user_headers.size()),
       .data_offset = offset_of(record.data),
       .data_bytes = static_cast<std::uint32_t>(record.data.size()),
       .kind = record.kind});
}

// Nothing was collected before the damage at *offset. An error, or on to the next sound frame.
Status Reader::SkipDamage(const ReadRequest& request, const Place& place, const Status& cause,
                          std::uint64_t* offset, std::uint64_t* sequence, ReadResult* result) {
  if (!IsLost(cause)) return cause;
  const SegmentView& segment = place.segment;
  std::uint64_t found = *offset + format::kFrameAlignment;
  format::FrameHeader header;
  const Result<bool> more = segment.FindFrame(*sequence, &found, &header);
  if (!more.ok()) return more.status();
  const std::uint64_t next = more.value() ? header.first_sequence : segment.row().next_sequence;
  if (!more.value()) found = segment.row().end;
  result->damage.push_back(
      segment.DamageAt(*offset, found - *offset, cause.message(), *sequence, next));
  if (!request.skip_corruption) {
    return Status(Code::kCorrupt, cause.message()).WithPath(segment.path());
  }
  *offset = found;
  *sequence = std::max(*sequence, next);
  return Status::Ok();
}

}  // namespace seglog::log
