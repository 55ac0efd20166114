// SPDX-License-Identifier: MIT
// A frame is what one commit added to one stream: a 64-byte header, the records, and a table of their
// offsets when there are more than 16. Everything is 8-byte aligned and little-endian.
//
//   Offset | Size | Field          | Meaning
//   0      | 4    | magic          | "SGFR"
//   4      | 4    | checksum       | CRC-32C of bytes 8-63 and the offset table, SegmentSeed(frame position)
//   8      | 8    | stream id      |
//   16     | 8    | first sequence | of the first record; of the next record in a filler
//   24     | 8    | first LSN      |
//   32     | 8    | time           | log time in microseconds since 1970
//   40     | 4    | record count   | 0 in a filler
//   44     | 4    | body bytes     | records, padding and table; a multiple of 8
//   48     | 2    | flags          | FrameFlags
//   50     | 2    | codec          | 0: none. Others are reserved
//   52     | 4    | reserved       | 0
//   56     | 8    | term           | 0: none. Reserved for consensus logs
//
// The table, the last bytes of the body: record count entries of u16, each the offset of a record from
// the start of the body in units of 8, zero-padded to 8 bytes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "base/status.h"
#include "format/record.h"

namespace seglog::format {

enum FrameFlags : std::uint16_t {
  kFrameHasLsnDifferences = 1,  // LSNs are not consecutive; each record carries its difference
  kFrameHasOffsetTable = 2,
  kFrameIsFiller = 4,  // zeros that move the segment's end to the next page
};
inline constexpr std::uint16_t kFrameFlagsKnown = 7;

inline constexpr std::uint32_t kFrameMagic = 0x52464753;  // "SGFR"
inline constexpr std::size_t kFrameMagicOffset = 0;
inline constexpr std::size_t kFrameChecksumOffset = 4;
inline constexpr std::size_t kFrameStreamIdOffset = 8;
inline constexpr std::size_t kFrameFirstSequenceOffset = 16;
inline constexpr std::size_t kFrameFirstLsnOffset = 24;
inline constexpr std::size_t kFrameTimeOffset = 32;
inline constexpr std::size_t kFrameRecordCountOffset = 40;
inline constexpr std::size_t kFrameBodyBytesOffset = 44;
inline constexpr std::size_t kFrameFlagsOffset = 48;
inline constexpr std::size_t kFrameCodecOffset = 50;
inline constexpr std::size_t kFrameReservedOffset = 52;
inline constexpr std::size_t kFrameTermOffset = 56;
inline constexpr std::size_t kFrameHeaderBytes = 64;
inline constexpr std::size_t kFrameAlignment = 8;
inline constexpr std::uint32_t kFrameTableThreshold = 16;  // more records than this: a table
inline constexpr std::size_t kFrameBytesMaxDefault = 64 * 1024;
// A frame of more than one record never has a larger body than this: table entries are u16 units of 8.
inline constexpr std::size_t kFrameBytesLimit = 512 * 1024;
inline constexpr std::uint32_t kFrameBodyBytesLimit = 0x10000000;  // one record, largest payload
static_assert(kFrameBytesLimit / kRecordAlignment <= 0x10000);
static_assert(kFrameTermOffset + 8 == kFrameHeaderBytes);

struct FrameHeader {
  std::uint64_t stream_id = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t first_lsn = 0;
  std::uint64_t time_us = 0;
  std::uint32_t record_count = 0;
  std::uint32_t body_bytes = 0;
  std::uint16_t flags = 0;

  bool filler() const { return (flags & kFrameIsFiller) != 0; }
  bool has_lsn_differences() const { return (flags & kFrameHasLsnDifferences) != 0; }
  bool has_table() const { return (flags & kFrameHasOffsetTable) != 0; }
  std::uint64_t next_sequence() const { return first_sequence + record_count; }
  std::uint64_t total_bytes() const { return kFrameHeaderBytes + std::uint64_t{body_bytes}; }
};

// Builds a frame's body record by record, as the committer does. Reusable; one thread at a time.
class FrameBodyBuilder final {
 public:
  // `body_offset`: where in the segment the body will lie (frame position + kFrameHeaderBytes).
  // The body is appended to `out`, which must outlive the builder's use.
  void Begin(std::uint64_t segment_id, std::uint64_t body_offset, bool with_lsn_differences,
             AlignedBuffer* out);
  // Bytes that the body would have, table included, were `record` added.
  std::size_t BytesWith(const RecordInput& record) const;
  void Add(const RecordInput& record);
  std::uint32_t record_count() const { return static_cast<std::uint32_t>(offsets_.size()); }
  // Appends the table if one is due; fills in record_count, body_bytes and flags of `header`.
  void Finish(FrameHeader* header);

 private:
  std::uint64_t segment_id_ = 0;
  std::uint64_t body_offset_ = 0;
  bool with_lsn_differences_ = false;
  AlignedBuffer* out_ = nullptr;
  std::size_t body_start_ = 0;  // in *out_
  std::vector<std::uint32_t> offsets_;  // of each record from the body's start, in units of 8
};

// Writes the 64 bytes of the header, checksum included. `body` is needed for the table in it.
void EncodeFrameHeader(const FrameHeader& header, ByteSpan body, std::uint64_t segment_id,
                       std::uint64_t segment_offset, MutableByteSpan out);

// Checks magic, bounds, flags and that reserved fields are zero; not the checksum (the table may not
// have been read yet). `bytes` holds at least kFrameHeaderBytes.
Result<FrameHeader> DecodeFrameHeader(ByteSpan bytes);

// Decodes the header and verifies its checksum. `bytes` begins with the frame and holds all of it.
Result<FrameHeader> VerifyFrame(ByteSpan bytes, std::uint64_t segment_id, std::uint64_t segment_offset);

// Where record `index` of a verified frame begins, from the start of the body. Uses the table where
// there is one and walks the lengths otherwise. kCorrupt when the frame contradicts itself.
Result<std::size_t> RecordOffset(const FrameHeader& header, ByteSpan body, std::uint32_t index);

// A filler frame of exactly `total_bytes` (>= kFrameHeaderBytes, a multiple of 8): its body is zeros.
FrameHeader FillerHeader(std::uint64_t stream_id, std::uint64_t next_sequence, std::uint64_t next_lsn,
                         std::uint64_t time_us, std::size_t total_bytes);

}  // namespace seglog::format
