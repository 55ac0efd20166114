// SPDX-License-Identifier: MIT
#include "format/commit_block.h"

#include <algorithm>
#include <limits>

#include "format/codec.h"
#include "hash/crc32c.h"

namespace seglog::format {
namespace {

static_assert(kJournalHeaderLogUuidOffset == kFileChecksummedOffset);
static_assert(kCommitHeaderBytes % kItemAlignment == 0);

std::uint32_t PageChecksum(ByteSpan page) {
  return hash::Crc32c(0, page.subspan(kFileChecksummedOffset, kPageBytes - kFileChecksummedOffset));
}

std::uint32_t HeaderChecksum(ByteSpan block, std::uint32_t seed) {
  return hash::Crc32c(seed, block.subspan(kCommitBodyChecksumOffset,
                                          kCommitHeaderBytes - kCommitBodyChecksumOffset));
}

Status CheckJournalBounds(const JournalHeader& header) {
  if (header.identity.generation == 0) return Corrupt("journal header: generation 0");
  if (header.file_bytes < kJournalBlocksOffset + kPageBytes ||
      header.file_bytes % kPageBytes != 0) {
    return Corrupt("journal header: bad file length");
  }
  if ((header.flags & ~kJournalFlagsKnown) != 0) {
    return Corrupt("journal header: reserved field (flags)");
  }
  return Status::Ok();
}

Status CheckCommitBounds(const CommitHeader& header, const JournalIdentity& identity) {
  if (header.body_bytes > kCommitBodyBytesLimit || header.body_bytes % kItemAlignment != 0) {
    return Corrupt("commit block: bad body length");
  }
  if (header.item_count > header.body_bytes / kItemStoredBytesMin) {
    return Corrupt("commit block: more items than its body can hold");
  }
  // A commit is not known durable before it was issued; commit 0 is what came before the first.
  if (header.mark >= header.commit) return Corrupt("commit block: mark not below the commit");
  if (header.previous_generation >= identity.generation) {
    return Corrupt("commit block: previous generation not below its own");
  }
  const bool has_previous = header.previous_generation != 0;
  if (has_previous != (header.previous_end != 0) || header.previous_end % kPageBytes != 0) {
    return Corrupt("commit block: bad end of the previous file");
  }
  return Status::Ok();
}

void StoreCommitFields(const CommitHeader& header, std::uint64_t generation, MutableByteSpan out) {
  StoreLittle(out, kCommitMagicOffset, kCommitMagic);
  StoreLittle(out, kCommitItemCountOffset, header.item_count);
  StoreLittle(out, kCommitBodyBytesOffset, header.body_bytes);
  StoreLittle(out, kCommitFlagsOffset, std::uint32_t{0});
  StoreLittle(out, kCommitNumberOffset, header.commit);
  StoreLittle(out, kCommitMarkOffset, header.mark);
  StoreLittle(out, kCommitLsnLimitOffset, header.lsn_limit);
  StoreLittle(out, kCommitFirstLsnOffset, header.first_lsn);
  StoreLittle(out, kCommitTimeOffset, header.time_us);
  StoreLittle(out, kCommitGenerationOffset, generation);
  StoreLittle(out, kCommitPreviousGenerationOffset, header.previous_generation);
  StoreLittle(out, kCommitPreviousEndOffset, header.previous_end);
  StoreLittle(out, kCommitSharedSegmentIdOffset, header.shared_segment_id);
}

CommitHeader LoadCommitFields(ByteSpan bytes) {
  CommitHeader header;
  header.commit = LoadLittle<std::uint64_t>(bytes, kCommitNumberOffset);
  header.mark = LoadLittle<std::uint64_t>(bytes, kCommitMarkOffset);
  header.lsn_limit = LoadLittle<std::uint64_t>(bytes, kCommitLsnLimitOffset);
  header.first_lsn = LoadLittle<std::uint64_t>(bytes, kCommitFirstLsnOffset);
  header.time_us = LoadLittle<std::uint64_t>(bytes, kCommitTimeOffset);
  header.previous_generation = LoadLittle<std::uint64_t>(bytes, kCommitPreviousGenerationOffset);
  header.previous_end = LoadLittle<std::uint64_t>(bytes, kCommitPreviousEndOffset);
  header.shared_segment_id = LoadLittle<std::uint64_t>(bytes, kCommitSharedSegmentIdOffset);
  header.item_count = LoadLittle<std::uint32_t>(bytes, kCommitItemCountOffset);
  header.body_bytes = LoadLittle<std::uint32_t>(bytes, kCommitBodyBytesOffset);
  return header;
}

void StoreItemHeader(MutableByteSpan item, ItemKind kind, std::uint16_t flags,
                     std::uint32_t record_count, std::size_t bytes) {
  SEGLOG_ASSERT(flags <= std::numeric_limits<std::uint8_t>::max());
  SEGLOG_ASSERT(record_count <= std::numeric_limits<std::uint16_t>::max());
  SEGLOG_ASSERT(bytes <= kCommitBodyBytesLimit);
  StoreLittle(item, kItemKindOffset, static_cast<std::uint8_t>(kind));
  StoreLittle(item, kItemFlagsOffset, static_cast<std::uint8_t>(flags));
  StoreLittle(item, kItemRecordCountOffset, static_cast<std::uint16_t>(record_count));
  StoreLittle(item, kItemBytesOffset, static_cast<std::uint32_t>(bytes));
}

void StoreFrameFields(const FrameItem& item, std::uint32_t lsn_difference, MutableByteSpan out) {
  StoreLittle(out, kFrameItemStreamIdOffset, item.stream_id);
  StoreLittle(out, kFrameItemSegmentIdOffset, item.segment_id);
  StoreLittle(out, kFrameItemSegmentOffset,
              static_cast<std::uint32_t>(item.segment_offset / kFrameAlignment));
  StoreLittle(out, kFrameItemLsnDifferenceOffset, lsn_difference);
  StoreLittle(out, kFrameItemFirstSequenceOffset, item.first_sequence);
}

void StoreSharedFrameFields(const FrameItem& item, std::uint32_t lsn_difference,
                            MutableByteSpan out) {
  StoreLittle(out, kSharedFrameItemStreamIdOffset, item.stream_id);
  StoreLittle(out, kSharedFrameItemPreviousSegmentIdOffset, item.previous.segment_id);
  StoreLittle(out, kSharedFrameItemSegmentOffset,
              static_cast<std::uint32_t>(item.segment_offset / kFrameAlignment));
  StoreLittle(out, kSharedFrameItemLsnDifferenceOffset, lsn_difference);
  StoreLittle(out, kSharedFrameItemPreviousOffset,
              static_cast<std::uint32_t>(item.previous.offset / kFrameAlignment));
  StoreLittle(out, kSharedFrameItemFirstSequenceOffset,
              static_cast<std::uint32_t>(item.first_sequence));
}

}  // namespace

std::uint32_t BodyChecksum(const BodyItem& item, ByteSpan body) {
  return hash::Crc32c(SegmentSeed(item.segment_id, item.body_offset), body);
}

void EncodeJournalHeader(const JournalHeader& header, MutableByteSpan out) {
  SEGLOG_ASSERT(out.size() >= kPageBytes);
  SEGLOG_ASSERT(CheckJournalBounds(header).ok());
  const MutableByteSpan page = out.first(kPageBytes);
  std::fill(page.begin(), page.end(), std::byte{0});
  StoreLittle(page, kJournalHeaderMagicOffset, kJournalMagic);
  StoreLittle(page, kJournalHeaderVersionOffset, kFormatVersion);
  StoreBytes(page, kJournalHeaderLogUuidOffset, header.identity.log_uuid);
  StoreLittle(page, kJournalHeaderGenerationOffset, header.identity.generation);
  StoreLittle(page, kJournalHeaderSaltOffset, header.identity.salt);
  StoreLittle(page, kJournalHeaderFileBytesOffset, header.file_bytes);
  StoreLittle(page, kJournalHeaderFlagsOffset, header.flags);
  StoreLittle(page, kJournalHeaderChecksumOffset, PageChecksum(page));
}

Result<JournalHeader> DecodeJournalHeader(ByteSpan page) {
  if (page.size() < kPageBytes) return Corrupt("journal header: cut short");
  SEGLOG_RETURN_IF_ERROR(CheckFileStart(page, kJournalMagic, "journal header"));
  if (LoadLittle<std::uint32_t>(page, kJournalHeaderChecksumOffset) != PageChecksum(page)) {
    return Corrupt("journal header: wrong checksum");
  }
  if (!IsAllZero(
          page.subspan(kJournalHeaderReservedOffset, kPageBytes - kJournalHeaderReservedOffset))) {
    return Corrupt("journal header: reserved field");
  }
  JournalHeader header;
  header.identity.log_uuid = LoadArray<16>(page, kJournalHeaderLogUuidOffset);
  header.identity.generation = LoadLittle<std::uint64_t>(page, kJournalHeaderGenerationOffset);
  header.identity.salt = LoadLittle<std::uint64_t>(page, kJournalHeaderSaltOffset);
  header.file_bytes = LoadLittle<std::uint64_t>(page, kJournalHeaderFileBytesOffset);
  header.flags = LoadLittle<std::uint32_t>(page, kJournalHeaderFlagsOffset);
  SEGLOG_RETURN_IF_ERROR(CheckJournalBounds(header));
  return header;
}

FrameHeader FrameItem::Header(std::uint64_t time_us) const {
  SEGLOG_ASSERT(body.size() <= kFrameBodyBytesLimit);
  return {.stream_id = stream_id,
          .first_sequence = first_sequence,
          .first_lsn = first_lsn,
          .time_us = time_us,
          .record_count = record_count,
          .body_bytes = static_cast<std::uint32_t>(body.size()),
          .flags = flags,
          .previous = previous};
}

void CommitBlockBuilder::Begin(std::uint64_t first_lsn) {
  buffer_.Clear();
  buffer_.Resize(kCommitHeaderBytes);
  first_lsn_ = first_lsn;
  shared_segment_id_ = 0;
  item_count_ = 0;
  frame_start_ = 0;
}

void CommitBlockBuilder::Add(const CreateStreamItem& item) {
  SEGLOG_ASSERT(!item.key.empty() && item.key.size() <= kKeyBytesMax && item.stream_id != 0);
  const MutableByteSpan out =
      AddItem(ItemKind::kCreateStream, kCreateStreamItemFixedBytes, item.key);
  StoreLittle(out, kCreateStreamItemStreamIdOffset, item.stream_id);
  StoreLittle(out, kCreateStreamItemTimeOffset, item.time_us);
}

void CommitBlockBuilder::Add(const RotateItem& item) {
  const MutableByteSpan out = AddItem(ItemKind::kRotate, kRotateItemFixedBytes, {});
  StoreLittle(out, kRotateItemStreamIdOffset, item.stream_id);
  StoreLittle(out, kRotateItemOldSegmentIdOffset, item.old_segment_id);
  StoreLittle(out, kRotateItemOldEndOffset, item.old_end);
  StoreLittle(out, kRotateItemNewSegmentIdOffset, item.new_segment_id);
  StoreLittle(out, kRotateItemFirstSequenceOffset, item.first_sequence);
  StoreLittle(out, kRotateItemTimeOffset, item.time_us);
}

void CommitBlockBuilder::Add(const SealedItem& item) {
  const MutableByteSpan out = AddItem(ItemKind::kSealed, kSealedItemFixedBytes, {});
  StoreLittle(out, kSealedItemStreamIdOffset, item.stream_id);
  StoreLittle(out, kSealedItemSegmentIdOffset, item.segment_id);
  StoreLittle(out, kSealedItemFooterPositionOffset, item.footer_offset);
  StoreLittle(out, kSealedItemFooterBytesOffset, item.footer_bytes);
  StoreBytes(out, kSealedItemContentSha256Offset, item.content_sha256);
  StoreBytes(out, kSealedItemChainSha256Offset, item.chain_sha256);
}

void CommitBlockBuilder::Add(const TruncateBeforeItem& item) {
  const MutableByteSpan out = AddItem(ItemKind::kTruncateBefore, kTruncateBeforeItemFixedBytes, {});
  StoreLittle(out, kTruncateBeforeItemStreamIdOffset, item.stream_id);
  StoreLittle(out, kTruncateBeforeItemFirstSequenceOffset, item.first_sequence);
  StoreLittle(out, kTruncateBeforeItemTimeOffset, item.time_us);
}

void CommitBlockBuilder::Add(const BytesItem& item) {
  SEGLOG_ASSERT(!item.bytes.empty() && IsSegmentRange(item.segment_offset, item.bytes.size()));
  const MutableByteSpan out = AddItem(ItemKind::kBytes, kBytesItemFixedBytes, item.bytes);
  StoreLittle(out, kBytesItemStreamIdOffset, item.stream_id);
  StoreLittle(out, kBytesItemSegmentIdOffset, item.segment_id);
  StoreLittle(out, kBytesItemSegmentOffset, item.segment_offset);
}

void CommitBlockBuilder::Add(const BodyItem& item) {
  const MutableByteSpan out = AddItem(ItemKind::kBody, kBodyItemFixedBytes, {});
  StoreLittle(out, kBodyItemStreamIdOffset, item.stream_id);
  StoreLittle(out, kBodyItemSegmentIdOffset, item.segment_id);
  StoreLittle(out, kBodyItemBodyOffset, item.body_offset);
  StoreLittle(out, kBodyItemBodyBytesOffset, item.body_bytes);
  StoreLittle(out, kBodyItemFramesOffset, item.frames_offset);
  StoreLittle(out, kBodyItemFirstSequenceOffset, item.first_sequence);
  StoreLittle(out, kBodyItemFirstLsnOffset, item.first_lsn);
  StoreLittle(out, kBodyItemLastLsnOffset, item.last_lsn);
  StoreLittle(out, kBodyItemRecordCountOffset, item.record_count);
  StoreLittle(out, kBodyItemChecksumOffset, item.checksum);
}

void CommitBlockBuilder::BeginFrame() {
  SEGLOG_ASSERT(frame_start_ == 0);
  SEGLOG_ASSERT(buffer_.size() % kItemAlignment == 0);
  frame_start_ = buffer_.size();
  buffer_.Resize(frame_start_ + kItemHeaderBytes + kFrameItemFixedBytes);
}

void CommitBlockBuilder::EndFrame(const FrameItem& item) {
  SEGLOG_ASSERT(frame_start_ != 0);
  const MutableByteSpan out = buffer_.mutable_bytes().subspan(frame_start_);
  FrameItem built = item;
  built.body = out.subspan(kItemHeaderBytes + kFrameItemFixedBytes);
  SEGLOG_ASSERT(CheckFrameBounds(built.Header(0)).ok());
  SEGLOG_ASSERT(item.segment_offset >= kSegmentDataOffset);
  SEGLOG_ASSERT(IsSegmentRange(item.segment_offset, kFrameHeaderBytes + built.body.size()));
  const std::uint64_t lsn_difference = item.first_lsn - first_lsn_;
  SEGLOG_ASSERT(item.first_lsn >= first_lsn_);
  SEGLOG_ASSERT(lsn_difference <= std::numeric_limits<std::uint32_t>::max());
  StoreItemHeader(out, item.shared() ? ItemKind::kSharedFrame : ItemKind::kFrame, item.flags,
                  item.record_count, out.size() - kItemHeaderBytes);
  if (item.shared()) {
    SEGLOG_ASSERT(shared_segment_id_ == 0 || shared_segment_id_ == item.segment_id);
    shared_segment_id_ = item.segment_id;
    StoreSharedFrameFields(item, static_cast<std::uint32_t>(lsn_difference), out);
  } else {
    StoreFrameFields(item, static_cast<std::uint32_t>(lsn_difference), out);
  }
  frame_start_ = 0;
  ++item_count_;
}

ByteSpan CommitBlockBuilder::Finish(CommitHeader header, const JournalIdentity& identity,
                                    std::uint64_t offset) {
  SEGLOG_ASSERT(frame_start_ == 0);
  const std::size_t end = buffer_.size();
  SEGLOG_ASSERT(end >= kCommitHeaderBytes && end - kCommitHeaderBytes <= kCommitBodyBytesLimit);
  header.first_lsn = first_lsn_;
  header.shared_segment_id = shared_segment_id_;
  header.item_count = item_count_;
  header.body_bytes = static_cast<std::uint32_t>(end - kCommitHeaderBytes);
  SEGLOG_ASSERT(CheckCommitBounds(header, identity).ok());
  buffer_.PadTo(kPageBytes);
  const MutableByteSpan block = buffer_.mutable_bytes();
  StoreCommitFields(header, identity.generation, block);
  const std::uint32_t seed = JournalSeed(identity, offset);
  StoreLittle(block, kCommitBodyChecksumOffset,
              hash::Crc32c(seed, block.subspan(kCommitHeaderBytes, header.body_bytes)));
  StoreLittle(block, kCommitHeaderChecksumOffset, HeaderChecksum(block, seed));
  return block;
}

MutableByteSpan CommitBlockBuilder::AddItem(ItemKind kind, std::size_t fixed_bytes, ByteSpan tail) {
  SEGLOG_ASSERT(frame_start_ == 0);
  const std::size_t start = buffer_.size();
  const std::size_t item_bytes = kItemHeaderBytes + fixed_bytes + tail.size();
  buffer_.Resize(start + kItemHeaderBytes + fixed_bytes);
  buffer_.Append(tail);
  buffer_.PadTo(kItemAlignment);
  const MutableByteSpan item = buffer_.mutable_bytes().subspan(start, item_bytes);
  StoreItemHeader(item, kind, 0, 0, item_bytes - kItemHeaderBytes);
  ++item_count_;
  return item;
}

Result<CommitHeader> DecodeCommitHeader(ByteSpan bytes, const JournalIdentity& identity,
                                        std::uint64_t offset) {
  if (bytes.size() < kCommitHeaderBytes) return Corrupt("commit block: header cut short");
  if (LoadLittle<std::uint32_t>(bytes, kCommitMagicOffset) != kCommitMagic) {
    return Corrupt("commit block: wrong magic");
  }
  if (LoadLittle<std::uint32_t>(bytes, kCommitHeaderChecksumOffset) !=
      HeaderChecksum(bytes, JournalSeed(identity, offset))) {
    return Corrupt("commit block: wrong header checksum");
  }
  if (LoadLittle<std::uint64_t>(bytes, kCommitGenerationOffset) != identity.generation) {
    return Corrupt("commit block: of another generation");
  }
  if (LoadLittle<std::uint32_t>(bytes, kCommitFlagsOffset) != 0) {
    return Corrupt("commit block: reserved field");
  }
  const CommitHeader header = LoadCommitFields(bytes);
  SEGLOG_RETURN_IF_ERROR(CheckCommitBounds(header, identity));
  return header;
}

}  // namespace seglog::format
