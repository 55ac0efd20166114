// SPDX-License-Identifier: MIT
// The journal's file header and its commit blocks. A block is one commit: a 96-byte header and
// items, zero-padded to a page. Items are 8-byte aligned. Decoders are pure functions, any thread.
// docs/format.md, "Journal file", has the byte tables.
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
#include "format/segment_file.h"
#include "hash/sha256.h"

namespace seglog::format {

inline constexpr std::uint64_t kJournalMagic = 0x524A474F4C474553;  // "SEGLOGJR"
inline constexpr std::uint64_t kJournalBlocksOffset = 2 * kPageBytes;

enum JournalFlags : std::uint32_t {
  kJournalIsRecycled = 1,  // the file had an earlier life: bytes behind the last block may be its
};

inline constexpr std::uint32_t kJournalFlagsKnown = 1;

// The header page, stored twice: at 0 and at kPageBytes. The checksum is the CRC-32C of the page
// from the log uuid on, seed 0.
inline constexpr std::size_t kJournalHeaderMagicOffset = 0;
inline constexpr std::size_t kJournalHeaderVersionOffset = 8;
inline constexpr std::size_t kJournalHeaderChecksumOffset = 12;
inline constexpr std::size_t kJournalHeaderLogUuidOffset = 16;
inline constexpr std::size_t kJournalHeaderGenerationOffset = 32;
inline constexpr std::size_t kJournalHeaderSaltOffset = 40;
inline constexpr std::size_t kJournalHeaderFileBytesOffset = 48;
inline constexpr std::size_t kJournalHeaderFlagsOffset = 56;
inline constexpr std::size_t kJournalHeaderReservedOffset = 60;  // zeros to the page's end

struct JournalHeader {
  JournalIdentity identity = {};  // generation 1 or more
  std::uint64_t file_bytes = 0;   // whole pages: both headers and at least one block
  std::uint32_t flags = 0;

  bool operator==(const JournalHeader&) const = default;
};

// Writes one page.
void EncodeJournalHeader(const JournalHeader& header, MutableByteSpan out);
// kFormatUnsupported for another version, kCorrupt for anything else that is wrong.
Result<JournalHeader> DecodeJournalHeader(ByteSpan page);

inline constexpr std::uint32_t kCommitMagic = 0x42434753;  // "SGCB"
// Both checksums are CRC-32C with JournalSeed of the block's position: the header's covers the
// header from the body checksum on, the body's covers the body without the padding to a page.
inline constexpr std::size_t kCommitMagicOffset = 0;
inline constexpr std::size_t kCommitHeaderChecksumOffset = 4;
inline constexpr std::size_t kCommitBodyChecksumOffset = 8;
inline constexpr std::size_t kCommitItemCountOffset = 12;
inline constexpr std::size_t kCommitBodyBytesOffset = 16;  // items, a multiple of 8
inline constexpr std::size_t kCommitFlagsOffset = 20;      // 0, reserved
inline constexpr std::size_t kCommitNumberOffset = 24;
inline constexpr std::size_t kCommitMarkOffset = 32;
inline constexpr std::size_t kCommitLsnLimitOffset = 40;
inline constexpr std::size_t kCommitFirstLsnOffset = 48;  // items' LSN differences count from it
inline constexpr std::size_t kCommitTimeOffset = 56;
inline constexpr std::size_t kCommitGenerationOffset = 64;  // of this file, in clear
inline constexpr std::size_t kCommitPreviousGenerationOffset = 72;
inline constexpr std::size_t kCommitPreviousEndOffset = 80;
// That the block's shared frames go to; 0 when it has none.
inline constexpr std::size_t kCommitSharedSegmentIdOffset = 88;
inline constexpr std::size_t kCommitHeaderBytes = 96;
inline constexpr std::uint32_t kCommitBodyBytesLimit = 0x40000000;
static_assert(kCommitSharedSegmentIdOffset + 8 == kCommitHeaderBytes);

struct CommitHeader {
  std::uint64_t commit = 0;     // number of this commit, dense, from 1
  std::uint64_t mark = 0;       // highest commit known durable when this one was issued; below it
  std::uint64_t lsn_limit = 0;  // no LSN at or above it was handed out before a later block
  std::uint64_t first_lsn = 0;
  std::uint64_t time_us = 0;
  // In the first block of a file, the file before it and where that file's last block ends. Else 0.
  std::uint64_t previous_generation = 0;
  std::uint64_t previous_end = 0;
  std::uint64_t shared_segment_id = 0;
  std::uint32_t item_count = 0;
  std::uint32_t body_bytes = 0;

