// SPDX-License-Identifier: MIT
#include "format/record.h"

#include <cstring>

#include "format/checksum.h"
#include "format/codec.h"
#include "format/varint.h"
#include "hash/crc32c.h"

namespace seglog::format {
namespace {

std::size_t PayloadBytes(const RecordInput& record, bool with_lsn_difference) {
  std::size_t bytes = record.data.size();
  if (with_lsn_difference) bytes += VarintBytes(record.lsn_difference);
  if (!record.user_headers.empty()) {
    bytes += VarintBytes(record.user_headers.size()) + record.user_headers.size();
  }
  return bytes;
}

std::byte* PutBytes(std::byte* out, ByteSpan bytes) {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

// Splits a payload whose checksum was right into its parts.
Status DecodePayload(ByteSpan payload, bool with_lsn_difference, bool with_user_headers,
                     RecordView* record) {
  if (with_lsn_difference && !TakeVarint(&payload, &record->lsn_difference)) {
    return Corrupt("record: bad LSN difference");
  }
  if (with_user_headers) {
    std::uint64_t bytes = 0;
    if (!TakeVarint(&payload, &bytes) || bytes == 0 || bytes > kUserHeaderBytesMax ||
        bytes > payload.size()) {
      return Corrupt("record: bad length of user headers");
    }
    record->user_headers = payload.first(static_cast<std::size_t>(bytes));
    payload = payload.subspan(static_cast<std::size_t>(bytes));
  }
  if (payload.size() > kRecordDataBytesLimit) return Corrupt("record: data beyond its limit");
  record->data = payload;
  return Status::Ok();
}

}  // namespace

std::size_t RecordStoredBytes(const RecordInput& record, bool with_lsn_difference) {
  return AlignUp(kRecordHeaderBytes + PayloadBytes(record, with_lsn_difference), kRecordAlignment);
}

void AppendRecord(const RecordInput& record, bool with_lsn_difference, std::uint64_t segment_id,
                  std::uint64_t segment_offset, AlignedBuffer* out) {
  SEGLOG_ASSERT(record.data.size() <= kRecordDataBytesLimit);
  SEGLOG_ASSERT(record.user_headers.size() <= kUserHeaderBytesMax);
  SEGLOG_ASSERT(segment_offset % kRecordAlignment == 0);
  const std::size_t payload_bytes = PayloadBytes(record, with_lsn_difference);
  const std::size_t end = kRecordHeaderBytes + payload_bytes;
  const std::size_t start = out->size();
  out->Resize(start + AlignUp(end, kRecordAlignment));
  const MutableByteSpan bytes = out->mutable_bytes().subspan(start);

  // The last eight bytes are the padding's, whatever of them the payload covers afterwards.
  StoreLittle(bytes, bytes.size() - kRecordAlignment, std::uint64_t{0});
  const auto kind = static_cast<std::uint32_t>(record.kind);
  std::uint32_t length = static_cast<std::uint32_t>(payload_bytes) | kind << kRecordKindShift;
  if (!record.user_headers.empty()) length |= kRecordHasUserHeaders;
  StoreLittle(bytes, kRecordLengthOffset, length);
  std::byte* payload = bytes.data() + kRecordHeaderBytes;
  if (with_lsn_difference) payload = PutVarint(payload, record.lsn_difference);
  if (!record.user_headers.empty()) {
    payload = PutVarint(payload, record.user_headers.size());
    payload = PutBytes(payload, record.user_headers);
  }
  payload = PutBytes(payload, record.data);
  SEGLOG_ASSERT(payload == bytes.data() + end);
  StoreLittle(bytes, kRecordChecksumOffset,
              hash::Crc32c(SegmentSeed(segment_id, segment_offset),
                           bytes.subspan(kRecordLengthOffset, end - kRecordLengthOffset)));
}

Result<RecordView> DecodeRecord(ByteSpan bytes, bool with_lsn_difference, std::uint64_t segment_id,
                                std::uint64_t segment_offset) {
  if (bytes.size() < kRecordHeaderBytes) return Corrupt("record: header cut short");
  const auto length = LoadLittle<std::uint32_t>(bytes, kRecordLengthOffset);
  const std::uint32_t kind = (length & kRecordKindMask) >> kRecordKindShift;
  if (kind < static_cast<std::uint32_t>(RecordKind::kData) ||
      kind > static_cast<std::uint32_t>(RecordKind::kOperation)) {
    return Corrupt("record: unknown kind");
  }
  const std::size_t payload_bytes = length & kRecordPayloadBytesMask;
  const std::size_t end = kRecordHeaderBytes + payload_bytes;
  RecordView record;
  record.kind = static_cast<RecordKind>(kind);
  record.stored_bytes = AlignUp(end, kRecordAlignment);
  if (record.stored_bytes > bytes.size()) return Corrupt("record: length beyond the frame");
  const std::uint32_t checksum =
      hash::Crc32c(SegmentSeed(segment_id, segment_offset),
                   bytes.subspan(kRecordLengthOffset, end - kRecordLengthOffset));
  if (checksum != LoadLittle<std::uint32_t>(bytes, kRecordChecksumOffset)) {
    return Corrupt("record: wrong checksum");
  }
  SEGLOG_RETURN_IF_ERROR(DecodePayload(bytes.subspan(kRecordHeaderBytes, payload_bytes),
                                       with_lsn_difference, (length & kRecordHasUserHeaders) != 0,
                                       &record));
  return record;
}

}  // namespace seglog::format
