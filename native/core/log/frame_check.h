// SPDX-License-Identifier: MIT
// Checks a whole frame: header, table, and every record; or one record after the other, around
// those that are damaged. Shared by reading, sealing, verifying and recovery.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "format/frame.h"

namespace seglog::log {

struct CheckedFrame {
  format::FrameHeader header;
  std::uint64_t last_lsn = 0;
};

// One record of a checked frame, its position counted from the start of the frame.
struct CheckedRecord {
  format::RecordView view;
  std::uint64_t lsn = 0;
};

// `bytes` begins with the frame and holds all of it. Fills `records` (may be null) in order.
Result<CheckedFrame> CheckFrame(ByteSpan bytes, std::uint64_t segment_id,
                                std::uint64_t segment_offset, std::vector<CheckedRecord>* records);

// Walks a body's records; `segment_offset` is the body's. Verifies each.
Result<std::uint64_t> CheckRecords(const format::FrameHeader& header, ByteSpan body,
                                   std::uint64_t segment_id, std::uint64_t segment_offset,
                                   std::vector<CheckedRecord>* records);

// Steps through the records of a frame whose header and table verified. Where the table leads to
// each record and its LSN follows from the first, a damaged one hides none but itself; else it
// hides all behind it. One thread at a time; borrows the header and the body.
class RecordWalk final {
 public:
  // `body_offset`: of the body in the segment. Begins with the record of `sequence` where the table
  // leads there, else with the first.
  RecordWalk(const format::FrameHeader& header, ByteSpan body, std::uint64_t segment_id,
             std::uint64_t body_offset, std::uint64_t sequence);

  bool done() const { return index_ >= header_.record_count; }
  // Of the record at hand.
  std::uint64_t sequence() const { return header_.first_sequence + index_; }
  std::size_t offset() const { return offset_; }  // in the body
  // Verifies it.
  Result<format::RecordView> Decode() const {
    return format::DecodeRecord(body_.first(header_.records_bytes()).subspan(offset_),
                                header_.has_lsn_differences(), segment_id_, body_offset_ + offset_);
  }
  std::uint64_t Lsn(const format::RecordView& record) const {
    return by_table_ || index_ == 0 ? header_.first_lsn + index_
                                    : last_lsn_ + record.lsn_difference;
  }
  // What is hidden when it is damaged: sequences below this, bytes of the body, and its LSN where
  // that is known all the same, else 0.
  std::uint64_t hidden_until() const {
    return by_table_ ? sequence() + 1 : header_.next_sequence();
  }
  std::size_t hidden_bytes() const;
  std::uint64_t hidden_lsn() const { return by_table_ ? header_.first_lsn + index_ : 0; }

  // On to the next: behind a sound record, and behind all that a damaged one hides.
  void Pass(const format::RecordView& record) {
    last_lsn_ = Lsn(record);
    ++index_;
    offset_ = by_table_ ? OffsetOf(sequence()) : offset_ + record.stored_bytes;
  }
  void PassDamaged() {
    index_ = hidden_until() - header_.first_sequence;
    offset_ = OffsetOf(sequence());
  }

 private:
  // Where the table leads; the end of the records behind the last one, or where it leads nowhere.
  std::size_t OffsetOf(std::uint64_t sequence) const {
    const std::uint64_t index = sequence - header_.first_sequence;
    if (index >= header_.record_count) return header_.records_bytes();
    const auto found = format::RecordOffset(header_, body_, static_cast<std::uint32_t>(index));
    return found.ok() ? found.value() : header_.records_bytes();
  }

  const format::FrameHeader& header_;
  const ByteSpan body_;
  const std::uint64_t segment_id_;
  const std::uint64_t body_offset_;
  const bool by_table_;
  std::uint64_t index_ = 0;
  std::size_t offset_ = 0;
  std::uint64_t last_lsn_ = 0;  // of the record before, where the table does not lead
};

}  // namespace seglog::log