  std::uint64_t block_bytes() const {
    return AlignUp<std::uint64_t>(kCommitHeaderBytes + std::uint64_t{body_bytes}, kPageBytes);
  }
  bool operator==(const CommitHeader&) const = default;
};

// Items begin with 8 bytes. `bytes` is what follows these 8, without the zero padding to 8. Offsets
// of fields are counted from the item's start.
inline constexpr std::size_t kItemKindOffset = 0;
inline constexpr std::size_t kItemFlagsOffset = 1;        // 0 but in frames
inline constexpr std::size_t kItemRecordCountOffset = 2;  // 0 but in frames
inline constexpr std::size_t kItemBytesOffset = 4;
inline constexpr std::size_t kItemHeaderBytes = 8;
inline constexpr std::size_t kItemAlignment = 8;
// Of the smallest item, a stream's creation; bounds the item count of a block.
inline constexpr std::size_t kItemStoredBytesMin = 32;

enum class ItemKind : std::uint8_t {
  kFrame = 1,           // a frame, its header shortened to what the block does not say already
  kBytes = 2,           // bytes of a segment carried forward, verbatim
  kBody = 3,            // frames that were written straight to their segment
  kCreateStream = 4,    // a stream begins
  kRotate = 5,          // one segment ends, another begins; the first segment of a stream too
  kSealed = 6,          // a segment's footer is durable
  kTruncateBefore = 7,  // a stream's oldest records are hidden, whole segments of them dropped
  kSharedFrame = 8,     // a frame, in the segment that the block names
};

// The frame's body follows the fixed fields; its header is shortened to them. The item's flags and
// record count are the frame's. The segment offset is u32 in units of 8.
inline constexpr std::size_t kFrameItemStreamIdOffset = 8;
inline constexpr std::size_t kFrameItemSegmentIdOffset = 16;
inline constexpr std::size_t kFrameItemSegmentOffset = 24;
inline constexpr std::size_t kFrameItemLsnDifferenceOffset = 28;  // first LSN - the block's
inline constexpr std::size_t kFrameItemFirstSequenceOffset = 32;
inline constexpr std::size_t kFrameItemFixedBytes = 32;
static_assert(kFrameItemFirstSequenceOffset + 8 == kItemHeaderBytes + kFrameItemFixedBytes);
static_assert(kFrameItemFixedBytes + kFrameBodyBytesLimit < kCommitBodyBytesLimit);

// The same for a frame in a segment that streams share. Both offsets are u32 in units of 8.
inline constexpr std::size_t kSharedFrameItemStreamIdOffset = 8;
inline constexpr std::size_t kSharedFrameItemPreviousSegmentIdOffset = 16;
inline constexpr std::size_t kSharedFrameItemSegmentOffset = 24;
inline constexpr std::size_t kSharedFrameItemLsnDifferenceOffset = 28;
inline constexpr std::size_t kSharedFrameItemPreviousOffset = 32;
inline constexpr std::size_t kSharedFrameItemFirstSequenceOffset = 36;
static_assert(kSharedFrameItemFirstSequenceOffset + 4 == kItemHeaderBytes + kFrameItemFixedBytes);

struct FrameItem {
  std::uint64_t stream_id = 0;
  std::uint64_t segment_id = 0;
  std::uint64_t segment_offset = 0;  // of the frame's header
  std::uint64_t first_lsn = 0;
  std::uint64_t first_sequence = 0;
  std::uint32_t record_count = 0;
  std::uint16_t flags = 0;
  SharedPosition previous = {};
  ByteSpan body = {};

