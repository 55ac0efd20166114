// SPDX-License-Identifier: MIT
// The journal's file header and its commit blocks. A block is one commit: a 96-byte header and items,
// zero-padded to a page. Items are 8-byte aligned.
//
// Journal file header, one page, stored twice (at 0 and at 4096); blocks begin at 8192:
//   Offset | Size | Field      | Meaning
//   0      | 8    | magic      | "SEGLOGJR"
//   8      | 4    | version    | kFormatVersion
//   12     | 4    | checksum   | CRC-32C of bytes 16-4095, seed 0
//   16     | 16   | log uuid   |
//   32     | 8    | generation |
//   40     | 8    | salt       |
//   48     | 8    | file bytes | a multiple of a page
//   56     | 4    | flags      | JournalFlags
//   60     | 4036 | reserved   | 0
//
// Commit block header:
//   Offset | Size | Field             | Meaning
//   0      | 4    | magic             | "SGCB"
//   4      | 4    | header checksum   | CRC-32C of bytes 8-95, JournalSeed(block position)
//   8      | 4    | body checksum     | CRC-32C of the body, JournalSeed(block position)
//   12     | 4    | item count        |
//   16     | 4    | body bytes        | a multiple of 8; the block takes 96 + body bytes, padded to a page
//   20     | 4    | flags             | 0
//   24     | 8    | commit            | number of this commit, dense
//   32     | 8    | mark              | highest commit known durable when this block was issued
//   40     | 8    | LSN limit         | no LSN at or above it was handed out before a later block
//   48     | 8    | first LSN         | what the items' LSN differences count from
//   56     | 8    | time              | log time in microseconds
//   64     | 8    | generation        | of this file, in clear
//   72     | 8    | previous generation | in the first block of a file: of the file before it, else 0
//   80     | 8    | previous end      | and where that file's last block ends, else 0
//   88     | 8    | reserved          | 0
#pragma once

#include <array>
#include <cstdint>
#include <variant>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "base/status.h"
#include "format/checksum.h"
#include "format/frame.h"
#include "hash/sha256.h"

namespace seglog::format {

inline constexpr std::uint64_t kJournalMagic = 0x524A474F4C474553;  // "SEGLOGJR"
inline constexpr std::uint64_t kJournalBlocksOffset = 2 * kPageBytes;

enum JournalFlags : std::uint32_t {
  kJournalIsRecycled = 1,  // the file had an earlier life: bytes behind the last block may be its
};

struct JournalHeader {
  JournalIdentity identity;
  std::uint64_t file_bytes = 0;
  std::uint32_t flags = 0;
};

// Writes one page.
void EncodeJournalHeader(const JournalHeader& header, MutableByteSpan out);
// kFormatUnsupported for another version, kCorrupt for anything else that is wrong.
Result<JournalHeader> DecodeJournalHeader(ByteSpan page);

inline constexpr std::uint32_t kCommitMagic = 0x42434753;  // "SGCB"
inline constexpr std::size_t kCommitMagicOffset = 0;
inline constexpr std::size_t kCommitHeaderChecksumOffset = 4;
inline constexpr std::size_t kCommitBodyChecksumOffset = 8;
inline constexpr std::size_t kCommitItemCountOffset = 12;
inline constexpr std::size_t kCommitBodyBytesOffset = 16;
inline constexpr std::size_t kCommitFlagsOffset = 20;
inline constexpr std::size_t kCommitNumberOffset = 24;
inline constexpr std::size_t kCommitMarkOffset = 32;
inline constexpr std::size_t kCommitLsnLimitOffset = 40;
inline constexpr std::size_t kCommitFirstLsnOffset = 48;
inline constexpr std::size_t kCommitTimeOffset = 56;
inline constexpr std::size_t kCommitGenerationOffset = 64;
inline constexpr std::size_t kCommitPreviousGenerationOffset = 72;
inline constexpr std::size_t kCommitPreviousEndOffset = 80;
inline constexpr std::size_t kCommitReservedOffset = 88;
inline constexpr std::size_t kCommitHeaderBytes = 96;

struct CommitHeader {
  std::uint64_t commit = 0;
  std::uint64_t mark = 0;
  std::uint64_t lsn_limit = 0;
  std::uint64_t first_lsn = 0;
  std::uint64_t time_us = 0;
  std::uint64_t previous_generation = 0;
  std::uint64_t previous_end = 0;
  std::uint32_t item_count = 0;
  std::uint32_t body_bytes = 0;

