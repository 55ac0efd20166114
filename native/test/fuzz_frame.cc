// SPDX-License-Identifier: MIT
// Fuzzes VerifyFrame and, where a frame verifies, RecordOffset and DecodeRecord for every record in
// it. The first byte decides whether checksums are put right first. What verifies is written again
// and must be the same bytes.
#include "format/frame.h"
#include "test/format_test_util.h"

namespace seglog::format {
namespace {

constexpr std::uint64_t kSegment = 1;
constexpr std::uint64_t kPosition = 4096;

void FuzzRecords(const FrameHeader& header, MutableByteSpan body, bool fix) {
  const ByteSpan records = body.first(header.records_bytes());
  for (std::uint32_t i = 0; i < header.record_count; ++i) {
    const Result<std::size_t> offset = RecordOffset(header, body, i);
    if (!offset.ok()) continue;
    SEGLOG_ASSERT(offset.value() + kRecordHeaderBytes <= records.size());
    SEGLOG_ASSERT(offset.value() % kRecordAlignment == 0);
    const std::uint64_t position = kPosition + kFrameHeaderBytes + offset.value();
    if (fix) {
      FixRecordChecksum(body.subspan(offset.value(), records.size() - offset.value()), kSegment,
                        position);
    }
    const Result<RecordView> record = DecodeRecord(
        records.subspan(offset.value()), header.has_lsn_differences(), kSegment, position);
    if (!record.ok()) continue;
    SEGLOG_ASSERT(record->stored_bytes <= records.size() - offset.value());
    SEGLOG_ASSERT(record->data.size() < record->stored_bytes);
  }
}

void FuzzFrame(ByteSpan input) {
  if (input.empty()) return;
  const bool fix = (std::to_integer<unsigned>(input.front()) & 1) != 0;
  Bytes bytes = CopyOf(input.subspan(1));
  if (fix && bytes.size() >= kFrameHeaderBytes) {
    StoreLittle(MutableByteSpan(bytes), kFrameMagicOffset, kFrameMagic);
    FixFrameChecksum(bytes, kSegment, kPosition);
  }
  const Result<FrameHeader> header = VerifyFrame(bytes, kSegment, kPosition);
  if (!header.ok()) return;
  SEGLOG_ASSERT(header->total_bytes() <= bytes.size());

  const MutableByteSpan body =
      MutableByteSpan(bytes).subspan(kFrameHeaderBytes, header->body_bytes);
  Bytes again(kFrameHeaderBytes);
  EncodeFrameHeader(header.value(), body, kSegment, kPosition, again);
  SEGLOG_ASSERT(SameBytes(again, ByteSpan(bytes).first(kFrameHeaderBytes)));
  FuzzRecords(header.value(), body, fix);
}

}  // namespace
}  // namespace seglog::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  seglog::format::FuzzFrame(std::as_bytes(std::span(data, size)));
  return 0;
}
