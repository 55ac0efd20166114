// SPDX-License-Identifier: MIT
// Decodes the items of a commit block (commit_block.h).
#include <algorithm>
#include <limits>

#include "format/codec.h"
#include "format/commit_block.h"
#include "hash/crc32c.h"

namespace seglog::format {
namespace {

// One item, from its first byte to its last without padding, and what it is read against.
struct StoredItem {
  ByteSpan bytes;
  std::uint64_t block_first_lsn = 0;
  std::uint64_t shared_segment_id = 0;

  std::uint64_t U64(std::size_t offset) const { return LoadLittle<std::uint64_t>(bytes, offset); }
  std::uint32_t U32(std::size_t offset) const { return LoadLittle<std::uint32_t>(bytes, offset); }
  // An offset in a segment, stored in units of 8.
  std::uint64_t Units(std::size_t offset) const {
    return std::uint64_t{U32(offset)} * kFrameAlignment;
  }
};

Status CheckFixedItem(const StoredItem& stored, std::size_t fixed_bytes, std::size_t tail_min,
                      std::size_t tail_max) {
  if (LoadLittle<std::uint8_t>(stored.bytes, kItemFlagsOffset) != 0 ||
      LoadLittle<std::uint16_t>(stored.bytes, kItemRecordCountOffset) != 0) {
    return Corrupt("item: reserved field");
  }
  const std::size_t rest = stored.bytes.size() - kItemHeaderBytes;
  if (rest < fixed_bytes || rest - fixed_bytes < tail_min || rest - fixed_bytes > tail_max) {
    return Corrupt("item: bad length");
  }
  return Status::Ok();
}

// What a frame item of either kind has in its fixed fields; the LSN is the difference.
FrameItem LoadFrameFields(const StoredItem& stored, bool shared) {
  FrameItem item;
  if (shared) {
    item.stream_id = stored.U64(kSharedFrameItemStreamIdOffset);
    item.segment_id = stored.shared_segment_id;
    item.segment_offset = stored.Units(kSharedFrameItemSegmentOffset);
    item.first_lsn = stored.U32(kSharedFrameItemLsnDifferenceOffset);
    item.first_sequence = stored.U32(kSharedFrameItemFirstSequenceOffset);
    item.previous = {.segment_id = stored.U64(kSharedFrameItemPreviousSegmentIdOffset),
                     .offset = stored.Units(kSharedFrameItemPreviousOffset)};
  } else {
    item.stream_id = stored.U64(kFrameItemStreamIdOffset);
    item.segment_id = stored.U64(kFrameItemSegmentIdOffset);
    item.segment_offset = stored.Units(kFrameItemSegmentOffset);
    item.first_lsn = stored.U32(kFrameItemLsnDifferenceOffset);
    item.first_sequence = stored.U64(kFrameItemFirstSequenceOffset);
  }
  return item;
}

Status DecodeFrameItem(const StoredItem& stored, bool shared, std::vector<Item>* items) {
  constexpr std::size_t kBodyOffset = kItemHeaderBytes + kFrameItemFixedBytes;
  if (stored.bytes.size() < kBodyOffset ||
      stored.bytes.size() - kBodyOffset > kFrameBodyBytesLimit) {
    return Corrupt("frame item: bad length");
  }
  FrameItem item = LoadFrameFields(stored, shared);
  item.record_count = LoadLittle<std::uint16_t>(stored.bytes, kItemRecordCountOffset);
  item.flags = LoadLittle<std::uint8_t>(stored.bytes, kItemFlagsOffset);
  item.body = stored.bytes.subspan(kBodyOffset);
  const std::uint64_t lsn_difference = item.first_lsn;
  if (stored.block_first_lsn > std::numeric_limits<std::uint64_t>::max() - lsn_difference) {
    return Corrupt("frame item: LSN out of range");
  }
  item.first_lsn = stored.block_first_lsn + lsn_difference;
  if (item.segment_id == 0) return Corrupt("frame item: no segment");
  if (item.shared() != shared) return Corrupt("frame item: the flag and the kind disagree");
  if (item.segment_offset < kSegmentDataOffset ||
      !IsSegmentRange(item.segment_offset, kFrameHeaderBytes + item.body.size())) {
    return Corrupt("frame item: not inside a segment");
  }
  SEGLOG_RETURN_IF_ERROR(CheckFrameBounds(item.Header(0)));
  items->emplace_back(item);
  return Status::Ok();
}

Status DecodeBytesItem(const StoredItem& stored, std::vector<Item>* items) {
  SEGLOG_RETURN_IF_ERROR(CheckFixedItem(stored, kBytesItemFixedBytes, 1, kCommitBodyBytesLimit));
  const BytesItem item{.stream_id = stored.U64(kBytesItemStreamIdOffset),
                       .segment_id = stored.U64(kBytesItemSegmentIdOffset),
                       .segment_offset = stored.U64(kBytesItemSegmentOffset),
                       .bytes = stored.bytes.subspan(kItemHeaderBytes + kBytesItemFixedBytes)};
  if (item.stream_id == 0 || item.segment_id == 0) return Corrupt("bytes item: no segment");
  if (!IsSegmentRange(item.segment_offset, item.bytes.size())) {
    return Corrupt("bytes item: not inside a segment");
  }
  items->emplace_back(item);
  return Status::Ok();
}

Status CheckBody(const BodyItem& item) {
  if (item.stream_id == 0 || item.stream_id == kSharedStreamId || item.segment_id == 0)
    return Corrupt("body item: no segment");
  if (item.body_offset % kPageBytes != 0 || item.body_bytes % kPageBytes != 0 ||
      item.body_offset < kSegmentDataOffset || !IsSegmentRange(item.body_offset, item.body_bytes)) {
    return Corrupt("body item: not inside a segment");
  }
  if (item.frames_offset % kFrameAlignment != 0 || item.frames_offset < item.body_offset ||
      item.frames_offset >= item.end()) {
    return Corrupt("body item: its frames are not inside the body");
  }
  if (item.record_count == 0 || item.first_sequence == 0 || item.first_lsn == 0 ||
      item.last_lsn < item.first_lsn || item.last_lsn - item.first_lsn < item.record_count - 1 ||
      item.first_sequence > std::numeric_limits<std::uint64_t>::max() - item.record_count) {
    return Corrupt("body item: bad records");
  }
  return Status::Ok();
}

Status DecodeBodyItem(const StoredItem& stored, std::vector<Item>* items) {
  SEGLOG_RETURN_IF_ERROR(CheckFixedItem(stored, kBodyItemFixedBytes, 0, 0));
  const BodyItem item{.stream_id = stored.U64(kBodyItemStreamIdOffset),
                      .segment_id = stored.U64(kBodyItemSegmentIdOffset),
                      .body_offset = stored.U64(kBodyItemBodyOffset),
                      .body_bytes = stored.U64(kBodyItemBodyBytesOffset),
                      .frames_offset = stored.U64(kBodyItemFramesOffset),
                      .first_sequence = stored.U64(kBodyItemFirstSequenceOffset),
                      .first_lsn = stored.U64(kBodyItemFirstLsnOffset),
                      .last_lsn = stored.U64(kBodyItemLastLsnOffset),
                      .record_count = stored.U32(kBodyItemRecordCountOffset),
                      .checksum = stored.U32(kBodyItemChecksumOffset)};
  SEGLOG_RETURN_IF_ERROR(CheckBody(item));
  items->emplace_back(item);
  return Status::Ok();
}

Status DecodeCreateStreamItem(const StoredItem& stored, std::vector<Item>* items) {
  SEGLOG_RETURN_IF_ERROR(CheckFixedItem(stored, kCreateStreamItemFixedBytes, 1, kKeyBytesMax));
  const CreateStreamItem item{
      .stream_id = stored.U64(kCreateStreamItemStreamIdOffset),
      .time_us = stored.U64(kCreateStreamItemTimeOffset),
      .key = stored.bytes.subspan(kItemHeaderBytes + kCreateStreamItemFixedBytes)};
  if (item.stream_id == 0) return Corrupt("stream item: reserved field (stream id 0)");
  items->emplace_back(item);
  return Status::Ok();
}

Status DecodeRotateItem(const StoredItem& stored, std::vector<Item>* items) {
  SEGLOG_RETURN_IF_ERROR(CheckFixedItem(stored, kRotateItemFixedBytes, 0, 0));
  const RotateItem item{.stream_id = stored.U64(kRotateItemStreamIdOffset),
                        .old_segment_id = stored.U64(kRotateItemOldSegmentIdOffset),
                        .old_end = stored.U64(kRotateItemOldEndOffset),
                        .new_segment_id = stored.U64(kRotateItemNewSegmentIdOffset),
                        .first_sequence = stored.U64(kRotateItemFirstSequenceOffset),
                        .time_us = stored.U64(kRotateItemTimeOffset)};
  if (item.stream_id == 0 || item.new_segment_id == 0 || item.first_sequence == 0 ||
      item.new_segment_id == item.old_segment_id) {
    return Corrupt("rotate item: bad stream, segment or sequence");
  }
  const bool end_is_right = item.old_segment_id == 0 ? item.old_end == 0
                                                     : item.old_end >= kSegmentDataOffset &&
                                                           IsSegmentRange(item.old_end, 0);
  if (!end_is_right) return Corrupt("rotate item: not an end of a segment");
  items->emplace_back(item);
  return Status::Ok();
}

Status DecodeTruncateBeforeItem(const StoredItem& stored, std::vector<Item>* items) {
  SEGLOG_RETURN_IF_ERROR(CheckFixedItem(stored, kTruncateBeforeItemFixedBytes, 0, 0));
  const TruncateBeforeItem item{
      .stream_id = stored.U64(kTruncateBeforeItemStreamIdOffset),
      .first_sequence = stored.U64(kTruncateBeforeItemFirstSequenceOffset),
      .time_us = stored.U64(kTruncateBeforeItemTimeOffset)};
  if (item.stream_id == 0 || item.first_sequence == 0) return Corrupt("truncate item: no stream");
  items->emplace_back(item);
  return Status::Ok();
}

Status DecodeSealedItem(const StoredItem& stored, std::vector<Item>* items) {
  SEGLOG_RETURN_IF_ERROR(CheckFixedItem(stored, kSealedItemFixedBytes, 0, 0));
  const SealedItem item{
      .stream_id = stored.U64(kSealedItemStreamIdOffset),
      .segment_id = stored.U64(kSealedItemSegmentIdOffset),
      .footer_offset = stored.U64(kSealedItemFooterPositionOffset),
      .footer_bytes = stored.U64(kSealedItemFooterBytesOffset),
      .content_sha256 = LoadArray<32>(stored.bytes, kSealedItemContentSha256Offset),
      .chain_sha256 = LoadArray<32>(stored.bytes, kSealedItemChainSha256Offset)};
  if (item.stream_id == 0 || item.segment_id == 0) return Corrupt("sealed item: no segment");
  if (!IsFooterRange(item.footer_offset, item.footer_bytes)) {
    return Corrupt("sealed item: the footer cannot be there");
  }
  items->emplace_back(item);
  return Status::Ok();
}

Status DecodeItem(const StoredItem& stored, std::vector<Item>* items) {
  switch (static_cast<ItemKind>(LoadLittle<std::uint8_t>(stored.bytes, kItemKindOffset))) {
    case ItemKind::kFrame:
      return DecodeFrameItem(stored, false, items);
    case ItemKind::kSharedFrame:
      return DecodeFrameItem(stored, true, items);
    case ItemKind::kBytes:
      return DecodeBytesItem(stored, items);
    case ItemKind::kBody:
      return DecodeBodyItem(stored, items);
    case ItemKind::kCreateStream:
      return DecodeCreateStreamItem(stored, items);
    case ItemKind::kRotate:
      return DecodeRotateItem(stored, items);
    case ItemKind::kSealed:
      return DecodeSealedItem(stored, items);
    case ItemKind::kTruncateBefore:
      return DecodeTruncateBeforeItem(stored, items);
  }
  // The checksum holds: a later release wrote it, and it is no torn tail.
  return Status(Code::kFormatUnsupported, "item: unknown kind");
}

bool IsSharedFrame(const Item& item) {
  const auto* frame = std::get_if<FrameItem>(&item);
  return frame != nullptr && frame->shared();
}

}  // namespace

Result<std::vector<Item>> DecodeCommitBody(const CommitHeader& header, ByteSpan block,
                                           const JournalIdentity& identity, std::uint64_t offset) {
  if (block.size() < kCommitHeaderBytes || header.body_bytes > block.size() - kCommitHeaderBytes) {
    return Corrupt("commit block: body cut short");
  }
  const ByteSpan body = block.subspan(kCommitHeaderBytes, header.body_bytes);
  if (LoadLittle<std::uint32_t>(block, kCommitBodyChecksumOffset) !=
      hash::Crc32c(JournalSeed(identity, offset), body)) {
    return Corrupt("commit block: wrong body checksum");
  }
  if (header.item_count > body.size() / kItemStoredBytesMin) {
    return Corrupt("commit block: more items than its body can hold");
  }
  std::vector<Item> items;
  items.reserve(header.item_count);
  ByteSpan rest = body;
  while (!rest.empty()) {
    if (rest.size() < kItemHeaderBytes) return Corrupt("item: header cut short");
    const std::size_t bytes = LoadLittle<std::uint32_t>(rest, kItemBytesOffset);
    if (bytes > rest.size() - kItemHeaderBytes) return Corrupt("item: beyond the body");
    const std::size_t stored_bytes = AlignUp(kItemHeaderBytes + bytes, kItemAlignment);
    if (stored_bytes > rest.size()) return Corrupt("item: padding beyond the body");
    SEGLOG_RETURN_IF_ERROR(DecodeItem({.bytes = rest.first(kItemHeaderBytes + bytes),
                                       .block_first_lsn = header.first_lsn,
                                       .shared_segment_id = header.shared_segment_id},
                                      &items));
    if (items.size() > header.item_count) return Corrupt("commit block: more items than it counts");
    rest = rest.subspan(stored_bytes);
  }
  if (items.size() != header.item_count) return Corrupt("commit block: fewer items than it counts");
  if (header.shared_segment_id != 0 && std::ranges::none_of(items, IsSharedFrame)) {
    return Corrupt("commit block: a shared segment, and no frame in it");
  }
  return items;
}

}  // namespace seglog::format
