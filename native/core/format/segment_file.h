// SPDX-License-Identifier: MIT
// A segment file: one page of header, frames, and once sealed a footer that begins on a page of its
// own and a trailer that finds it. Pure functions, any thread. docs/format.md, "Segment file", has
// the byte tables.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "base/status.h"
#include "format/checksum.h"
#include "format/frame.h"
#include "hash/sha256.h"

namespace seglog::format {

inline constexpr std::uint64_t kSegmentMagic = 0x4753474F4C474553;  // "SEGLOGSG"
inline constexpr std::uint64_t kFooterMagic = 0x5446474F4C474553;   // "SEGLOGFT"
inline constexpr std::uint64_t kSegmentDataOffset = kPageBytes;     // the first frame lies here
// No frame ends beyond this: items of the journal hold a frame's offset as u32 in units of 8.
inline constexpr std::uint64_t kSegmentBytesLimit = std::uint64_t{1} << 35;

// Whether frames may take these bytes of a segment file.
constexpr bool IsSegmentRange(std::uint64_t offset, std::uint64_t bytes) {
  return offset % kFrameAlignment == 0 && offset <= kSegmentBytesLimit &&
         bytes <= kSegmentBytesLimit - offset;
}

// The header page. The checksum is the CRC-32C of the page from the log uuid on, seed 0.
inline constexpr std::size_t kSegmentHeaderMagicOffset = 0;
inline constexpr std::size_t kSegmentHeaderVersionOffset = 8;
inline constexpr std::size_t kSegmentHeaderChecksumOffset = 12;
inline constexpr std::size_t kSegmentHeaderLogUuidOffset = 16;
inline constexpr std::size_t kSegmentHeaderSegmentIdOffset = 32;
inline constexpr std::size_t kSegmentHeaderStreamIdOffset = 40;
inline constexpr std::size_t kSegmentHeaderFirstSequenceOffset = 48;
inline constexpr std::size_t kSegmentHeaderCreatedOffset = 56;
inline constexpr std::size_t kSegmentHeaderPreviousSegmentOffset = 64;  // 0: none
inline constexpr std::size_t kSegmentHeaderKeyBytesOffset = 72;
inline constexpr std::size_t kSegmentHeaderFlagsOffset = 76;  // SegmentFlags
inline constexpr std::size_t kSegmentHeaderKeyOffset = 80;    // zeros behind it

enum SegmentFlags : std::uint32_t {
  kSegmentIsShared = 1,  // of kSharedStreamId, without a key: frames of many streams
};

struct SegmentHeader {
  LogUuid log_uuid{};
  std::uint64_t segment_id = 0;  // 1 or more, as the stream id and the first sequence
  std::uint64_t stream_id = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t created_us = 0;
  std::uint64_t previous_segment_id = 0;
  std::string key = {};  // empty in a shared segment

