// SPDX-License-Identifier: MIT
// A frame is what one commit added to one stream: a 64-byte header, the records, and a table of
// their offsets when there are more than 16. In a segment that streams share, each frame says where
// its stream's frame before it lies. Pure functions, any thread. docs/format.md, "Frame",
// has the byte tables.
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
  kFrameIsShared = 8,  // lies in a segment that streams share
};
inline constexpr std::uint16_t kFrameFlagsKnown = 15;

// Of the segments that streams share, and of fillers in them; no stream has it.
inline constexpr std::uint64_t kSharedStreamId = 0xFFFFFFFFFFFFFFFF;

inline constexpr std::uint32_t kFrameMagic = 0x52464753;  // "SGFR"
// The checksum is the CRC-32C of the header behind it and of the offset table with its padding,
// seeded with SegmentSeed of the frame's position. Records have their own.
inline constexpr std::size_t kFrameMagicOffset = 0;
inline constexpr std::size_t kFrameChecksumOffset = 4;
inline constexpr std::size_t kFrameStreamIdOffset = 8;
inline constexpr std::size_t kFrameFirstSequenceOffset = 16;  // filler: of the next record
inline constexpr std::size_t kFrameFirstLsnOffset = 24;
inline constexpr std::size_t kFrameTimeOffset = 32;
inline constexpr std::size_t kFrameRecordCountOffset = 40;  // 0 in a filler, else 1 to 65,535
inline constexpr std::size_t kFrameBodyBytesOffset = 44;    // records, table and padding
inline constexpr std::size_t kFrameFlagsOffset = 48;
inline constexpr std::size_t kFrameCodecOffset = 50;  // 0: none. Others are reserved
// Where the stream's frame before this one lies: u32 in units of 8, and a segment that streams
// share. 0: there is none, or the segment is the stream's own.
inline constexpr std::size_t kFramePreviousOffset = 52;
inline constexpr std::size_t kFramePreviousSegmentIdOffset = 56;
inline constexpr std::size_t kFrameHeaderBytes = 64;
inline constexpr std::size_t kFrameAlignment = 8;
inline constexpr std::uint32_t kFrameTableThreshold = 16;  // more records than this: a table
inline constexpr std::size_t kFrameBytesMaxDefault = 64 * 1024;
// The table, the last bytes of the body: for each record the offset of its first byte from the
// body's start, u16 in units of 8, then zeros to a multiple of 8.
inline constexpr std::size_t kFrameTableEntryBytes = 2;
// A frame of more than one record never has a larger body than this, so that entries fit in u16.
inline constexpr std::size_t kFrameBytesLimit = 512 * 1024;
inline constexpr std::uint32_t kFrameBodyBytesLimit = 0x10000000;  // of a single record's frame
inline constexpr std::uint32_t kFrameRecordCountMax = 0xFFFF;
static_assert(kFrameBytesLimit / kRecordAlignment <= 0x10000);
// A frame within its limit cannot hold more records than an item of the journal can count.
static_assert(kFrameBytesLimit / (kRecordHeaderBytes + kFrameTableEntryBytes) <=
              kFrameRecordCountMax);
static_assert(kFrameTableThreshold < kFrameRecordCountMax);
// A shared frame's sequences fit in u32, so that items of the journal can be short.
inline constexpr std::uint64_t kSharedSequenceLimit = std::uint64_t{1} << 32;
static_assert(kFramePreviousSegmentIdOffset + 8 == kFrameHeaderBytes);

// Where a frame lies among the segments that streams share; nowhere when the id is 0.
struct SharedPosition {
  std::uint64_t segment_id = 0;
  std::uint64_t offset = 0;

  bool operator==(const SharedPosition&) const = default;
};

struct FrameHeader {
  std::uint64_t stream_id = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t first_lsn = 0;
  std::uint64_t time_us = 0;
  std::uint32_t record_count = 0;
  std::uint32_t body_bytes = 0;
  std::uint16_t flags = 0;
  SharedPosition previous = {};

  bool shared() const { return (flags & kFrameIsShared) != 0; }
  bool filler() const { return (flags & kFrameIsFiller) != 0; }
  bool has_lsn_differences() const { return (flags & kFrameHasLsnDifferences) != 0; }
  bool has_table() const { return (flags & kFrameHasOffsetTable) != 0; }
  std::uint64_t next_sequence() const { return first_sequence + record_count; }
  std::uint64_t total_bytes() const { return kFrameHeaderBytes + std::uint64_t{body_bytes}; }
  // The offset table with its padding, 0 without one. Records end where it begins.
  std::size_t table_bytes() const {
    return has_table() ? AlignUp(record_count * kFrameTableEntryBytes, kFrameAlignment) : 0;
  }
  std::size_t records_bytes() const { return body_bytes - table_bytes(); }
  bool operator==(const FrameHeader&) const = default;
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
  std::size_t body_start_ = 0;          // in *out_
  std::vector<std::uint16_t> offsets_;  // of each record from the body's start, in units of 8
};

// Writes the 64 bytes of the header, checksum included. `body` is needed for the table in it.
void EncodeFrameHeader(const FrameHeader& header, ByteSpan body, std::uint64_t segment_id,
                       std::uint64_t segment_offset, MutableByteSpan out);

// What every frame header obeys wherever it comes from (a segment, or an item of the journal): body
// size and record count against their limits and each other, flags, sequences that do not overflow.
Status CheckFrameBounds(const FrameHeader& header);

// Checks magic, bounds, flags and that reserved fields are zero; not the checksum (the table may
// not have been read yet). kCorrupt also when `bytes` is shorter than a header.
Result<FrameHeader> DecodeFrameHeader(ByteSpan bytes);

// Decodes the header and verifies its checksum, and that a filler's body is zeros. `bytes` begins
// with the frame; kCorrupt when it does not hold all of it. Records are verified by DecodeRecord.
Result<FrameHeader> VerifyFrame(ByteSpan bytes, std::uint64_t segment_id,
                                std::uint64_t segment_offset);

// Where record `index` (below record_count) of a verified frame begins, from the start of the body.
// Uses the table where there is one and walks the lengths otherwise. kCorrupt when the frame
// contradicts itself. The record itself is not verified; DecodeRecord does that, position included.
Result<std::size_t> RecordOffset(const FrameHeader& header, ByteSpan body, std::uint32_t index);

// A filler frame of exactly `total_bytes` (>= kFrameHeaderBytes, a multiple of 8): zeros as body.
FrameHeader FillerHeader(std::uint64_t stream_id, std::uint64_t next_sequence,
                         std::uint64_t next_lsn, std::uint64_t time_us, std::size_t total_bytes);

}  // namespace seglog::format
