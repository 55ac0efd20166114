// SPDX-License-Identifier: MIT
#include "log/segment_check.h"

#include <algorithm>

#include "log/frame_check.h"
#include "log/segment_summary.h"

namespace seglog::log {

SegmentOrigin OriginOf(const State& state, const Stream& stream, const Segment* before) {
  if (before == nullptr) {
    return {.log_uuid = state.log_uuid, .previous_chain = stream.dropped_chain};
  }
  return {.log_uuid = state.log_uuid,
          .previous_id = before->row.id,
          .previous_next_sequence = before->row.next_sequence,
          .previous_chain = before->row.chain_sha256};
}

SegmentCheck::SegmentCheck(SegmentView view, const SegmentOrigin& origin, SharedCheck* links)
    : view_(std::move(view)),
      origin_(origin),
      links_(links),
      expected_sequence_(view_.row().first_sequence) {
  const format::CatalogSegment& row = view_.row();
  footer_.segment_id = row.id;
  footer_.stream_id = view_.stream_id();
  footer_.data_end = row.end;
  footer_.first_sequence = row.first_sequence;
  footer_.last_sequence = row.first_sequence - 1;
  footer_.previous_chain_sha256 = origin.previous_chain;
}

Status SegmentCheck::Step() {
  switch (phase_) {
    case Phase::kHeader:
      return CheckHeader();
    case Phase::kFrames:
      return CheckFrames();
    case Phase::kSearch:
      return Search();
    case Phase::kFooter:
      return CheckFooter();
    case Phase::kDone:
      break;
  }
  SEGLOG_ASSERT(false);
}

Status SegmentCheck::CheckHeader() {
  phase_ = Phase::kFrames;
  position_ = format::kSegmentDataOffset;
  if (origin_.previous_id != 0 && origin_.previous_next_sequence != expected_sequence_) {
    AddDamage(0, 0, "the segment does not begin where the one before it ends",
              origin_.previous_next_sequence, expected_sequence_);
  }
  // A segment of which nothing is destaged has no file yet.
  if (view_.row().destaged == 0) return Status::Ok();
  SegmentWindow page;
  Status fetched = view_.Fetch(0, format::kSegmentDataOffset, &page);
  if (!fetched.ok()) {
    if (!IsDamage(fetched)) return fetched;
    BeginSearch(0, fetched);
    return Status::Ok();
  }
  const Result<format::SegmentHeader> header = format::DecodeSegmentHeader(page.bytes);
  if (!header.ok()) {
    AddDamage(0, format::kSegmentDataOffset, header.status().message());
    frames_are_sound_ = false;
    return Status::Ok();
  }
  content_.Update(page.bytes);
  CheckHeaderFields(header.value());
  return Status::Ok();
}

void SegmentCheck::CheckHeaderFields(const format::SegmentHeader& header) {
  const format::CatalogSegment& row = view_.row();
  if (header.segment_id != row.id || header.log_uuid != origin_.log_uuid) {
    // Nothing else in it is of this segment.
    BeginSearch(0, Status(Code::kCorrupt, "the file is another segment's"));
    return;
  }
  const bool right =
      header.stream_id == view_.stream_id() && header.key == view_.key() &&
      header.first_sequence == row.first_sequence && header.created_us == row.created_us &&
      (origin_.previous_id == 0 || header.previous_segment_id == origin_.previous_id);
  if (!right) {
    AddDamage(0, format::kSegmentDataOffset, "the segment's header contradicts the catalogue");
  }
}

Status SegmentCheck::CheckFrames() {
  const format::CatalogSegment& row = view_.row();
  if (position_ == row.end) {
    EndFrames();
    return Status::Ok();
  }
  SegmentWindow& window = window_;
  Status sound = view_.FetchFrame(position_, kPieceBytes, &window);
  std::size_t used = 0;
  while (sound.ok() && used < window.bytes.size()) {
    const ByteSpan rest = window.bytes.subspan(used);
    if (used > 0) {
      // The next piece begins with a frame that is not all in this one.
      if (rest.size() < format::kFrameHeaderBytes) break;
      const Result<format::FrameHeader> next = format::DecodeFrameHeader(rest);
      if (next.ok() && next->total_bytes() > rest.size()) break;
    }
    const Result<format::FrameHeader> frame = format::VerifyFrame(rest, row.id, position_);
    if (!frame.ok()) {
      sound = frame.status();
      break;
    }
    const auto bytes = static_cast<std::size_t>(frame->total_bytes());
    CheckOneFrame(rest.first(bytes), frame.value());
    used += bytes;
    position_ += bytes;
  }
  if (row.state != format::SegmentState::kOpen) content_.Update(window.bytes.first(used));
  if (sound.ok()) return Status::Ok();
  if (!IsDamage(sound)) return sound;
  BeginSearch(position_, sound);
  return Status::Ok();
}

// The frame lies at position_, and its header and table verified.
void SegmentCheck::CheckOneFrame(ByteSpan bytes, const format::FrameHeader& header) {
  CheckOrder(header);
  const Result<std::uint64_t> last_lsn =
      CheckRecords(header, bytes.subspan(format::kFrameHeaderBytes), view_.row().id,
                   position_ + format::kFrameHeaderBytes, nullptr);
  if (last_lsn.ok()) {
    sound_records_ += header.record_count;
    CountFrame(header, position_, last_lsn.value(), &footer_);
  } else {
    frames_are_sound_ = false;
    NameBadRecords(bytes, header);
  }
  if (links_ != nullptr && header.shared()) {
    links_->Add(header, {.segment_id = view_.row().id, .offset = position_});
  }
  expected_sequence_ =
      view_.shared() ? expected_sequence_ + header.record_count : header.next_sequence();
}

// One entry for records that are damaged side by side.
void SegmentCheck::NameBadRecords(ByteSpan bytes, const format::FrameHeader& header) {
  const std::uint64_t body_offset = position_ + format::kFrameHeaderBytes;
  RecordWalk walk(header, bytes.subspan(format::kFrameHeaderBytes), view_.row().id, body_offset,
                  header.first_sequence);
  Damage run;
  const auto end_run = [&] {
    if (run.bytes > 0) damage_.Add(std::exchange(run, Damage()));
  };
  const std::uint64_t sound_before = sound_records_;
  while (!walk.done()) {
    const Result<format::RecordView> record = walk.Decode();
    if (record.ok()) {
      end_run();
      ++sound_records_;
      walk.Pass(record.value());
      continue;
    }
    if (run.bytes == 0) {
      run = view_.DamageAt(body_offset + walk.offset(), 0, record.status().message(),
                           walk.sequence(), walk.hidden_until());
      run.key = view_.KeyOf(header);
      run.first_lsn = walk.hidden_lsn();
    }
    run.bytes += walk.hidden_bytes();
    run.last_sequence = walk.hidden_until() - 1;
    run.last_lsn = walk.hidden_lsn();
    walk.PassDamaged();
  }
  end_run();
  if (sound_records_ - sound_before < header.record_count) return;
  Damage damage =
      view_.DamageAt(position_, header.total_bytes(), "a frame's records do not fill it",
                     header.first_sequence, header.next_sequence());
  damage.key = view_.KeyOf(header);
  damage_.Add(std::move(damage));
}

// What a checksum cannot tell: that the frame belongs here, in the order of the stream.
void SegmentCheck::CheckOrder(const format::FrameHeader& header) {
  const char* wrong = StrangenessOf(header);
  std::uint64_t first = header.first_sequence;
  std::uint64_t next = header.next_sequence();
  if (wrong != nullptr || view_.shared()) {
    // What a shared segment's frames follow on lies anywhere before them: that is for links_.
  } else if (header.first_sequence > expected_sequence_) {
    wrong = "records are missing before this frame";
    first = expected_sequence_;
    next = header.first_sequence;
  } else if (header.first_sequence < expected_sequence_) {
    wrong = "a frame repeats sequences";
  } else if (!header.filler() && header.first_lsn <= footer_.last_lsn) {
    wrong = "a frame's LSNs do not rise";
  }
  if (wrong == nullptr) return;
  frames_are_sound_ = false;
  AddDamage(position_, header.total_bytes(), wrong, first, next);
}

// A shared segment has frames of streams, and fillers of its own.
const char* SegmentCheck::StrangenessOf(const format::FrameHeader& header) const {
  const bool of_this_row = header.stream_id == view_.stream_id();
  const bool expects_shared = view_.shared() && !header.filler();
  if (header.shared() == expects_shared && of_this_row != expects_shared) return nullptr;
  return "a frame of another stream";
}

// Bytes from `from` on are damaged: on to the next sound frame. In a shared segment nothing tells
// which records they held, but links_ does at the end.
void SegmentCheck::BeginSearch(std::uint64_t from, const Status& cause) {
  frames_are_sound_ = false;
  search_from_ = from;
  search_position_ = std::max(from + format::kFrameAlignment, format::kSegmentDataOffset);
  search_cause_ = cause.message();
  phase_ = Phase::kSearch;
}

Status SegmentCheck::Search() {
  format::FrameHeader header;
  const Result<SegmentView::Search> step =
      view_.SearchFrame(view_.shared() ? 0 : expected_sequence_, &search_position_, &header);
  if (!step.ok()) return step.status();
  if (step.value() == SegmentView::Search::kMore) return Status::Ok();
  const bool found = step.value() == SegmentView::Search::kFound;
  const format::CatalogSegment& row = view_.row();
  position_ = found ? search_position_ : row.end;
  const std::uint64_t next = found ? header.first_sequence : row.next_sequence;
  if (search_from_ == 0 && !found) file_is_ours_ = false;
  AddDamage(search_from_, position_ - search_from_, search_cause_, expected_sequence_, next);
  if (!view_.shared()) expected_sequence_ = std::max(expected_sequence_, next);
  phase_ = Phase::kFrames;
  return Status::Ok();
}

void SegmentCheck::EndFrames() {
  const format::CatalogSegment& row = view_.row();
  const bool ended = row.state != format::SegmentState::kOpen;
  const bool countable = frames_are_sound_ || !view_.shared();
  if (countable && expected_sequence_ < row.next_sequence) {
    frames_are_sound_ = false;
    AddDamage(row.end, 0, "the segment ends before its last record", expected_sequence_,
              row.next_sequence);
  } else if (const char* difference = DifferenceFromRow(); frames_are_sound_ && difference) {
    AddDamage(0, row.end, difference, row.first_sequence, row.next_sequence);
  }
  if (ended && frames_are_sound_) {
    footer_.content_sha256 = content_.Finish();
    footer_.chain_sha256 =
        format::ChainSha256(footer_.previous_chain_sha256, footer_.content_sha256);
  }
  const bool has_footer = row.state == format::SegmentState::kSealed && file_is_ours_;
  phase_ = has_footer ? Phase::kFooter : Phase::kDone;
}

const char* SegmentCheck::DifferenceFromRow() const {
  const format::CatalogSegment& row = view_.row();
  if (expected_sequence_ != row.next_sequence) return "the catalogue counts fewer records";
  if (footer_.first_lsn != row.first_lsn || footer_.last_lsn != row.last_lsn) {
    return "the catalogue has other LSNs";
  }
  if (footer_.first_time_us != row.first_time_us || footer_.last_time_us != row.last_time_us) {
    return "the catalogue has other times";
  }
  return nullptr;
}

Status SegmentCheck::CheckFooter() {
  phase_ = Phase::kDone;
  const format::CatalogSegment& row = view_.row();
  position_ = StoredBytes(row);
  const Result<SegmentFiles::FileRef> file = view_.OpenFile();
  if (!file.ok()) {
    if (!IsDamage(file.status())) return file.status();
    AddDamage(row.footer_offset, row.footer_bytes, file.status().message());
    return Status::Ok();
  }
  bool long_enough = false;
  SEGLOG_RETURN_IF_ERROR(CheckLength(file.value().get(), &long_enough));
  if (!long_enough) return Status::Ok();
  AlignedBuffer bytes;
  bytes.Resize(static_cast<std::size_t>(StoredBytes(row) - row.end));
  const Result<std::size_t> read = file.value()->ReadAt(row.end, bytes.mutable_bytes());
  if (!read.ok()) return read.status();
  if (read.value() < bytes.size()) {
    // It was long enough just now.
    AddDamage(row.end + read.value(), bytes.size() - read.value(),
              "the sealed file is shorter than it was");
    return Status::Ok();
  }
  CheckFooterBytes(bytes.mutable_bytes());
  return Status::Ok();
}

Status SegmentCheck::CheckLength(io::File* file, bool* long_enough) {
  const Result<std::uint64_t> size = file->Size();
  if (!size.ok()) return size.status();
  const std::uint64_t expected = StoredBytes(view_.row());
  *long_enough = size.value() >= expected;
  if (size.value() < expected) {
    AddDamage(size.value(), expected - size.value(), "the sealed file is shorter than it was");
  } else if (size.value() > expected) {
    AddDamage(expected, size.value() - expected, "the sealed file is longer than it was");
  }
  return Status::Ok();
}

// `bytes`: from the end of the last frame to the end of the file.
void SegmentCheck::CheckFooterBytes(MutableByteSpan bytes) {
  const format::CatalogSegment& row = view_.row();
  const auto padding = static_cast<std::size_t>(row.footer_offset - row.end);
  if (!IsAllZero(bytes.first(padding))) {
    AddDamage(row.end, padding, "the bytes between the last frame and the footer are not zeros");
  }
  const MutableByteSpan stored = bytes.subspan(padding);
  CheckTrailer(stored);
  const Result<format::SegmentFooter> footer =
      format::DecodeFooter(stored, row.id, row.footer_offset);
  if (!footer.ok()) {
    AddDamage(row.footer_offset, row.footer_bytes, footer.status().message());
    return;
  }
  const std::size_t used =
      format::kFooterFixedBytes + footer->index.size() * format::kIndexEntryBytes;
  const ByteSpan rest = stored.subspan(used, stored.size() - used - format::kFooterTrailerBytes);
  if (!IsAllZero(rest)) {
    AddDamage(row.footer_offset + used, rest.size(),
              "the bytes between the footer and its trailer are not zeros");
  }
  CompareFooter(footer.value());
}

// A damaged trailer is put right in memory, so that the footer is judged for itself.
void SegmentCheck::CheckTrailer(MutableByteSpan footer) {
  const format::CatalogSegment& row = view_.row();
  const Result<std::uint64_t> position = format::DecodeFooterTrailer(footer);
  if (position.ok() && position.value() == row.footer_offset) return;
  AddDamage(StoredBytes(row) - format::kFooterTrailerBytes, format::kFooterTrailerBytes,
            position.ok() ? "footer trailer: it points elsewhere" : position.status().message());
  const MutableByteSpan trailer = footer.last(format::kFooterTrailerBytes);
  StoreLittle(trailer, format::kTrailerFooterPositionOffset, row.footer_offset);
  StoreLittle(trailer, format::kTrailerMagicOffset, format::kFooterMagic);
}

void SegmentCheck::CompareFooter(const format::SegmentFooter& stored) {
  const format::CatalogSegment& row = view_.row();
  if (frames_are_sound_ && stored.content_sha256 != footer_.content_sha256) {
    AddDamage(0, row.end, "the content is not that of which the footer has the SHA-256",
              row.first_sequence, row.next_sequence);
  }
  if (const char* difference = FooterDifference(stored); difference != nullptr) {
    AddDamage(row.footer_offset, row.footer_bytes, difference);
  }
}

const char* SegmentCheck::FooterDifference(const format::SegmentFooter& stored) const {
  const format::CatalogSegment& row = view_.row();
  if (stored.stream_id != view_.stream_id()) return "footer: of another stream";
  if (stored.data_end != row.end || stored.first_sequence != row.first_sequence ||
      stored.last_sequence + 1 != row.next_sequence) {
    return "footer: it contradicts the catalogue";
  }
  if (stored.previous_chain_sha256 != origin_.previous_chain) {
    return "footer: the previous chain SHA-256 is not that of the segment before";
  }
  if (stored.chain_sha256 !=
          format::ChainSha256(stored.previous_chain_sha256, stored.content_sha256) ||
      stored.chain_sha256 != row.chain_sha256) {
    return "footer: the chain SHA-256 is wrong";
  }
  if (!frames_are_sound_) return nullptr;  // Nothing to compare the rest with.
  const bool same = stored.first_lsn == footer_.first_lsn && stored.last_lsn == footer_.last_lsn &&
                    stored.first_time_us == footer_.first_time_us &&
                    stored.last_time_us == footer_.last_time_us && stored.index == footer_.index;
  return same ? nullptr : "footer: it contradicts the frames";
}

void SegmentCheck::AddDamage(std::uint64_t offset, std::uint64_t bytes, const std::string& what,
                             std::uint64_t first, std::uint64_t next) {
  // Sequences of a shared segment's row are no stream's.
  if (view_.shared()) next = first = 0;
  damage_.Add(view_.DamageAt(offset, bytes, what, first, next));
}

}  // namespace seglog::log
