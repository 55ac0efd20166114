// SPDX-License-Identifier: MIT
#include "log/segment_view.h"

#include <algorithm>
#include <cstring>

namespace seglog::log {
namespace {

// The next sound frame behind damage is looked for in pieces of this.
constexpr std::uint64_t kSearchBytes = 1u << 20;

Status TooShort() {
  return Status(Code::kCorrupt, "the segment file is shorter than what was written");
}

bool BeginsLikeFrame(ByteSpan bytes) {
  return LoadLittle<std::uint32_t>(bytes, format::kFrameMagicOffset) == format::kFrameMagic;
}

}  // namespace

SegmentView::SegmentView(State* state, const Stream& stream, std::shared_ptr<Segment> segment)
    : state_(state),
      segment_(std::move(segment)),
      row_(segment_->row),
      stream_id_(stream.id),
      key_(stream.key),
      path_(SegmentPath(stream.key, row_)) {}

bool SegmentView::WasDropped() const {
  const std::lock_guard lock(state_->mutex);
  return segment_->dropped;
}

std::string SegmentView::KeyOf(const format::FrameHeader& header) const {
  if (!shared()) return key_;
  const std::lock_guard lock(state_->mutex);
  const Stream* stream = state_->table.FindId(header.stream_id);
  return stream == nullptr ? "" : stream->key;
}

std::uint64_t SegmentView::FirstInMemory() const {
  const std::lock_guard lock(state_->mutex);
  return segment_->memory_begin();
}

// All of these bytes are in memory: in the body that is on its way to the file, or pending behind
// it. With the state's mutex held.
void SegmentView::CopyFromMemory(std::uint64_t offset, MutableByteSpan out) const {
  const PendingBytes& pending = segment_->pending;
  if (offset < pending.begin()) {
    const ByteSpan body = segment_->body->bytes().subspan(offset - segment_->memory_begin());
    const std::size_t count = std::min(out.size(), body.size());
    std::memcpy(out.data(), body.data(), count);
    out = out.subspan(count);
    offset += count;
  }
  if (out.empty()) return;
  std::memcpy(out.data(), pending.Range(offset, offset + out.size()).data(), out.size());
}

Status SegmentView::Fetch(std::uint64_t offset, std::uint64_t bytes, SegmentWindow* window) const {
  const auto count = static_cast<std::size_t>(std::min(bytes, row_.end - offset));
  window->offset = offset;
  if (window->memory == nullptr || window->capacity < count) {
    window->memory = std::make_unique_for_overwrite<std::byte[]>(count);
    window->capacity = count;
  }
  const MutableByteSpan out(window->memory.get(), count);
  window->bytes = out;
  std::uint64_t from_file = count;
  {
    const std::lock_guard lock(state_->mutex);
    const std::uint64_t begin = segment_->memory_begin();
    if (begin < offset + count) {
      from_file = std::max(begin, offset) - offset;
      CopyFromMemory(offset + from_file, out.subspan(static_cast<std::size_t>(from_file)));
    }
  }
  if (from_file == 0) return Status::Ok();
  const Result<SegmentFiles::FileRef> file = OpenFile();
  if (!file.ok()) return file.status();
  const Result<std::size_t> read =
      file.value()->ReadAt(offset, out.first(static_cast<std::size_t>(from_file)));
  if (!read.ok()) return read.status();
  // A file that was cut elsewhere: what is left of it counts, what memory has behind the gap does
  // not.
  if (read.value() < from_file) window->bytes = window->bytes.first(read.value());
  return Status::Ok();
}

Status SegmentView::FetchFrame(std::uint64_t offset, std::uint64_t at_least,
                               SegmentWindow* window) const {
  SEGLOG_RETURN_IF_ERROR(Fetch(offset, at_least, window));
  if (window->bytes.size() < format::kFrameHeaderBytes) return TooShort();
  const Result<format::FrameHeader> header = format::DecodeFrameHeader(window->bytes);
  if (!header.ok()) return header.status();
  if (header->total_bytes() > row_.end - offset) {
    return Status(Code::kCorrupt, "a frame ends behind its segment");
  }
  if (header->total_bytes() <= window->bytes.size()) return Status::Ok();
  SEGLOG_RETURN_IF_ERROR(Fetch(offset, header->total_bytes(), window));
  return header->total_bytes() <= window->bytes.size() ? Status::Ok() : TooShort();
}

Result<SegmentView::Search> SegmentView::SearchFrame(std::uint64_t sequence, std::uint64_t* offset,
                                                     format::FrameHeader* header) const {
  if (*offset + format::kFrameHeaderBytes > row_.end) return Search::kNone;
  SegmentWindow window;
  const Status fetched = Fetch(*offset, kSearchBytes, &window);
  if (!fetched.ok() && !IsDamage(fetched)) return fetched;
  if (!fetched.ok() || window.bytes.size() < format::kFrameHeaderBytes) {
    // The file is gone or is none, or it ends here. What memory holds is sound all the same.
    const std::uint64_t in_memory = FirstInMemory();
    if (in_memory <= *offset) return Search::kNone;
    *offset = in_memory;
    return Search::kMore;
  }
  const std::uint64_t window_end = window.offset + window.bytes.size();
  for (; *offset + format::kFrameHeaderBytes <= window_end; *offset += format::kFrameAlignment) {
    const ByteSpan rest = window.bytes.subspan(static_cast<std::size_t>(*offset - window.offset));
    if (!BeginsLikeFrame(rest) || !format::DecodeFrameHeader(rest).ok()) continue;
    SegmentWindow whole;
    const Status whole_fetched = FetchFrame(*offset, kWindowBytesMin, &whole);
    if (!whole_fetched.ok()) {
      if (whole_fetched.code() == Code::kCorrupt) continue;
      return whole_fetched;
    }
    const Result<format::FrameHeader> frame = format::VerifyFrame(whole.bytes, row_.id, *offset);
    if (!frame.ok() || frame->next_sequence() <= sequence) continue;
    *header = frame.value();
    return Search::kFound;
  }
  return Search::kMore;
}

Result<bool> SegmentView::FindFrame(std::uint64_t sequence, std::uint64_t* offset,
                                    format::FrameHeader* header) const {
  while (true) {
    const Result<Search> step = SearchFrame(sequence, offset, header);
    if (!step.ok()) return step.status();
    if (step.value() != Search::kMore) return step.value() == Search::kFound;
  }
}

Damage SegmentView::DamageAt(std::uint64_t offset, std::uint64_t bytes, const std::string& what,
                             std::uint64_t first, std::uint64_t next) const {
  Damage damage;
  damage.file = path_;
  damage.key = key_;
  damage.offset = offset;
  damage.bytes = bytes;
  damage.what = what;
  if (next > first) {
    damage.first_sequence = first;
    damage.last_sequence = next - 1;
  }
  return damage;
}

}  // namespace seglog::log
