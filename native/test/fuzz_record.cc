// SPDX-License-Identifier: MIT
// Fuzzes DecodeRecord. The first byte decides whether the frame has LSN differences and whether the
// checksum is put right first. What decodes is written again and must decode to the same.
#include "format/record.h"
#include "test/format_test_util.h"

namespace seglog::format {
namespace {

constexpr std::uint64_t kSegment = 1;
constexpr std::uint64_t kPosition = 4096;

void FuzzRecord(ByteSpan input) {
  if (input.empty()) return;
  const auto mode = std::to_integer<unsigned>(input.front());
  const bool with_lsn_difference = (mode & 2) != 0;
  Bytes bytes = CopyOf(input.subspan(1));
  if ((mode & 1) != 0) FixRecordChecksum(bytes, kSegment, kPosition);
  const Result<RecordView> record = DecodeRecord(bytes, with_lsn_difference, kSegment, kPosition);
  if (!record.ok()) return;

  const RecordInput again{.kind = record->kind,
                          .user_headers = record->user_headers,
                          .data = record->data,
                          .lsn_difference = record->lsn_difference};
  AlignedBuffer out;
  AppendRecord(again, with_lsn_difference, kSegment, kPosition, &out);
  SEGLOG_ASSERT(out.size() == record->stored_bytes);
  SEGLOG_ASSERT(out.size() == RecordStoredBytes(again, with_lsn_difference));
  // All but the padding, which is ignored when read, has one encoding only.
  const std::size_t payload_bytes =
      LoadLittle<std::uint32_t>(bytes, kRecordLengthOffset) & kRecordPayloadBytesMask;
  const std::size_t end = kRecordHeaderBytes + payload_bytes;
  SEGLOG_ASSERT(SameBytes(out.bytes().first(end), ByteSpan(bytes).first(end)));
  SEGLOG_ASSERT(IsAllZero(out.bytes().subspan(end)));
}

}  // namespace
}  // namespace seglog::format

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  seglog::format::FuzzRecord(std::as_bytes(std::span(data, size)));
  return 0;
}