  bool shared() const { return (flags & kFrameIsShared) != 0; }
  // What lies in the segment before the body, given the block's time.
  FrameHeader Header(std::uint64_t time_us) const;
};

// The bytes, at least one, follow the fixed fields.
inline constexpr std::size_t kBytesItemStreamIdOffset = 8;
inline constexpr std::size_t kBytesItemSegmentIdOffset = 16;
inline constexpr std::size_t kBytesItemSegmentOffset = 24;
inline constexpr std::size_t kBytesItemFixedBytes = 24;
static_assert(kBytesItemSegmentOffset + 8 == kItemHeaderBytes + kBytesItemFixedBytes);

struct BytesItem {
  std::uint64_t stream_id = 0;
  std::uint64_t segment_id = 0;
  std::uint64_t segment_offset = 0;
  ByteSpan bytes = {};
};

// The key follows the fixed fields.
inline constexpr std::size_t kCreateStreamItemStreamIdOffset = 8;
inline constexpr std::size_t kCreateStreamItemTimeOffset = 16;
inline constexpr std::size_t kCreateStreamItemFixedBytes = 16;
static_assert(kCreateStreamItemTimeOffset + 8 == kItemHeaderBytes + kCreateStreamItemFixedBytes);
static_assert(kItemStoredBytesMin ==
              AlignUp(kItemHeaderBytes + kCreateStreamItemFixedBytes + 1, kItemAlignment));

struct CreateStreamItem {
  std::uint64_t stream_id = 0;
  std::uint64_t time_us = 0;
  ByteSpan key = {};
};

inline constexpr std::size_t kRotateItemStreamIdOffset = 8;
inline constexpr std::size_t kRotateItemOldSegmentIdOffset = 16;  // 0: none
inline constexpr std::size_t kRotateItemOldEndOffset = 24;
inline constexpr std::size_t kRotateItemNewSegmentIdOffset = 32;
inline constexpr std::size_t kRotateItemFirstSequenceOffset = 40;
inline constexpr std::size_t kRotateItemTimeOffset = 48;
inline constexpr std::size_t kRotateItemFixedBytes = 48;
static_assert(kRotateItemTimeOffset + 8 == kItemHeaderBytes + kRotateItemFixedBytes);

struct RotateItem {
  std::uint64_t stream_id = 0;
  std::uint64_t old_segment_id = 0;
  std::uint64_t old_end = 0;  // offset in the old segment where its last frame ends
  std::uint64_t new_segment_id = 0;
  std::uint64_t first_sequence = 0;  // that the new segment's first record will have
  std::uint64_t time_us = 0;

  bool operator==(const RotateItem&) const = default;
};

inline constexpr std::size_t kSealedItemStreamIdOffset = 8;
inline constexpr std::size_t kSealedItemSegmentIdOffset = 16;
inline constexpr std::size_t kSealedItemFooterPositionOffset = 24;
inline constexpr std::size_t kSealedItemFooterBytesOffset = 32;
inline constexpr std::size_t kSealedItemContentSha256Offset = 40;
inline constexpr std::size_t kSealedItemChainSha256Offset = 72;
inline constexpr std::size_t kSealedItemFixedBytes = 96;
static_assert(kSealedItemChainSha256Offset + 32 == kItemHeaderBytes + kSealedItemFixedBytes);

struct SealedItem {
  std::uint64_t stream_id = 0;
  std::uint64_t segment_id = 0;
  std::uint64_t footer_offset = 0;
  std::uint64_t footer_bytes = 0;
  hash::Sha256Digest content_sha256{};
  hash::Sha256Digest chain_sha256{};

  bool operator==(const SealedItem&) const = default;
};

// A body is whole pages of a segment file, written before its block and synced before the block's
// commit counts as durable. It may begin below the segment's end, with pending bytes of earlier
// commits; a filler brings its end to a page.
inline constexpr std::size_t kBodyItemStreamIdOffset = 8;
inline constexpr std::size_t kBodyItemSegmentIdOffset = 16;
inline constexpr std::size_t kBodyItemBodyOffset = 24;       // in the segment, a multiple of a page
inline constexpr std::size_t kBodyItemBodyBytesOffset = 32;  // whole pages
inline constexpr std::size_t kBodyItemFramesOffset = 40;  // in the segment: of the first new frame
inline constexpr std::size_t kBodyItemFirstSequenceOffset = 48;
inline constexpr std::size_t kBodyItemFirstLsnOffset = 56;
inline constexpr std::size_t kBodyItemLastLsnOffset = 64;
inline constexpr std::size_t kBodyItemRecordCountOffset = 72;
inline constexpr std::size_t kBodyItemChecksumOffset = 76;  // CRC-32C of the body, SegmentSeed
inline constexpr std::size_t kBodyItemFixedBytes = 72;
static_assert(kBodyItemChecksumOffset + 4 == kItemHeaderBytes + kBodyItemFixedBytes);

struct BodyItem {
  std::uint64_t stream_id = 0;
  std::uint64_t segment_id = 0;
  std::uint64_t body_offset = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t frames_offset = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t first_lsn = 0;
  std::uint64_t last_lsn = 0;
  std::uint32_t record_count = 0;
  std::uint32_t checksum = 0;

