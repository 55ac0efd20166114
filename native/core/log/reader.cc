// SPDX-License-Identifier: MIT
#include "log/reader.h"

#include <algorithm>
#include <cstring>

namespace seglog::log {
namespace {

constexpr std::uint64_t kWindowBytesMin = 64 * 1024;
// The next sound frame behind damage is looked for in pieces of this.
constexpr std::uint64_t kSearchBytes = 1u << 20;
// Hints of so many segments are kept; more start anew.
constexpr std::size_t kHintedSegmentsMax = 4096;

Damage DamageAt(const std::string& file, const std::string& key, std::uint64_t offset,
                std::uint64_t bytes, const Status& cause) {
  Damage damage;
  damage.file = file;
  damage.key = key;
  damage.offset = offset;
  damage.bytes = bytes;
  damage.what = cause.message();
  return damage;
}

Status TooShort() {
  return Status(Code::kCorrupt, "the segment file is shorter than what was written");
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
  const format::CatalogSegment& row = segment->row;
  place->segment = segment;
  place->segment_id = row.id;
  place->end = row.end;
  place->footer_offset = row.footer_offset;
  place->footer_bytes = row.footer_bytes;
  place->next_sequence = row.next_sequence;
  place->is_last = segment == stream.segments.back();
  place->path = SegmentPath(stream.key, row);
  return true;
}

bool Reader::WasDropped(const Place& place, std::uint64_t sequence) {
  const std::lock_guard lock(state_->mutex);
  return place.shared ? sequence < state_->table.at(place.stream).first_sequence
                      : place.segment->dropped;
}

// Bytes [offset, offset + bytes) of the segment, cut at its end.
Status Reader::Fetch(const Place& place, std::uint64_t offset, std::uint64_t bytes,
                     Window* window) {
  const auto count = static_cast<std::size_t>(std::min(bytes, place.end - offset));
  window->offset = offset;
  window->memory = std::make_unique_for_overwrite<std::byte[]>(count);
  const MutableByteSpan out(window->memory.get(), count);
  window->bytes = out;
  std::uint64_t from_file = count;
  {
    const std::lock_guard lock(state_->mutex);
    const PendingBytes& pending = place.segment->pending;
    if (pending.begin() < offset + count) {
      const std::uint64_t begin = std::max(pending.begin(), offset);
      const ByteSpan bytes_in_memory = pending.Range(begin, offset + count);
      from_file = begin - offset;
      std::memcpy(out.data() + from_file, bytes_in_memory.data(), bytes_in_memory.size());
    }
  }
  if (from_file == 0) return Status::Ok();
  const Result<SegmentFiles::FileRef> file = state_->segment_files.ForReading(place.path);
  if (!file.ok()) return file.status();
  const Result<std::size_t> read =
      file.value()->ReadAt(offset, out.first(static_cast<std::size_t>(from_file)));
  if (!read.ok()) return read.status();
  // A file that was cut elsewhere: what is left of it counts, what memory has behind the gap does
  // not.
  if (read.value() < from_file) window->bytes = window->bytes.first(read.value());
  return Status::Ok();
}

// A window of at least `at_least` bytes that begins with a frame, and holds all of it.
Status Reader::FetchFrame(const Place& place, std::uint64_t offset, std::uint64_t at_least,
                          Window* window) {
  SEGLOG_RETURN_IF_ERROR(Fetch(place, offset, at_least, window));
  if (window->bytes.size() < format::kFrameHeaderBytes) return TooShort();
  const Result<format::FrameHeader> header = format::DecodeFrameHeader(window->bytes);
  if (!header.ok()) return header.status();
  if (header->total_bytes() > place.end - offset) {
    return Status(Code::kCorrupt, "a frame ends behind its segment");
  }
  if (header->total_bytes() <= window->bytes.size()) return Status::Ok();
  SEGLOG_RETURN_IF_ERROR(Fetch(place, offset, header->total_bytes(), window));
  return header->total_bytes() <= window->bytes.size() ? Status::Ok() : TooShort();
}

std::uint64_t Reader::StartOffset(const ReadRequest& request, const Place& place,
                                  std::uint64_t sequence) {
  if (hints_.size() > kHintedSegmentsMax) hints_.clear();
  Hints& hints = hints_[place.segment_id];
  if (place.footer_offset != 0 && !hints.footer_tried) LoadFooter(place, &hints);
  std::uint64_t offset = format::kSegmentDataOffset;
  for (const format::IndexEntry& entry : hints.entries) {
    const bool before =
        entry.sequence <= sequence || (request.from_lsn > 0 && entry.lsn <= request.from_lsn);
    if (!before) break;
    offset = entry.offset;
  }
  return offset;
}

// A footer that fails its checks is no hint; its segment is walked from the start instead.
void Reader::LoadFooter(const Place& place, Hints* hints) {
  hints->footer_tried = true;
  const Result<SegmentFiles::FileRef> file = state_->segment_files.ForReading(place.path);
  if (!file.ok()) return;
  AlignedBuffer bytes;
  bytes.Resize(static_cast<std::size_t>(place.footer_bytes));
  const Result<std::size_t> read = file.value()->ReadAt(place.footer_offset, bytes.mutable_bytes());
  if (!read.ok() || read.value() != bytes.size()) return;
  Result<format::SegmentFooter> footer =
      format::DecodeFooter(bytes.bytes(), place.segment_id, place.footer_offset);
  if (footer.ok()) hints->entries = std::move(footer->index);
}

void Reader::NoteHint(const Place& place, const format::FrameHeader& header, std::uint64_t offset) {
  std::vector<format::IndexEntry>& entries = hints_[place.segment_id].entries;
  if (!entries.empty() && offset < entries.back().offset + format::kIndexStrideBytes) return;
  entries.push_back({.sequence = header.first_sequence,
                     .lsn = header.first_lsn,
                     .time_us = header.time_us,
                     .offset = offset});
}

// Collects from one segment until there is something to return or the segment ends.
Status Reader::ReadSegment(const ReadRequest& request, const Place& place, std::uint64_t* sequence,
                           ReadResult* result) {
  std::uint64_t offset = StartOffset(request, place, *sequence);
  while (result->records.empty() && offset < place.end) {
    Window window;
    Status fetched =
        FetchFrame(place, offset, std::max(request.bytes_max, kWindowBytesMin), &window);
    std::size_t position = 0;
    Walk walk = Walk::kMore;
    while (fetched.ok() && walk == Walk::kMore && position < window.bytes.size()) {
      const ByteSpan rest = window.bytes.subspan(position);
      if (position > 0 && rest.size() < format::kFrameHeaderBytes) break;
      if (const auto header = format::DecodeFrameHeader(rest);
          position > 0 && header.ok() && header->total_bytes() > rest.size()) {
        break;  // The next window begins with this frame.
      }
      const Result<format::FrameHeader> frame = format::VerifyFrame(rest, place.segment_id, offset);
      if (!frame.ok()) {
        fetched = frame.status();
        break;
      }
      NoteHint(place, frame.value(), offset);
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
  if (result->records.empty() && *sequence < place.next_sequence && request.from_lsn == 0) {
    return Status(Code::kCorrupt, "a segment ends before its last record").WithPath(place.path);
  }
  if (result->records.empty()) *sequence = std::max(*sequence, place.next_sequence);
  return Status::Ok();
}

// Adds the frame's records from *sequence on, up to the first that is not wanted or not sound.
// Where records can be found by the frame's table, one that is damaged hides none but itself.
Reader::Walk Reader::CollectFrame(const ReadRequest& request, const Place& place,
                                  const Window& window, std::size_t position,
                                  const format::FrameHeader& header, std::uint64_t* sequence,
                                  ReadResult* result) {
  const std::size_t body_start = position + format::kFrameHeaderBytes;
  const ByteSpan body = window.bytes.subspan(body_start, header.body_bytes);
  const bool by_table = header.has_table() && !header.has_lsn_differences();
  std::uint32_t index = 0;
  if (by_table && *sequence > header.first_sequence) {
    index = static_cast<std::uint32_t>(*sequence - header.first_sequence);
  }
  std::uint64_t lsn = header.first_lsn;
  std::size_t at = 0;
  for (; index < header.record_count; ++index) {
    const std::uint64_t each = header.first_sequence + index;
    if (each > request.to_sequence || each >= place.limit) return Walk::kDone;
    if (by_table) {
      const Result<std::size_t> found = format::RecordOffset(header, body, index);
      if (found.ok()) at = found.value();
    }
    const ByteSpan rest = body.first(header.records_bytes()).subspan(at);
    const Result<format::RecordView> record = format::DecodeRecord(
        rest, header.has_lsn_differences(), place.segment_id, window.offset + body_start + at);
    if (!record.ok()) {
      if (!result->records.empty()) return Walk::kDone;
      Damage damage = DamageAt(place.path, place.key, window.offset + body_start + at, rest.size(),
                               record.status());
      damage.first_sequence = std::max(each, *sequence);
      damage.last_sequence = by_table ? each : header.next_sequence() - 1;
      if (by_table) damage.first_lsn = damage.last_lsn = header.first_lsn + index;
      result->damage.push_back(damage);
      *sequence = damage.last_sequence + 1;
      if (!request.skip_corruption) {
        *sequence = damage.first_sequence;
        result->status = record.status().WithPath(place.path);
        return Walk::kDone;
      }
      if (!by_table) return Walk::kMore;
      continue;
    }
    if (by_table) {
      lsn = header.first_lsn + index;
    } else if (index > 0) {
      lsn += record->lsn_difference;
    }
    if (each >= *sequence && lsn >= request.from_lsn) {
      if (result->records.empty()) result->first_sequence = each;
      AddColumns(window, header, record.value(), lsn, result);
    }
    if (each >= *sequence) *sequence = each + 1;
    at += record->stored_bytes;
  }
  return Walk::kMore;
}

void Reader::AddColumns(const Window& window, const format::FrameHeader& header,
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
  if (cause.code() != Code::kCorrupt && cause.code() != Code::kNotFound) return cause;
  std::uint64_t found = place.end;
  format::FrameHeader header;
  const bool more = FindNextFrame(place, *offset, *sequence, &found, &header);
  const std::uint64_t next = more ? header.first_sequence : place.next_sequence;
  Damage damage = DamageAt(place.path, place.key, *offset, found - *offset, cause);
  damage.first_sequence = *sequence;
  damage.last_sequence = next - 1;
  result->damage.push_back(damage);
  if (!request.skip_corruption) {
    return Status(Code::kCorrupt, cause.message()).WithPath(place.path);
  }
  *offset = found;
  *sequence = std::max(*sequence, next);
  return Status::Ok();
}

std::uint64_t Reader::FirstInMemory(const Place& place) {
  const std::lock_guard lock(state_->mutex);
  return place.segment->pending.begin();
}

// The first frame behind `offset` that verifies and brings sequences from `sequence` on.
bool Reader::FindNextFrame(const Place& place, std::uint64_t offset, std::uint64_t sequence,
                           std::uint64_t* found, format::FrameHeader* header) {
  Window window;
  for (std::uint64_t at = offset + format::kFrameAlignment;
       at + format::kFrameHeaderBytes <= place.end; at += format::kFrameAlignment) {
    if (at + format::kFrameHeaderBytes > window.offset + window.bytes.size()) {
      const Status fetched = Fetch(place, at, kSearchBytes, &window);
      if (!fetched.ok() || window.bytes.size() < format::kFrameHeaderBytes) {
        // The file is gone, or ends here. What memory holds is sound all the same.
        const std::uint64_t in_memory = FirstInMemory(place);
        if (in_memory <= at) return false;
        at = in_memory - format::kFrameAlignment;
        window = Window();
        continue;
      }
    }
    const ByteSpan rest = window.bytes.subspan(static_cast<std::size_t>(at - window.offset));
    if (!format::DecodeFrameHeader(rest).ok()) continue;
    Window whole;
    if (!FetchFrame(place, at, kWindowBytesMin, &whole).ok()) continue;
    const Result<format::FrameHeader> frame =
        format::VerifyFrame(whole.bytes, place.segment_id, at);
    if (!frame.ok() || frame->next_sequence() <= sequence) continue;
    *found = at;
    *header = frame.value();
    return true;
  }
  return false;
}

}  // namespace seglog::log
