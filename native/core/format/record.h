// SPDX-License-Identifier: MIT
// A record as it lies in a frame: an 8-byte header, then the payload, zero-padded to 8 bytes. Pure
// functions, any thread. docs/format.md, "Record", has the byte table and the payload's parts.
#pragma once

#include <cstdint>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "base/status.h"
#include "format/varint.h"

namespace seglog::format {

enum class RecordKind : std::uint8_t {
  kData = 1,  // zero is never a valid kind, so that preallocated space cannot look like a record
  kCheckpoint = 2,
  kFiller = 3,
  kOperation = 4,
};

// The checksum is the CRC-32C of the bytes from the length to the payload's end (not the padding),
// seeded with SegmentSeed of the record's position. The length holds payload bytes, kind and a bit.
inline constexpr std::size_t kRecordChecksumOffset = 0;
inline constexpr std::size_t kRecordLengthOffset = 4;
inline constexpr std::size_t kRecordHeaderBytes = 8;
inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr unsigned kRecordKindShift = 28;
inline constexpr std::uint32_t kRecordPayloadBytesMask = (1u << kRecordKindShift) - 1;
inline constexpr std::uint32_t kRecordKindMask = 0x7u << kRecordKindShift;
inline constexpr std::uint32_t kRecordHasUserHeaders = 1u << 31;
inline constexpr std::size_t kUserHeaderBytesMax = 64 * 1024;
inline constexpr std::size_t kKeyBytesMax = 1024;
// What recordBytesMax may be set to at most; the payload's other parts fit beside it.
inline constexpr std::size_t kRecordDataBytesLimit = 128u * 1024 * 1024;
static_assert(kRecordDataBytesLimit + kUserHeaderBytesMax + 2 * kVarintBytesMax <=
              kRecordPayloadBytesMask);

// A record to be written. The spans borrow.
struct RecordInput {
  RecordKind kind = RecordKind::kData;
  ByteSpan user_headers = {};  // empty: none
  ByteSpan data = {};
  // The record's LSN minus the LSN of the one before it in the frame (first record: 0). Stored only
  // in frames with kFrameHasLsnDifferences.
  std::uint64_t lsn_difference = 0;
};

// A record that was read. The spans borrow from the bytes that were decoded.
struct RecordView {
  RecordKind kind = RecordKind::kData;
  ByteSpan user_headers = {};
  ByteSpan data = {};
  std::uint64_t lsn_difference = 1;  // as above; 1 in frames without stored differences
  std::size_t stored_bytes = 0;      // header, payload and padding: where the next record begins
};

// header + payload + padding.
std::size_t RecordStoredBytes(const RecordInput& record, bool with_lsn_difference);

// Appends the record to `out`. `segment_offset` is where its first byte will lie in the segment.
void AppendRecord(const RecordInput& record, bool with_lsn_difference, std::uint64_t segment_id,
                  std::uint64_t segment_offset, AlignedBuffer* out);

// Decodes and verifies the record at the start of `bytes`. kCorrupt: bad checksum, unknown kind, or
// a length beyond `bytes`.
Result<RecordView> DecodeRecord(ByteSpan bytes, bool with_lsn_difference, std::uint64_t segment_id,
                                std::uint64_t segment_offset);

}  // namespace seglog::format