  bool operator==(const SegmentHeader&) const = default;
};

// Writes one page.
void EncodeSegmentHeader(const SegmentHeader& header, MutableByteSpan page);
// kFormatUnsupported for another version, kCorrupt for anything else that is wrong.
Result<SegmentHeader> DecodeSegmentHeader(ByteSpan page);

// The footer's fixed part; index entries follow it, then zeros up to the trailer. The checksum is
// the CRC-32C of the bytes from the segment id to the last entry, SegmentSeed of the footer's
// position.
inline constexpr std::size_t kFooterMagicOffset = 0;
inline constexpr std::size_t kFooterVersionOffset = 8;
inline constexpr std::size_t kFooterChecksumOffset = 12;
inline constexpr std::size_t kFooterSegmentIdOffset = 16;
inline constexpr std::size_t kFooterStreamIdOffset = 24;
inline constexpr std::size_t kFooterDataEndOffset = 32;  // zeros from here to the footer
inline constexpr std::size_t kFooterRecordCountOffset = 40;
inline constexpr std::size_t kFooterFirstSequenceOffset = 48;
inline constexpr std::size_t kFooterLastSequenceOffset = 56;  // empty: first sequence - 1
inline constexpr std::size_t kFooterFirstLsnOffset = 64;      // empty: 0, as the three below
inline constexpr std::size_t kFooterLastLsnOffset = 72;
inline constexpr std::size_t kFooterFirstTimeOffset = 80;
inline constexpr std::size_t kFooterLastTimeOffset = 88;
inline constexpr std::size_t kFooterContentSha256Offset = 96;   // of file bytes 0 to data end
inline constexpr std::size_t kFooterPreviousChainOffset = 128;  // zeros: no segment before
inline constexpr std::size_t kFooterChainSha256Offset = 160;
inline constexpr std::size_t kFooterEntryCountOffset = 192;
inline constexpr std::size_t kFooterReservedOffset = 196;
inline constexpr std::size_t kFooterFixedBytes = 200;
static_assert(kFooterReservedOffset + 4 == kFooterFixedBytes);

inline constexpr std::size_t kIndexEntrySequenceOffset = 0;
inline constexpr std::size_t kIndexEntryLsnOffset = 8;
inline constexpr std::size_t kIndexEntryTimeOffset = 16;
inline constexpr std::size_t kIndexEntryFrameOffset = 24;
inline constexpr std::size_t kIndexEntryBytes = 32;
static_assert(kIndexEntryFrameOffset + 8 == kIndexEntryBytes);
// An entry for the segment's first frame, then for each frame that begins this much or more behind
// the last one listed. A filler counts as a frame; its entry tells what the next record has.
inline constexpr std::uint64_t kIndexStrideBytes = 64 * 1024;
// Of footer and trailer: entries as the stride allows, for the longest segment, fit.
inline constexpr std::uint64_t kFooterBytesLimit = 32 * 1024 * 1024;
static_assert(kSegmentBytesLimit / kIndexStrideBytes * kIndexEntryBytes + kPageBytes <=
              kFooterBytesLimit);

// The trailer: the file's last bytes.
inline constexpr std::size_t kTrailerFooterPositionOffset = 0;
inline constexpr std::size_t kTrailerMagicOffset = 8;
inline constexpr std::size_t kFooterTrailerBytes = 16;
static_assert(kTrailerMagicOffset + 8 == kFooterTrailerBytes);

struct IndexEntry {
  std::uint64_t sequence = 0;
  std::uint64_t lsn = 0;
  std::uint64_t time_us = 0;
  std::uint64_t offset = 0;

  bool operator==(const IndexEntry&) const = default;
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
  std::vector<IndexEntry> index = {};

  bool operator==(const SegmentFooter&) const = default;
};

// Where the footer of a segment whose frames end at `data_end` begins: the next page, or `data_end`
// itself when it lies on one.
std::uint64_t FooterOffset(std::uint64_t data_end);
// Whether a footer of a segment within its limits can lie there: whole pages behind the header
// page.
bool IsFooterRange(std::uint64_t footer_offset, std::uint64_t footer_bytes);
// What footer and trailer take on disk, padded to a page.
std::uint64_t FooterBytes(std::size_t entry_count);
// The SHA-256 of the previous segment's chain digest and this segment's content digest.
hash::Sha256Digest ChainSha256(const hash::Sha256Digest& previous_chain,
                               const hash::Sha256Digest& content);

// Appends footer and trailer to `out`, a multiple of a page in all.
void EncodeFooter(const SegmentFooter& footer, AlignedBuffer* out);
// `bytes` begins at the footer and ends with the file. kFormatUnsupported for another version,
// kCorrupt for anything else that is wrong. The chain digest is not recomputed.
Result<SegmentFooter> DecodeFooter(ByteSpan bytes, std::uint64_t segment_id,
                                   std::uint64_t footer_offset);
// The footer's offset, from the file's last 16 bytes; for reading a sealed file alone.
Result<std::uint64_t> DecodeFooterTrailer(ByteSpan last_bytes);

}  // namespace seglog::format
