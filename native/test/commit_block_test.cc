// SPDX-License-Identifier: MIT
#include "format/commit_block.h"

#include <gtest/gtest.h>

#include <limits>

#include "test/format_test_util.h"

namespace seglog::format {
namespace {

constexpr std::uint64_t kOffset = kJournalBlocksOffset;
constexpr auto kU64Max = std::numeric_limits<std::uint64_t>::max();

JournalIdentity Identity() {
  JournalIdentity identity{.generation = 5, .salt = 0x1234567890ABCDEF};
  for (std::size_t i = 0; i < identity.log_uuid.size(); ++i) {
    identity.log_uuid[i] = static_cast<std::byte>(i + 1);
  }
  return identity;
}

CommitHeader Header() {
  return {.commit = 77,
          .mark = 70,
          .lsn_limit = 9000,
          .first_lsn = 1000,
          .time_us = 1'700'000'000'000'000,
          .previous_generation = 4,
          .previous_end = 65536};
}

hash::Sha256Digest Digest(int first) {
  hash::Sha256Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    digest[i] = static_cast<std::byte>(static_cast<std::size_t>(first) + i);
  }
  return digest;
}

FrameItem Frame(ByteSpan body) {
  return {.stream_id = 11,
          .segment_id = 12,
          .segment_offset = 8192,
          .first_lsn = 1005,
          .first_sequence = 31,
          .record_count = 2,
          .flags = kFrameHasLsnDifferences,
          .body = body};
}

FrameItem SharedFrame(ByteSpan body) {
  return {.stream_id = 11,
          .segment_id = 40,
          .segment_offset = 16384,
          .first_lsn = 1007,
          .first_sequence = 31,
          .record_count = 1,
          .flags = kFrameIsShared,
          .previous = {.segment_id = 39, .offset = 4104},
          .body = body};
}

BodyItem Body() {
  return {.stream_id = 1,
          .segment_id = 2,
          .body_offset = 8192,
          .body_bytes = 12288,
          .frames_offset = 8264,
          .first_sequence = 5,
          .first_lsn = 1008,
          .last_lsn = 1010,
          .record_count = 3,
          .checksum = 0x01234567};
}

// One item of each kind. They borrow from `bytes`, which holds at least 32.
std::vector<Item> AllItems(ByteSpan bytes) {
  return {
      CreateStreamItem{.stream_id = 11, .time_us = 5, .key = bytes.first(3)},
      RotateItem{.stream_id = 11, .new_segment_id = 12, .first_sequence = 1, .time_us = 6},
      Frame(bytes.first(24)),
      BytesItem{.stream_id = 1, .segment_id = 2, .segment_offset = 4096, .bytes = bytes.first(13)},
      RotateItem{.stream_id = 1,
                 .old_segment_id = 2,
                 .old_end = 4160,
                 .new_segment_id = 3,
                 .first_sequence = 9,
                 .time_us = 7},
      SealedItem{.stream_id = 1,
                 .segment_id = 2,
                 .footer_offset = 8192,
                 .footer_bytes = 4096,
                 .content_sha256 = Digest(1),
                 .chain_sha256 = Digest(100)},
      TruncateBeforeItem{.stream_id = 1, .first_sequence = 5, .time_us = 8},
      SharedFrame(bytes.first(8)),
      Body()};
}

Bytes Block(const std::vector<Item>& items, std::uint64_t offset = kOffset) {
  CommitBlockBuilder builder;
  return CopyOf(BlockOf(items, Header(), Identity(), offset, &builder));
}

Result<std::vector<Item>> Decode(ByteSpan block, const JournalIdentity& identity = Identity(),
                                 std::uint64_t offset = kOffset) {
  const Result<CommitHeader> header = DecodeCommitHeader(block, identity, offset);
  if (!header.ok()) return header.status();
  return DecodeCommitBody(header.value(), block, identity, offset);
}

// The status of a block of one item, after `change` was made to the item's stored bytes.
template <typename Change>
Status DecodeChanged(const Item& item, Change change) {
  Bytes block = Block({item});
  change(MutableByteSpan(block).subspan(kCommitHeaderBytes));
  FixBlockChecksums(block, Identity(), kOffset);
  return Decode(block).status();
}

TEST(CommitBlockTest, EveryItemComesBackAsItWasWritten) {
  const Bytes bytes = Pattern(32);
  const std::vector<Item> items = AllItems(bytes);
  const Bytes block = Block(items);
  EXPECT_EQ(block.size(), kPageBytes);

  const Result<CommitHeader> header = DecodeCommitHeader(block, Identity(), kOffset);
  ASSERT_TRUE(header.ok()) << header.status().ToString();
  CommitHeader expected = Header();
  expected.item_count = static_cast<std::uint32_t>(items.size());
  expected.body_bytes = header->body_bytes;
  expected.shared_segment_id = 40;
  EXPECT_EQ(header.value(), expected);
  EXPECT_EQ(header->block_bytes(), block.size());
  EXPECT_TRUE(IsAllZero(ByteSpan(block).subspan(kCommitHeaderBytes + header->body_bytes)));

  const Result<std::vector<Item>> decoded = Decode(block);
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_TRUE(SameItems(decoded.value(), items));
}

TEST(CommitBlockTest, BlockWithoutItemsIsOnePage) {
  const Bytes block = Block({});
  EXPECT_EQ(block.size(), kEmptyBlockBytes);
  const Result<std::vector<Item>> items = Decode(block);
  ASSERT_TRUE(items.ok());
  EXPECT_TRUE(items->empty());
}

TEST(CommitBlockTest, BuilderIsReusable) {
  const Bytes bytes = Pattern(32);
  CommitBlockBuilder builder;
  static_cast<void>(BlockOf(AllItems(bytes), Header(), Identity(), 0, &builder));
  EXPECT_EQ(builder.item_count(), 9u);
  const ByteSpan block =
      BlockOf({Frame(ByteSpan(bytes).first(16))}, Header(), Identity(), 0, &builder);
  EXPECT_EQ(builder.item_count(), 1u);
  EXPECT_EQ(builder.block_bytes(), block.size());
  EXPECT_TRUE(Decode(block, Identity(), 0).ok());
}

TEST(CommitBlockTest, TakesKeysOfOneByteUpToTheLimit) {
  const Bytes key = Pattern(kKeyBytesMax + 1);
  for (const std::size_t size : {std::size_t{1}, std::size_t{8}, kKeyBytesMax}) {
    const CreateStreamItem item{.stream_id = 1, .time_us = 2, .key = ByteSpan(key).first(size)};
    const Bytes block = Block({item});
    const Result<std::vector<Item>> items = Decode(block);
    ASSERT_TRUE(items.ok());
    EXPECT_TRUE(SameItems(items.value(), {item}));
  }
  const CreateStreamItem item{.stream_id = 1, .time_us = 2, .key = ByteSpan(key).first(40)};
  for (const std::uint32_t key_bytes : {std::uint32_t{0}, std::uint32_t{kKeyBytesMax + 1}}) {
    const Status status = DecodeChanged(item, [&](MutableByteSpan stored) {
      StoreLittle(stored, kItemBytesOffset,
                  static_cast<std::uint32_t>(kCreateStreamItemFixedBytes + key_bytes));
      const std::size_t end = AlignUp(
          kItemHeaderBytes + kCreateStreamItemFixedBytes + std::size_t{key_bytes}, kItemAlignment);
      // The body is as long as the item now says, so that only the key's bound refuses it.
      MutableByteSpan block(stored.data() - kCommitHeaderBytes, kPageBytes);
      StoreLittle(block, kCommitBodyBytesOffset,
                  static_cast<std::uint32_t>(std::max(end, kItemStoredBytesMin)));
    });
    EXPECT_EQ(status.message(), "item: bad length") << key_bytes;
  }
}

TEST(CommitBlockTest, RefusesEveryTruncation) {
  const Bytes block = Block({Frame(Pattern(24))});
  const std::size_t end = kCommitHeaderBytes + 40 + 24;
  for (std::size_t size = 0; size < end; ++size) {
    EXPECT_EQ(Decode(ByteSpan(block).first(size)).status().code(), Code::kCorrupt) << size;
  }
  EXPECT_TRUE(Decode(ByteSpan(block).first(end)).ok());
}

TEST(CommitBlockTest, RefusesItemsThatAreCutAtAnyByte) {
  const Bytes bytes = Pattern(32);
  for (const Item& item : AllItems(bytes)) {
    const Bytes whole = Block({item});
    const auto body_bytes = LoadLittle<std::uint32_t>(whole, kCommitBodyBytesOffset);
    for (std::uint32_t cut = 8; cut < body_bytes; cut += 8) {
      const Status status = DecodeChanged(item, [&](MutableByteSpan stored) {
        MutableByteSpan block(stored.data() - kCommitHeaderBytes, kPageBytes);
        StoreLittle(block, kCommitBodyBytesOffset, cut);
      });
      EXPECT_EQ(status.code(), Code::kCorrupt) << item.index() << " cut at " << cut;
    }
  }
}

TEST(CommitBlockTest, RefusesEveryBitFlipBeforeThePadding) {
  const Bytes bytes = Pattern(32);
  const std::vector<Item> items = {
      Frame(ByteSpan(bytes).first(16)),
      CreateStreamItem{.stream_id = 1, .key = ByteSpan(bytes).first(1)}};
  const Bytes block = Block(items);
  const std::size_t end =
      kCommitHeaderBytes + LoadLittle<std::uint32_t>(block, kCommitBodyBytesOffset);
  // Behind the first hundred bytes of padding there is nothing but more of it.
  ForEachBitFlip(ByteSpan(block).first(end + 100), [&](const Bytes& damaged, std::size_t bit) {
    const Result<std::vector<Item>> decoded = Decode(damaged);
    EXPECT_EQ(decoded.ok(), bit / 8 >= end) << bit;
    if (decoded.ok()) {
      EXPECT_TRUE(SameItems(decoded.value(), items)) << bit;
    }
  });
}

TEST(CommitBlockTest, ZerosAreNotABlock) {
  EXPECT_EQ(Decode(Bytes(kPageBytes)).status().message(), "commit block: wrong magic");
  EXPECT_EQ(DecodeJournalHeader(Bytes(kPageBytes)).status().message(),
            "journal header: wrong magic");
}

TEST(CommitBlockTest, ZerosAreNotAnItem) {
  const Status status = DecodeChanged(Frame(Pattern(16)), [](MutableByteSpan stored) {
    std::fill(stored.begin(), stored.end(), std::byte{0});
  });
  EXPECT_EQ(status.message(), "item: unknown kind");
}

TEST(CommitBlockTest, DoesNotValidateInAnotherPlaceOrLife) {
  const Bytes block = Block({Frame(Pattern(24))});
  ASSERT_TRUE(Decode(block).ok());
  EXPECT_FALSE(Decode(block, Identity(), kOffset + kPageBytes).ok());
  JournalIdentity other = Identity();
  other.generation += 1;
  EXPECT_FALSE(Decode(block, other).ok());
  other = Identity();
  other.salt ^= 1;
  EXPECT_FALSE(Decode(block, other).ok());
  other = Identity();
  other.log_uuid[15] ^= std::byte{1};
  EXPECT_FALSE(Decode(block, other).ok());

  // The same of the body alone, whose header may have been decoded from better bytes.
  const Result<CommitHeader> header = DecodeCommitHeader(block, Identity(), kOffset);
  ASSERT_TRUE(header.ok());
  EXPECT_TRUE(DecodeCommitBody(header.value(), block, Identity(), kOffset).ok());
  EXPECT_FALSE(DecodeCommitBody(header.value(), block, other, kOffset).ok());
  EXPECT_FALSE(DecodeCommitBody(header.value(), block, Identity(), kOffset + kPageBytes).ok());
}

TEST(CommitBlockTest, SeedIsTheExampleOfTheFormatDocument) {
  JournalIdentity identity{.generation = 5, .salt = 0x0123456789ABCDEF};
  for (std::size_t i = 0; i < identity.log_uuid.size(); ++i) {
    identity.log_uuid[i] = static_cast<std::byte>(i);
  }
  EXPECT_EQ(JournalSeed(identity, 8192), 0x9A5F6493u);
}

TEST(CommitBlockTest, RefusesHeadersThatContradictThemselves) {
  const auto decode = [](auto change) {
    Bytes block = Block({Frame(Pattern(24))});
    change(MutableByteSpan(block));
    FixBlockChecksums(block, Identity(), kOffset);
    return DecodeCommitHeader(block, Identity(), kOffset).status();
  };
  const auto store64 = [&](std::size_t offset, std::uint64_t value) {
    return decode([&](MutableByteSpan block) { StoreLittle(block, offset, value); });
  };
  const auto store32 = [&](std::size_t offset, std::uint32_t value) {
    return decode([&](MutableByteSpan block) { StoreLittle(block, offset, value); });
  };
  ASSERT_TRUE(decode([](MutableByteSpan) {}).ok());
  EXPECT_EQ(store32(kCommitFlagsOffset, 1).message(), "commit block: reserved field");
  EXPECT_EQ(store64(kCommitGenerationOffset, 6).message(), "commit block: of another generation");
  EXPECT_EQ(store32(kCommitBodyBytesOffset, 63).message(), "commit block: bad body length");
  EXPECT_EQ(store32(kCommitBodyBytesOffset, 0xFFFFFFF8).message(), "commit block: bad body length");
  EXPECT_EQ(store32(kCommitItemCountOffset, 3).message(),
            "commit block: more items than its body can hold");
  EXPECT_EQ(store64(kCommitMarkOffset, 77).message(), "commit block: mark not below the commit");
  EXPECT_EQ(store64(kCommitNumberOffset, 0).message(), "commit block: mark not below the commit");
  EXPECT_EQ(store64(kCommitPreviousGenerationOffset, 5).message(),
            "commit block: previous generation not below its own");
  EXPECT_EQ(store64(kCommitPreviousGenerationOffset, 0).message(),
            "commit block: bad end of the previous file");
  EXPECT_EQ(store64(kCommitPreviousEndOffset, 4097).message(),
            "commit block: bad end of the previous file");
}

TEST(CommitBlockTest, RefusesItemCountsThatAreNotThoseOfTheBody) {
  const Bytes key = Pattern(1);
  const CreateStreamItem item{.stream_id = 1, .key = key};
  for (const std::uint32_t count : {0u, 1u}) {
    Bytes block = Block({item, item});
    StoreLittle(MutableByteSpan(block), kCommitItemCountOffset, count);
    FixBlockChecksums(block, Identity(), kOffset);
    EXPECT_EQ(Decode(block).status().message(), "commit block: more items than it counts");
  }
  Bytes block = Block({Frame(Pattern(24))});
  StoreLittle(MutableByteSpan(block), kCommitItemCountOffset, 2u);
  FixBlockChecksums(block, Identity(), kOffset);
  EXPECT_EQ(Decode(block).status().message(), "commit block: fewer items than it counts");
}

TEST(CommitBlockTest, RefusesASharedSegmentThatNoFrameGoesTo) {
  const Bytes body = Pattern(24);
  for (const std::vector<Item>& items : {std::vector<Item>{}, {Frame(body)}}) {
    Bytes block = Block(items);
    StoreLittle(MutableByteSpan(block), kCommitSharedSegmentIdOffset, std::uint64_t{40});
    FixBlockChecksums(block, Identity(), kOffset);
    EXPECT_EQ(Decode(block).status().message(),
              "commit block: a shared segment, and no frame in it");
  }
}

TEST(CommitBlockTest, RefusesKindsThatAreUnknown) {
  for (int kind = 0; kind < 256; ++kind) {
    const Status status = DecodeChanged(Frame(Pattern(24)), [kind](MutableByteSpan stored) {
      stored[kItemKindOffset] = static_cast<std::byte>(kind);
    });
    if (kind == 0 || kind > static_cast<int>(ItemKind::kSharedFrame)) {
      EXPECT_EQ(status.code(), Code::kFormatUnsupported);
      EXPECT_EQ(status.message(), "item: unknown kind") << kind;
    }
  }
}

TEST(CommitBlockTest, RefusesItemLengthsBeyondTheBody) {
  const Bytes bytes = Pattern(32);
  for (const Item& item : AllItems(bytes)) {
    for (const std::uint32_t length : {std::uint32_t{0xFFFFFFFF}, std::uint32_t{4000}}) {
      const Status status = DecodeChanged(item, [length](MutableByteSpan stored) {
        StoreLittle(stored, kItemBytesOffset, length);
      });
      EXPECT_EQ(status.message(), "item: beyond the body") << item.index();
    }
  }
}

TEST(CommitBlockTest, RefusesReservedFieldsOfItemsThatAreNotZero) {
  const Bytes bytes = Pattern(32);
  for (const Item& item : AllItems(bytes)) {
    if (std::holds_alternative<FrameItem>(item)) continue;
    for (const std::size_t offset : {kItemFlagsOffset, kItemRecordCountOffset}) {
      const Status status =
          DecodeChanged(item, [offset](MutableByteSpan stored) { stored[offset] = std::byte{1}; });
      EXPECT_EQ(status.message(), "item: reserved field") << item.index();
    }
  }
}

TEST(CommitBlockTest, RefusesBodiesThatAreOutOfBounds) {
  const auto changed = [](auto field, auto value) {
    BodyItem item = Body();
    item.*field = value;
    return Decode(Block({item})).status().message();
  };
  const char* const nowhere = "body item: not inside a segment";
  EXPECT_EQ(changed(&BodyItem::stream_id, 0u), "body item: no segment");
  EXPECT_EQ(changed(&BodyItem::stream_id, kSharedStreamId), "body item: no segment");
  EXPECT_EQ(changed(&BodyItem::segment_id, 0u), "body item: no segment");
  EXPECT_EQ(changed(&BodyItem::body_offset, 0u), nowhere);
  EXPECT_EQ(changed(&BodyItem::body_offset, 8200u), nowhere);
  EXPECT_EQ(changed(&BodyItem::body_offset, kSegmentBytesLimit), nowhere);
  EXPECT_EQ(changed(&BodyItem::body_bytes, 4097u), nowhere);
  EXPECT_EQ(changed(&BodyItem::body_bytes, kSegmentBytesLimit), nowhere);
  const char* const frames = "body item: its frames are not inside the body";
  EXPECT_EQ(changed(&BodyItem::body_bytes, 0u), frames);
  EXPECT_EQ(changed(&BodyItem::frames_offset, 8184u), frames);
  EXPECT_EQ(changed(&BodyItem::frames_offset, 8265u), frames);
  EXPECT_EQ(changed(&BodyItem::frames_offset, 20480u), frames);
  const char* const records = "body item: bad records";
  EXPECT_EQ(changed(&BodyItem::record_count, 0u), records);
  EXPECT_EQ(changed(&BodyItem::record_count, 4u), records);
  EXPECT_EQ(changed(&BodyItem::first_sequence, 0u), records);
  EXPECT_EQ(changed(&BodyItem::first_sequence, UINT64_MAX - 2), records);
  EXPECT_EQ(changed(&BodyItem::first_lsn, 0u), records);
  EXPECT_EQ(changed(&BodyItem::first_lsn, 1009u), records);
  EXPECT_EQ(changed(&BodyItem::last_lsn, 1007u), records);
  EXPECT_EQ(changed(&BodyItem::checksum, 0u), "");
}

TEST(CommitBlockTest, ABodysChecksumDependsOnItsPlace) {
  const Bytes body = Pattern(kPageBytes);
  BodyItem other = Body();
  const std::uint32_t checksum = BodyChecksum(other, body);
  other.body_offset += kPageBytes;
  EXPECT_NE(BodyChecksum(other, body), checksum);
  other = Body();
  ++other.segment_id;
  EXPECT_NE(BodyChecksum(other, body), checksum);
}

TEST(CommitBlockTest, RefusesFramesThatAreOutOfBounds) {
  const Bytes body = Pattern(24);
  const auto store64 = [&](std::size_t offset, std::uint64_t value) {
    return DecodeChanged(Frame(body),
                         [&](MutableByteSpan stored) { StoreLittle(stored, offset, value); });
  };
  const auto store32 = [&](std::size_t offset, std::uint32_t value) {
    return DecodeChanged(Frame(body),
                         [&](MutableByteSpan stored) { StoreLittle(stored, offset, value); });
  };
  const auto store8 = [&](std::size_t offset, std::uint8_t value) {
    return DecodeChanged(Frame(body),
                         [&](MutableByteSpan stored) { StoreLittle(stored, offset, value); });
  };
  EXPECT_EQ(store8(kItemFlagsOffset, 8).message(), "frame item: the flag and the kind disagree");
  EXPECT_EQ(store8(kItemFlagsOffset, 16).message(), "frame: reserved field (flags)");
  EXPECT_EQ(store8(kItemFlagsOffset, kFrameIsFiller).message(), "frame: a filler with records");
  EXPECT_EQ(store8(kItemRecordCountOffset, 0).message(), "frame: no records");
  EXPECT_EQ(store8(kItemRecordCountOffset, 4).message(), "frame: body too short for its records");
  EXPECT_EQ(store64(kFrameItemStreamIdOffset, 0).code(), Code::kCorrupt);
  EXPECT_EQ(store64(kFrameItemSegmentIdOffset, 0).message(), "frame item: no segment");
  EXPECT_EQ(store64(kFrameItemFirstSequenceOffset, kU64Max).message(),
            "frame: sequence out of range");
  EXPECT_EQ(store32(kFrameItemSegmentOffset, kSegmentDataOffset / 8 - 1).message(),
            "frame item: not inside a segment");
  EXPECT_EQ(store32(kFrameItemSegmentOffset, 0xFFFFFFFF).message(),
            "frame item: not inside a segment");
  EXPECT_EQ(store32(kItemBytesOffset, 31).message(), "frame item: bad length");
  EXPECT_EQ(store32(kItemBytesOffset, 32 + 23).message(), "frame: body length unaligned");
}

TEST(CommitBlockTest, RefusesLsnsThatOverflow) {
  Bytes block = Block({Frame(Pattern(24))});
  StoreLittle(MutableByteSpan(block), kCommitFirstLsnOffset, kU64Max);
  FixBlockChecksums(block, Identity(), kOffset);
  EXPECT_EQ(Decode(block).status().message(), "frame item: LSN out of range");
}

TEST(CommitBlockTest, RefusesOtherItemsThatAreOutOfBounds) {
  const Bytes bytes = Pattern(32);
  const std::vector<Item> items = AllItems(bytes);
  const auto refused = [&](std::size_t index, std::size_t offset, std::uint64_t value) {
    const Status status = DecodeChanged(
        items[index], [&](MutableByteSpan stored) { StoreLittle(stored, offset, value); });
    return status.code() == Code::kCorrupt;
  };
  constexpr std::size_t kCreate = 0, kRotate = 4, kBytes = 3, kSealed = 5, kTruncate = 6;
  EXPECT_TRUE(refused(kCreate, kCreateStreamItemStreamIdOffset, 0));
  EXPECT_TRUE(refused(kBytes, kBytesItemStreamIdOffset, 0));
  EXPECT_TRUE(refused(kBytes, kBytesItemSegmentIdOffset, 0));
  EXPECT_TRUE(refused(kBytes, kBytesItemSegmentOffset, 4100));
  EXPECT_TRUE(refused(kBytes, kBytesItemSegmentOffset, kSegmentBytesLimit));
  EXPECT_TRUE(refused(kBytes, kBytesItemSegmentOffset, kU64Max - 7));
  EXPECT_TRUE(refused(kRotate, kRotateItemStreamIdOffset, 0));
  EXPECT_TRUE(refused(kRotate, kRotateItemNewSegmentIdOffset, 0));
  EXPECT_TRUE(refused(kRotate, kRotateItemNewSegmentIdOffset, 2));
  EXPECT_TRUE(refused(kRotate, kRotateItemOldSegmentIdOffset, 0));
  EXPECT_TRUE(refused(kRotate, kRotateItemFirstSequenceOffset, 0));
  EXPECT_TRUE(refused(kRotate, kRotateItemOldEndOffset, 0));
  EXPECT_TRUE(refused(kRotate, kRotateItemOldEndOffset, 4161));
  EXPECT_TRUE(refused(kRotate, kRotateItemOldEndOffset, kSegmentBytesLimit + 8));
  EXPECT_TRUE(refused(kSealed, kSealedItemStreamIdOffset, 0));
  EXPECT_TRUE(refused(kSealed, kSealedItemSegmentIdOffset, 0));
  EXPECT_TRUE(refused(kSealed, kSealedItemFooterPositionOffset, 8200));
  EXPECT_TRUE(refused(kSealed, kSealedItemFooterPositionOffset, 0));
  EXPECT_TRUE(refused(kSealed, kSealedItemFooterBytesOffset, 0));
  EXPECT_TRUE(refused(kSealed, kSealedItemFooterBytesOffset, kFooterBytesLimit + kPageBytes));
  EXPECT_TRUE(refused(kTruncate, kTruncateBeforeItemStreamIdOffset, 0));
  EXPECT_TRUE(refused(kTruncate, kTruncateBeforeItemFirstSequenceOffset, 0));
}

// Adds one frame of `count` records of `data` to the block, as the committer does.
void AddFrame(std::uint64_t stream_id, std::size_t count, ByteSpan data,
              CommitBlockBuilder* builder) {
  builder->BeginFrame();
  FrameBodyBuilder body;
  body.Begin(stream_id, kSegmentDataOffset + kFrameHeaderBytes, false, builder->buffer());
  for (std::size_t i = 0; i < count; ++i) body.Add({.data = data});
  FrameHeader header;
  body.Finish(&header);
  builder->EndFrame({.stream_id = stream_id,
                     .segment_id = stream_id,
                     .segment_offset = kSegmentDataOffset,
                     .first_lsn = stream_id,
                     .first_sequence = 1,
                     .record_count = header.record_count,
                     .flags = header.flags});
}

TEST(CommitBlockTest, ThousandStreamsOfOneRecordCostAtMost180BytesEach) {
  const Bytes data = Pattern(128);
  CommitBlockBuilder builder;
  builder.Begin(1);
  AddFrame(1, 1, data, &builder);
  EXPECT_EQ(builder.buffer()->size() - kCommitHeaderBytes, 40u + 8 + 128);
  for (std::uint64_t stream = 2; stream <= 1000; ++stream) AddFrame(stream, 1, data, &builder);
  const ByteSpan block = builder.Finish({.commit = 1}, Identity(), kOffset);
  // 96 + 1,000 × 176 bytes, padded to a page.
  EXPECT_EQ(block.size(), 176'128u);
  EXPECT_LE(block.size(), 1000u * 180);
  const Result<std::vector<Item>> items = Decode(block);
  ASSERT_TRUE(items.ok()) << items.status().ToString();
  EXPECT_EQ(items->size(), 1000u);
}

TEST(CommitBlockTest, ThousandRecordsOfOneStreamCostAtMostSixteenBytesEach) {
  const Bytes data = Pattern(128);
  CommitBlockBuilder builder;
  builder.Begin(1);
  AddFrame(1, 1000, data, &builder);
  EXPECT_LE(builder.buffer()->size(), 1000u * (128 + 16));
  EXPECT_LE(builder.Finish({.commit = 1}, Identity(), kOffset).size(), 1000u * (128 + 16));
}

TEST(CommitBlockTest, FrameFromTheJournalIsAValidFrameOfItsSegment) {
  const Bytes data = Pattern(50);
  CommitBlockBuilder builder;
  builder.Begin(1);
  AddFrame(9, 20, data, &builder);
  const CommitHeader header{.commit = 1, .time_us = 4711};
  const ByteSpan block = builder.Finish(header, Identity(), kOffset);
  const Result<std::vector<Item>> items = Decode(block);
  ASSERT_TRUE(items.ok());
  const auto& item = std::get<FrameItem>(items->front());

  // Physical redo: the header is rebuilt from item and block, the body is copied.
  const FrameHeader rebuilt = item.Header(header.time_us);
  Bytes frame(kFrameHeaderBytes);
  EncodeFrameHeader(rebuilt, item.body, item.segment_id, item.segment_offset, frame);
  frame.insert(frame.end(), item.body.begin(), item.body.end());
  const Result<FrameHeader> verified = VerifyFrame(frame, item.segment_id, item.segment_offset);
  ASSERT_TRUE(verified.ok()) << verified.status().ToString();
  EXPECT_EQ(verified.value(), rebuilt);
  EXPECT_EQ(verified->time_us, 4711u);
  EXPECT_EQ(verified->record_count, 20u);
}

TEST(JournalHeaderTest, ComesBackAsItWasWritten) {
  for (const std::uint32_t flags : {0u, std::uint32_t{kJournalIsRecycled}}) {
    const JournalHeader header{.identity = Identity(), .file_bytes = 1024 * 1024, .flags = flags};
    Bytes page(kPageBytes, std::byte{0xFF});
    EncodeJournalHeader(header, page);
    const Result<JournalHeader> decoded = DecodeJournalHeader(page);
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(decoded.value(), header);
  }
}

TEST(JournalHeaderTest, RefusesEveryBitFlipAndEveryTruncation) {
  Bytes page(kPageBytes);
  EncodeJournalHeader({.identity = Identity(), .file_bytes = 12288}, page);
  ForEachBitFlip(page, [](const Bytes& damaged, std::size_t bit) {
    const bool in_version =
        bit / 8 >= kJournalHeaderVersionOffset && bit / 8 < kJournalHeaderChecksumOffset;
    EXPECT_EQ(DecodeJournalHeader(damaged).status().code(),
              in_version ? Code::kFormatUnsupported : Code::kCorrupt)
        << bit;
  });
  for (std::size_t size = 0; size < page.size(); ++size) {
    EXPECT_FALSE(DecodeJournalHeader(ByteSpan(page).first(size)).ok()) << size;
  }
}

TEST(JournalHeaderTest, RefusesFieldsThatAreOutOfBounds) {
  const auto decode = [](auto change) {
    Bytes page(kPageBytes);
    EncodeJournalHeader({.identity = Identity(), .file_bytes = 12288}, page);
    change(MutableByteSpan(page));
    FixPageChecksum(page);
    return DecodeJournalHeader(page).status().message();
  };
  const auto store64 = [&](std::size_t offset, std::uint64_t value) {
    return decode([&](MutableByteSpan page) { StoreLittle(page, offset, value); });
  };
  EXPECT_EQ(store64(kJournalHeaderGenerationOffset, 0), "journal header: generation 0");
  EXPECT_EQ(store64(kJournalHeaderFileBytesOffset, 8192), "journal header: bad file length");
  EXPECT_EQ(store64(kJournalHeaderFileBytesOffset, 12289), "journal header: bad file length");
  EXPECT_EQ(store64(kJournalHeaderFlagsOffset, 2), "journal header: reserved field (flags)");
  EXPECT_EQ(decode([](MutableByteSpan page) { page.back() = std::byte{1}; }),
            "journal header: reserved field");
}

}  // namespace
}  // namespace seglog::format
