// SPDX-License-Identifier: MIT
// A segment file: one page of header, frames, and once sealed a footer that begins on a page of its own.
//
// Header page:
//   Offset | Size | Field            | Meaning
//   0      | 8    | magic            | "SEGLOGSG"
//   8      | 4    | version          |
//   12     | 4    | checksum         | CRC-32C of bytes 16-4095, seed 0
//   16     | 16   | log uuid         |
//   32     | 8    | segment id       |
//   40     | 8    | stream id        | 0 in a segment that several streams share (reserved)
//   48     | 8    | first sequence   |
//   56     | 8    | created          | log time in microseconds
//   64     | 8    | previous segment | id of the stream's segment before this one, 0 if none
//   72     | 4    | key bytes        |
//   76     | 4    | flags            | 0; 1 is reserved for shared segments
//   80     | ...  | key              | then zeros
//
// Footer (fixed part, then index entries, then zeros to 16 bytes before the file's end, then trailer):
//   0      | 8    | magic            | "SEGLOGFT"
//   8      | 4    | version          |
//   12     | 4    | checksum         | CRC-32C of bytes 16 to the last index entry, SegmentSeed(footer position)
//   16     | 8    | segment id       |
//   24     | 8    | stream id        |
//   32     | 8    | data end         | offset where the last frame ends; what follows up to the footer is zero
//   40     | 8    | record count     |
//   48     | 8    | first sequence   |
//   56     | 8    | last sequence    | first sequence - 1 when the segment is empty
//   64     | 8    | first LSN        | 0 when empty
//   72     | 8    | last LSN         |
//   80     | 8    | first time       |
//   88     | 8    | last time        |
//   96     | 32   | content SHA-256  | of file bytes 0 to data end
//   128    | 32   | previous chain   | chain SHA-256 of the segment before, zeros if none
//   160    | 32   | chain SHA-256    | SHA-256 of previous chain and content SHA-256
//   192    | 4    | entry count      |
//   196    | 4    | reserved         | 0
//   200    | 32 n | index entries    | sequence u64, LSN u64, time u64, frame offset u64: the first frame, and
//          |      |                  | then each that begins kIndexStrideBytes or more behind the last one listed
// Trailer, the file's last 16 bytes: footer offset u64, "SEGLOGFT".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "base/status.h"
#include "format/checksum.h"
#include "hash/sha256.h"

namespace seglog::format {

inline constexpr std::uint64_t kSegmentMagic = 0x4753474F4C474553;  // "SEGLOGSG"
inline constexpr std::uint64_t kFooterMagic = 0x5446474F4C474553;   // "SEGLOGFT"
inline constexpr std::uint64_t kSegmentDataOffset = kPageBytes;     // the first frame lies here
inline constexpr std::size_t kFooterFixedBytes = 200;
inline constexpr std::size_t kFooterTrailerBytes = 16;
inline constexpr std::size_t kIndexEntryBytes = 32;
inline constexpr std::uint64_t kIndexStrideBytes = 64 * 1024;

struct SegmentHeader {
  LogUuid log_uuid{};
  std::uint64_t segment_id = 0;
  std::uint64_t stream_id = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t created_us = 0;
  std::uint64_t previous_segment_id = 0;
  std::string key;
};

void EncodeSegmentHeader(const SegmentHeader& header, MutableByteSpan page);
Result<SegmentHeader> DecodeSegmentHeader(ByteSpan page);

struct IndexEntry {
  std::uint64_t sequence = 0;
  std::uint64_t lsn = 0;
  std::uint64_t time_us = 0;
  std::uint64_t offset = 0;
};

struct SegmentFooter {
  std::uint64_t segment_id = 0;
  std::uint64_t stream_id = 0;
  std::uint64_t data_end = 0;
  std::uint64_t record_count = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  std::uint64_t first_lsn = 0;
  std::uint64_t last_lsn = 0;
  std::uint64_t first_time_us = 0;
  std::uint64_t last_time_us = 0;
  hash::Sha256Digest content_sha256{};
  hash::Sha256Digest previous_chain_sha256{};
  hash::Sha256Digest chain_sha256{};
  std::vector<IndexEntry> index;
};

// Where the footer of a segment whose frames end at `data_end` begins: the next page, or `data_end`
// itself when it lies on one.
std::uint64_t FooterOffset(std::uint64_t data_end);
hash::Sha256Digest ChainSha256(const hash::Sha256Digest& previous_chain, const hash::Sha256Digest& content);

// Appends footer and trailer to `out`, a multiple of a page in all.
void EncodeFooter(const SegmentFooter& footer, AlignedBuffer* out);
// `bytes` begins at the footer and ends with the file.
Result<SegmentFooter> DecodeFooter(ByteSpan bytes, std::uint64_t segment_id, std::uint64_t footer_offset);
// The footer's offset, from the file's last 16 bytes; for reading a sealed file alone.
Result<std::uint64_t> DecodeFooterTrailer(ByteSpan last_bytes);

}  // namespace seglog::format