  std::uint64_t block_bytes() const {
    return AlignUp<std::uint64_t>(kCommitHeaderBytes + std::uint64_t{body_bytes}, kPageBytes);
  }
};

// Items begin with 8 bytes: kind u8, flags u8, small u16 (record count of a frame, else 0), bytes u32
// (what follows these 8, without the zero padding to 8). docs/format.md has each item's fields.
enum class ItemKind : std::uint8_t {
  kFrame = 1,         // a frame, its header shortened to what the block does not say already
  kBytes = 2,         // bytes of a segment carried forward, verbatim
  kPointer = 3,       // reserved: a body that was written straight to its segment
  kCreateStream = 4,  // a stream begins
  kRotate = 5,        // one segment ends, another begins; the first segment of a stream too
  kSealed = 6,        // a segment's footer is durable
};

// stream u64, segment u64, segment offset in units of 8 u32, LSN difference u32, first sequence u64,
// then the frame's body. The item's flags are the frame's. 40 bytes before the body.
struct FrameItem {
  std::uint64_t stream_id = 0;
  std::uint64_t segment_id = 0;
  std::uint64_t segment_offset = 0;  // of the frame's header
  std::uint64_t first_lsn = 0;
  std::uint64_t first_sequence = 0;
  std::uint32_t record_count = 0;
  std::uint16_t flags = 0;
  ByteSpan body;

  // What lies in the segment before the body, given the block's time.
  FrameHeader Header(std::uint64_t time_us) const;
};
inline constexpr std::size_t kItemHeaderBytes = 8;
inline constexpr std::size_t kFrameItemFixedBytes = 32;
static_assert(kItemHeaderBytes + kFrameItemFixedBytes == 40);
inline constexpr std::uint64_t kSegmentBytesLimit = std::uint64_t{1} << 35;  // u32 units of 8

// stream u64, segment u64, segment offset u64, bytes.
struct BytesItem {
  std::uint64_t stream_id = 0;
  std::uint64_t segment_id = 0;
  std::uint64_t segment_offset = 0;
  ByteSpan bytes;
};

// stream u64, time u64, key.
struct CreateStreamItem {
  std::uint64_t stream_id = 0;
  std::uint64_t time_us = 0;
  ByteSpan key;
};

// stream u64, old segment u64 (0: none), old end u64, new segment u64, first sequence u64, time u64.
struct RotateItem {
  std::uint64_t stream_id = 0;
  std::uint64_t old_segment_id = 0;
  std::uint64_t old_end = 0;  // offset in the old segment where its last frame ends
  std::uint64_t new_segment_id = 0;
  std::uint64_t first_sequence = 0;  // that the new segment's first record will have
  std::uint64_t time_us = 0;
};

// stream u64, segment u64, footer offset u64, footer bytes u64, content SHA-256 32, chain SHA-256 32.
struct SealedItem {
  std::uint64_t stream_id = 0;
  std::uint64_t segment_id = 0;
  std::uint64_t footer_offset = 0;
  std::uint64_t footer_bytes = 0;
  hash::Sha256Digest content_sha256{};
  hash::Sha256Digest chain_sha256{};
};

using Item = std::variant<FrameItem, BytesItem, CreateStreamItem, RotateItem, SealedItem>;

// Builds one block. Reusable; one thread at a time.
class CommitBlockBuilder final {
 public:
  void Begin(std::uint64_t first_lsn);
  void Add(const CreateStreamItem& item);
  void Add(const RotateItem& item);
  void Add(const SealedItem& item);
  void Add(const BytesItem& item);
  // A frame whose body is built in place: call BeginFrame, append the body to buffer(), EndFrame.
  // `item.body` is ignored; EndFrame takes the final fields and the body's bytes since BeginFrame.
  void BeginFrame();
  void EndFrame(const FrameItem& item);

  AlignedBuffer* buffer() { return &buffer_; }
  std::uint32_t item_count() const { return item_count_; }
  // What the block would take on disk if it ended now, padded.
  std::uint64_t block_bytes() const { return AlignUp<std::uint64_t>(buffer_.size(), kPageBytes); }
  // Pads and writes the header; item_count, body_bytes and first_lsn of `header` are filled in. The
  // result borrows from the builder until Begin.
  ByteSpan Finish(CommitHeader header, const JournalIdentity& identity, std::uint64_t offset);

 private:
  AlignedBuffer buffer_;
  std::uint64_t first_lsn_ = 0;
  std::uint32_t item_count_ = 0;
  std::size_t frame_start_ = 0;
};

// Bytes of a block that holds nothing: a mark.
inline constexpr std::uint64_t kEmptyBlockBytes = kPageBytes;

// Verifies magic, header checksum and bounds; `bytes` holds at least kCommitHeaderBytes.
Result<CommitHeader> DecodeCommitHeader(ByteSpan bytes, const JournalIdentity& identity, std::uint64_t offset);

// Verifies the body of a block whose header was decoded and returns its items, which borrow from
// `block`. `block` begins with the header and holds header and body.
Result<std::vector<Item>> DecodeCommitBody(const CommitHeader& header, ByteSpan block,
                                           const JournalIdentity& identity, std::uint64_t offset);

}  // namespace seglog::format