  std::uint64_t end() const { return body_offset + body_bytes; }
  bool operator==(const BodyItem&) const = default;
};

// Of all of a body's bytes.
std::uint32_t BodyChecksum(const BodyItem& item, ByteSpan body);

inline constexpr std::size_t kTruncateBeforeItemStreamIdOffset = 8;
inline constexpr std::size_t kTruncateBeforeItemFirstSequenceOffset = 16;
inline constexpr std::size_t kTruncateBeforeItemTimeOffset = 24;
inline constexpr std::size_t kTruncateBeforeItemFixedBytes = 24;
static_assert(kTruncateBeforeItemTimeOffset + 8 ==
              kItemHeaderBytes + kTruncateBeforeItemFixedBytes);

struct TruncateBeforeItem {
  std::uint64_t stream_id = 0;
  std::uint64_t first_sequence = 0;  // that stays
  std::uint64_t time_us = 0;

  bool operator==(const TruncateBeforeItem&) const = default;
};

using Item = std::variant<FrameItem, BytesItem, BodyItem, CreateStreamItem, RotateItem, SealedItem,
                          TruncateBeforeItem>;

// Builds one block. Reusable; one thread at a time.
class CommitBlockBuilder final {
 public:
  void Begin(std::uint64_t first_lsn);
  void Add(const CreateStreamItem& item);
  void Add(const RotateItem& item);
  void Add(const SealedItem& item);
  void Add(const TruncateBeforeItem& item);
  void Add(const BytesItem& item);
  void Add(const BodyItem& item);
  // A frame whose body is built in place: call BeginFrame, append the body to buffer(), EndFrame.
  // `item.body` is ignored; EndFrame takes the final fields and the body's bytes since BeginFrame.
  // `item.first_lsn` is not below the block's, nor 2^32 or more above it. All shared frames of a
  // block go to one segment.
  void BeginFrame();
  void EndFrame(const FrameItem& item);

  AlignedBuffer* buffer() { return &buffer_; }
  // Gives back a buffer of more than `capacity_max`; what was built is gone.
  void Shrink(std::size_t capacity_max) {
    if (buffer_.capacity() > capacity_max) buffer_ = AlignedBuffer();
  }
  std::uint32_t item_count() const { return item_count_; }
  // What the block would take on disk if it ended now, padded.
  std::uint64_t block_bytes() const { return AlignUp<std::uint64_t>(buffer_.size(), kPageBytes); }
  // Where the block's shared frames go; 0 while it has none.
  std::uint64_t shared_segment_id() const { return shared_segment_id_; }
  // Pads and writes the header; what follows from the items is filled in. The result borrows from
  // the builder until Begin.
  ByteSpan Finish(CommitHeader header, const JournalIdentity& identity, std::uint64_t offset);

 private:
  // Appends an item's header and room for its fixed fields and `tail`, which it copies,
  // zero-padded. Returns the item's bytes.
  MutableByteSpan AddItem(ItemKind kind, std::size_t fixed_bytes, ByteSpan tail);

  AlignedBuffer buffer_;
  std::uint64_t first_lsn_ = 0;
  std::uint64_t shared_segment_id_ = 0;
  std::uint32_t item_count_ = 0;
  std::size_t frame_start_ = 0;
};

// Bytes of a block that holds nothing: a mark.
inline constexpr std::uint64_t kEmptyBlockBytes = kPageBytes;

// Verifies magic, header checksum, generation and bounds. kCorrupt also when `bytes` is shorter
// than a header.
Result<CommitHeader> DecodeCommitHeader(ByteSpan bytes, const JournalIdentity& identity,
                                        std::uint64_t offset);

// Verifies the body of a block whose header was decoded and returns its items, which borrow from
// `block`. `block` begins with the header; kCorrupt when it does not hold header and body.
// kFormatUnsupported for items of unknown kinds.
Result<std::vector<Item>> DecodeCommitBody(const CommitHeader& header, ByteSpan block,
                                           const JournalIdentity& identity, std::uint64_t offset);

}  // namespace seglog::format
