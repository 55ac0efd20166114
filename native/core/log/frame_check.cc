// SPDX-License-Identifier: MIT
#include "log/frame_check.h"

namespace seglog::log {

Result<CheckedFrame> CheckFrame(ByteSpan bytes, std::uint64_t segment_id, std::uint64_t segment_offset,
                                std::vector<CheckedRecord>* records) {
  const Result<format::FrameHeader> header = format::VerifyFrame(bytes, segment_id, segment_offset);
  if (!header.ok()) return header.status();
  const ByteSpan body = bytes.subspan(format::kFrameHeaderBytes, header->body_bytes);
  const Result<std::uint64_t> last_lsn =
      CheckRecords(header.value(), body, segment_id, segment_offset + format::kFrameHeaderBytes, records);
  if (!last_lsn.ok()) return last_lsn.status();
  return CheckedFrame{.header = header.value(), .last_lsn = last_lsn.value()};
}

Result<std::uint64_t> CheckRecords(const format::FrameHeader& header, ByteSpan body,
                                   std::uint64_t segment_id, std::uint64_t segment_offset,
                                   std::vector<CheckedRecord>* records) {
  std::uint64_t lsn = header.first_lsn;
  std::size_t position = 0;
  for (std::uint32_t i = 0; i < header.record_count; ++i) {
    const Result<format::RecordView> record =
        format::DecodeRecord(body.subspan(position), header.has_lsn_differences(), segment_id,
                             segment_offset + position);
    if (!record.ok()) return record.status();
    if (i > 0) lsn += record->lsn_difference;
    if (records != nullptr) records->push_back({.view = record.value(), .lsn = lsn});
    position += record->stored_bytes;
    if (position > body.size()) return Status(Code::kCorrupt, "a record ends behind its frame");
  }
  return lsn;
}

}  // namespace seglog::log
