// SPDX-License-Identifier: MIT
#include "log/frame_check.h"

#include "log/catalog_sense.h"

namespace seglog::log {

Result<CheckedFrame> CheckFrame(ByteSpan bytes, std::uint64_t segment_id,
                                std::uint64_t segment_offset, std::vector<CheckedRecord>* records) {
  const Result<format::FrameHeader> header = format::VerifyFrame(bytes, segment_id, segment_offset);
  if (!header.ok()) return header.status();
  const ByteSpan body = bytes.subspan(format::kFrameHeaderBytes, header->body_bytes);
  const Result<std::uint64_t> last_lsn = CheckRecords(
      header.value(), body, segment_id, segment_offset + format::kFrameHeaderBytes, records);
  if (!last_lsn.ok()) return last_lsn.status();
  return CheckedFrame{.header = header.value(), .last_lsn = last_lsn.value()};
}

Result<std::uint64_t> CheckRecords(const format::FrameHeader& header, ByteSpan body,
                                   std::uint64_t segment_id, std::uint64_t segment_offset,
                                   std::vector<CheckedRecord>* records) {
  if (header.first_lsn >= kCounterLimit || header.next_sequence() >= kCounterLimit) {
    return Status(Code::kCorrupt, "a frame's numbers are larger than any can be");
  }
  if (header.filler()) return header.first_lsn;
  const ByteSpan all = body.first(header.records_bytes());
  std::uint64_t lsn = header.first_lsn;
  std::size_t position = 0;
  for (std::uint32_t i = 0; i < header.record_count; ++i) {
    const Result<format::RecordView> record = format::DecodeRecord(
        all.subspan(position), header.has_lsn_differences(), segment_id, segment_offset + position);
    if (!record.ok()) return record.status();
    if (i > 0) {
      if (record->lsn_difference == 0 || record->lsn_difference >= kCounterLimit - lsn) {
        return Status(Code::kCorrupt, "a frame's LSNs do not rise, or too far");
      }
      lsn += record->lsn_difference;
    }
    if (records != nullptr) records->push_back({.view = record.value(), .lsn = lsn});
    position += record->stored_bytes;
  }
  if (position != all.size()) return Status(Code::kCorrupt, "a frame's records do not fill it");
  return lsn;
}

RecordWalk::RecordWalk(const format::FrameHeader& header, ByteSpan body, std::uint64_t segment_id,
                       std::uint64_t body_offset, std::uint64_t sequence)
    : header_(header),
      body_(body),
      segment_id_(segment_id),
      body_offset_(body_offset),
      by_table_(header.has_table() && !header.has_lsn_differences()) {
  if (by_table_ && sequence > header.first_sequence) index_ = sequence - header.first_sequence;
  if (by_table_) offset_ = OffsetOf(this->sequence());
}

std::size_t RecordWalk::hidden_bytes() const {
  const std::size_t next = OffsetOf(hidden_until());
  return (next > offset_ ? next : header_.records_bytes()) - offset_;
}

}  // namespace seglog::log
