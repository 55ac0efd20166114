// SPDX-License-Identifier: MIT
#include "format/catalog.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "test/format_test_util.h"

namespace seglog::format {
namespace {

constexpr auto kU64Max = std::numeric_limits<std::uint64_t>::max();

CatalogSegment Segment(std::uint64_t id, std::uint64_t first_sequence, SegmentState state) {
  CatalogSegment segment{.id = id,
                         .first_sequence = first_sequence,
                         .next_sequence = first_sequence + 10,
                         .end = 10'000,
                         .destaged = 8192,
                         .created_us = 1,
                         .first_lsn = 2,
                         .last_lsn = 3,
                         .first_time_us = 4,
                         .last_time_us = 5,
                         .state = state};
  if (state == SegmentState::kSealed) {
    segment.destaged = segment.end;
    segment.footer_offset = 12288;
    segment.footer_bytes = 4096;
    segment.chain_sha256.fill(std::byte{9});
  }
  return segment;
}

// Four streams: with a sealed, an ended and an open segment; with one; with none; with frames in
// shared segments only. The first has lost its oldest records. Two dropped segments.
Catalog Sample() {
  Catalog catalog{.snapshot_number = 3,
                  .mark = 40,
                  .start_generation = 5,
                  .start_commit = 38,
                  .next_lsn = 900,
                  .highest_generation = 6,
                  .log_time_us = 1234,
                  .clean = true};
  catalog.log_uuid.fill(std::byte{0xCD});
  catalog.streams.push_back(
      {.id = 1,
       .created_us = 7,
       .next_sequence = 31,
       .first_sequence = 4,
       .dropped_chain_sha256 = hash::Sha256Of(AsBytes("chain")),
       .key = "orders",
       .segments = {Segment(100, 1, SegmentState::kSealed), Segment(101, 11, SegmentState::kEnded),
                    Segment(102, 21, SegmentState::kOpen)}});
  catalog.streams.push_back({.id = 2,
                             .created_us = 8,
                             .next_sequence = 11,
                             .key = std::string(kKeyBytesMax, '\xF0'),
                             .segments = {Segment(103, 1, SegmentState::kOpen)}});
  catalog.streams.push_back({.id = 3, .created_us = 9, .next_sequence = 1, .key = "12345678"});
  catalog.streams.push_back({.id = 4,
                             .created_us = 9,
                             .next_sequence = 3,
                             .key = "tiny",
                             .shared = {.bytes = 400,
                                        .first_segment_id = 50,
                                        .last = {.segment_id = 51, .offset = 9'992},
                                        .last_lsn = 12,
                                        .last_time_us = 1'000}});
  catalog.shared.next_sequence = 21;
  catalog.shared.segments = {Segment(50, 1, SegmentState::kSealed),
                             Segment(51, 11, SegmentState::kOpen)};
  catalog.dropped = {
      {.segment_id = 90, .commit = 33, .file_bytes = 12'288, .path = "streams/00/a/1"},
      {.segment_id = 91, .commit = 35, .file_bytes = 4'096, .path = "12345678"}};
  return catalog;
}

Bytes Encode(const Catalog& catalog) {
  AlignedBuffer out;
  out.AppendZeros(3);  // what the buffer held before does not matter
  EncodeCatalog(catalog, &out);
  return CopyOf(out.bytes());
}

TEST(CatalogTest, ComesBackAsItWasWritten) {
  for (const bool clean : {false, true}) {
    Catalog catalog = Sample();
    catalog.clean = clean;
    const Bytes bytes = Encode(catalog);
    const Result<Catalog> decoded = DecodeCatalog(bytes);
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(decoded.value(), catalog);
    constexpr std::size_t kShared = 17 + 32 + 2 * 136;
    constexpr std::size_t kStreams = (14 + 32 + 3 * 136) + (1033 + 32 + 136) + 16 + 19;
    EXPECT_EQ(bytes.size(), 192u + kShared + kStreams + (32 + 16) + (32 + 8));
  }
}

TEST(CatalogTest, OfAnEmptyLogIsItsHeaderAndTheRowOfSharedSegments) {
  const Bytes bytes = Encode(Catalog{});
  EXPECT_EQ(bytes.size(), kCatalogHeaderBytes + 16);
  const Result<Catalog> decoded = DecodeCatalog(bytes);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded.value(), Catalog{});
}

TEST(CatalogTest, RefusesEveryBitFlip) {
  ForEachBitFlip(Encode(Sample()), [](const Bytes& damaged, std::size_t bit) {
    const bool in_version =
        bit / 8 >= kCatalogHeaderVersionOffset && bit / 8 < kCatalogHeaderChecksumOffset;
    EXPECT_EQ(DecodeCatalog(damaged).status().code(),
              in_version ? Code::kFormatUnsupported : Code::kCorrupt)
        << bit;
  });
}

TEST(CatalogTest, RefusesEveryTruncationAndBytesBehindItsEnd) {
  Bytes bytes = Encode(Sample());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(DecodeCatalog(ByteSpan(bytes).first(size)).status().code(), Code::kCorrupt) << size;
  }
  bytes.push_back(std::byte{0});
  EXPECT_EQ(DecodeCatalog(bytes).status().message(), "catalogue: not as long as it says");
  EXPECT_FALSE(DecodeCatalog(Bytes(kPageBytes)).ok());
}

TEST(CatalogTest, RefusesEveryTruncationWhoseChecksumAndLengthWerePutRight) {
  const Bytes bytes = Encode(Sample());
  for (std::size_t size = kCatalogHeaderBytes; size < bytes.size(); ++size) {
    Bytes cut = CopyOf(ByteSpan(bytes).first(size));
    StoreLittle(MutableByteSpan(cut), kCatalogHeaderFileBytesOffset, std::uint64_t{size});
    FixCatalogChecksum(cut);
    EXPECT_EQ(DecodeCatalog(cut).status().code(), Code::kCorrupt) << size;
  }
}

// The status after a field at `offset` of the sample was changed.
template <typename T>
Status DecodeWith(std::size_t offset, T value) {
  Bytes bytes = Encode(Sample());
  StoreLittle(MutableByteSpan(bytes), offset, value);
  FixCatalogChecksum(bytes);
  return DecodeCatalog(bytes).status();
}

TEST(CatalogTest, RefusesHeadersThatContradictThemselves) {
  EXPECT_EQ(DecodeWith(kCatalogHeaderVersionOffset, 2u).code(), Code::kFormatUnsupported);
  EXPECT_EQ(DecodeWith(kCatalogHeaderFlagsOffset, 2u).message(), "catalogue: reserved field");
  EXPECT_EQ(DecodeWith(kCatalogHeaderReservedOffset + 64, std::uint64_t{1}).message(),
            "catalogue: reserved field");
  EXPECT_EQ(DecodeWith(kCatalogHeaderStartGenerationOffset, std::uint64_t{7}).message(),
            "catalogue: start generation above the highest");
  EXPECT_EQ(DecodeWith(kCatalogHeaderStreamCountOffset, 2u).code(), Code::kCorrupt);
  EXPECT_EQ(DecodeWith(kCatalogHeaderDroppedCountOffset, std::uint64_t{1}).message(),
            "catalogue: bytes behind the last row");
  EXPECT_EQ(DecodeWith(kCatalogHeaderDroppedCountOffset, std::uint64_t{3}).message(),
            "catalogue: more dropped segments than it can hold");
  EXPECT_EQ(DecodeWith(kCatalogHeaderDroppedCountOffset, kU64Max).message(),
            "catalogue: more dropped segments than it can hold");
  EXPECT_EQ(DecodeWith(kCatalogHeaderStreamCountOffset, 5u).code(), Code::kCorrupt);
  EXPECT_EQ(DecodeWith(kCatalogHeaderStreamCountOffset, 0xFFFFFFFFu).message(),
            "catalogue: more streams than it can hold");
  EXPECT_EQ(DecodeWith(kCatalogHeaderSegmentCountOffset, kU64Max).message(),
            "catalogue: segments are not as many as it says");
}

// Where the sample's rows lie, field by field: each of these numbers takes a byte, the age of the
// first stream two.
constexpr std::size_t kSharedRow = kCatalogHeaderBytes;
constexpr std::size_t kFirstRow = kSharedRow + 17 + 32 + 2 * kCatalogSegmentBytes;
constexpr std::size_t kFirstId = kFirstRow + 1 + 6;
constexpr std::size_t kFirstAge = kFirstId + 1;
constexpr std::size_t kFirstSequence = kFirstAge + 2;
constexpr std::size_t kFirstSharedBytes = kFirstSequence + 2;
constexpr std::size_t kFirstSegmentCount = kFirstSharedBytes + 1;
constexpr std::size_t kTinyRow = kFirstRow + (14 + 32 + 3 * 136) + (1033 + 32 + 136) + 16;
constexpr std::size_t kTinyFirstSegment = kTinyRow + 1 + 4 + 1 + 2 + 1 + 1 + 1;

TEST(CatalogTest, RefusesStreamsThatAreOutOfBounds) {
  const auto with = [](std::size_t offset, std::uint8_t value) {
    return DecodeWith(offset, value).message();
  };
  EXPECT_EQ(with(kFirstId, 0), "catalogue: reserved field (stream id 0)");
  EXPECT_EQ(with(kFirstSequence, 0), "catalogue: a stream's sequences");
  EXPECT_EQ(with(kFirstSegmentCount, 127), "catalogue: a stream cut short");
  EXPECT_NE(with(kFirstRow, 0), "");
  // A number that is not in its shortest form, and a time behind the snapshot's.
  EXPECT_EQ(DecodeWith(kFirstAge, std::uint16_t{0x0080}).message(),
            "catalogue: a stream cut short, or a bad number");
  EXPECT_EQ(DecodeWith(kFirstAge, std::uint16_t{0x7FFF}).message(),
            "catalogue: a stream cut short, or a bad number");
  EXPECT_EQ(DecodeWith(kFirstRow, std::uint16_t{0x0881}).message(), "catalogue: bad key length");
  EXPECT_EQ(with(kSharedRow + 1, 0xFE), "catalogue: a stream without a key");
}

TEST(CatalogTest, RefusesSharedFramesThatCannotBeThere) {
  const auto with = [](std::size_t offset, std::uint8_t value) {
    return DecodeWith(offset, value).message();
  };
  EXPECT_EQ(with(kTinyFirstSegment, 2), "catalogue: a stream's shared segments");
  EXPECT_EQ(with(kTinyFirstSegment + 1, 2), "catalogue: a stream's shared segments");
  EXPECT_EQ(with(kTinyFirstSegment, 1), "");
  // At the segment's end, and in its header.
  EXPECT_EQ(with(kTinyFirstSegment + 2, 0xE2), "catalogue: a stream's shared frame");
  EXPECT_EQ(with(kTinyFirstSegment + 3, 0x01), "catalogue: a stream's shared frame");
}

TEST(CatalogTest, RefusesSharedSegmentsWhoseIdsDoNotRise) {
  constexpr std::size_t kSecond = kSharedRow + 17 + 32 + kCatalogSegmentBytes;
  EXPECT_EQ(DecodeWith(kSecond + kCatalogSegmentIdOffset, std::uint64_t{50}).message(),
            "catalogue: segments out of order");
}

TEST(CatalogTest, RefusesSegmentsThatAreOutOfBounds) {
  // The first stream's segments: sealed, ended, open.
  constexpr std::size_t kSealed = kFirstSegmentCount + 1 + 32;
  constexpr std::size_t kEnded = kSealed + kCatalogSegmentBytes;
  constexpr std::size_t kOpen = kEnded + kCatalogSegmentBytes;
  const auto refused = [](std::size_t offset, std::uint64_t value) {
    return DecodeWith(offset, value).code() == Code::kCorrupt;
  };
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentIdOffset, 0));
  EXPECT_TRUE(refused(kSealed + kCatalogSegmentFirstSequenceOffset, 0));
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentFirstSequenceOffset, 10));
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentNextSequenceOffset, 20));
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentEndOffset, 0));
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentEndOffset, 10'001));
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentEndOffset, kSegmentBytesLimit + 8));
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentDestagedOffset, 8200));
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentDestagedOffset, 12288));
  EXPECT_FALSE(refused(kEnded + kCatalogSegmentDestagedOffset, 10'000));
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentFooterPositionOffset, 12288));
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentFooterBytesOffset, 4096));
  EXPECT_TRUE(refused(kSealed + kCatalogSegmentFooterPositionOffset, 0));
  EXPECT_TRUE(refused(kSealed + kCatalogSegmentFooterPositionOffset, 16384));
  EXPECT_TRUE(refused(kSealed + kCatalogSegmentFooterBytesOffset, 0));
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentStateOffset, 0));
  EXPECT_TRUE(refused(kOpen + kCatalogSegmentStateOffset, 4));
  EXPECT_TRUE(refused(kEnded + kCatalogSegmentStateOffset, 1));
  EXPECT_EQ(DecodeWith(kOpen + kCatalogSegmentReservedOffset, 1u).message(),
            "catalogue: reserved field");
}

}  // namespace
}  // namespace seglog::format
