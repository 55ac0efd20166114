// SPDX-License-Identifier: MIT
#include "format/segment_file.h"

#include <gtest/gtest.h>

#include <limits>

#include "test/format_test_util.h"

namespace seglog::format {
namespace {

constexpr auto kU64Max = std::numeric_limits<std::uint64_t>::max();

SegmentHeader Header() {
  SegmentHeader header{.segment_id = 21,
                       .stream_id = 4,
                       .first_sequence = 1001,
                       .created_us = 99,
                       .previous_segment_id = 20,
                       .key = "orders/eu"};
  header.log_uuid.fill(std::byte{0xAB});
  return header;
}

Bytes HeaderPage(const SegmentHeader& header) {
  Bytes page(kPageBytes, std::byte{0xFF});
  EncodeSegmentHeader(header, page);
  return page;
}

SegmentFooter Footer(std::size_t entries = 2) {
  SegmentFooter footer{.segment_id = 21,
                       .stream_id = 4,
                       .data_end = kSegmentDataOffset + 70000 * (entries + 1),
                       .record_count = 2000,
                       .first_sequence = 1001,
                       .last_sequence = 3000,
                       .first_lsn = 7000,
                       .last_lsn = 9000,
                       .first_time_us = 10,
                       .last_time_us = 20};
  footer.content_sha256.fill(std::byte{1});
  footer.previous_chain_sha256.fill(std::byte{2});
  footer.chain_sha256.fill(std::byte{3});
  for (std::size_t i = 0; i < entries; ++i) {
    footer.index.push_back({.sequence = 1001 + i,
                            .lsn = 7000 + i,
                            .time_us = 10 + i,
                            .offset = kSegmentDataOffset + 70000 * i});
  }
  return footer;
}

Bytes FooterFile(const SegmentFooter& footer) {
  AlignedBuffer out;
  EncodeFooter(footer, &out);
  return CopyOf(out.bytes());
}

Result<SegmentFooter> Decode(ByteSpan bytes, const SegmentFooter& footer) {
  return DecodeFooter(bytes, footer.segment_id, FooterOffset(footer.data_end));
}

TEST(SegmentHeaderTest, ComesBackAsItWasWritten) {
  SegmentHeader header = Header();
  for (const std::string& key :
       {std::string("k"), std::string("a\0b", 3), std::string(kKeyBytesMax, '\xFF')}) {
    header.key = key;
    const Result<SegmentHeader> decoded = DecodeSegmentHeader(HeaderPage(header));
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(decoded.value(), header);
  }
}

TEST(SegmentHeaderTest, RefusesEveryBitFlipAndEveryTruncation) {
  const Bytes page = HeaderPage(Header());
  ForEachBitFlip(page, [](const Bytes& damaged, std::size_t bit) {
    const bool in_version =
        bit / 8 >= kSegmentHeaderVersionOffset && bit / 8 < kSegmentHeaderChecksumOffset;
    EXPECT_EQ(DecodeSegmentHeader(damaged).status().code(),
              in_version ? Code::kFormatUnsupported : Code::kCorrupt)
        << bit;
  });
  for (std::size_t size = 0; size < page.size(); ++size) {
    EXPECT_FALSE(DecodeSegmentHeader(ByteSpan(page).first(size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeSegmentHeader(Bytes(kPageBytes)).ok());
}

TEST(SegmentHeaderTest, RefusesFieldsThatAreOutOfBounds) {
  const auto decode = [](auto change) {
    Bytes page = HeaderPage(Header());
    change(MutableByteSpan(page));
    FixPageChecksum(page);
    return DecodeSegmentHeader(page).status().message();
  };
  const auto store64 = [&](std::size_t offset) {
    return decode([&](MutableByteSpan page) { StoreLittle(page, offset, std::uint64_t{0}); });
  };
  const auto store32 = [&](std::size_t offset, std::uint32_t value) {
    return decode([&](MutableByteSpan page) { StoreLittle(page, offset, value); });
  };
  const std::string zero = "segment header: an id or the first sequence is 0";
  EXPECT_EQ(store64(kSegmentHeaderSegmentIdOffset), zero);
  EXPECT_EQ(store64(kSegmentHeaderStreamIdOffset), zero);
  EXPECT_EQ(store64(kSegmentHeaderFirstSequenceOffset), zero);
  EXPECT_EQ(store32(kSegmentHeaderKeyBytesOffset, 0), "segment header: bad key length");
  EXPECT_EQ(store32(kSegmentHeaderKeyBytesOffset, kKeyBytesMax + 1),
            "segment header: bad key length");
  EXPECT_EQ(store32(kSegmentHeaderKeyBytesOffset, 0xFFFFFFFF), "segment header: bad key length");
  EXPECT_EQ(store32(kSegmentHeaderKeyBytesOffset, 3), "segment header: reserved field");
  EXPECT_EQ(store32(kSegmentHeaderFlagsOffset, 1), "segment header: reserved field");
}

TEST(SegmentHeaderTest, OfASharedSegmentHasNoKey) {
  const SegmentHeader header{.segment_id = 5,
                             .stream_id = kSharedStreamId,
                             .first_sequence = 1000,
                             .created_us = 3,
                             .previous_segment_id = 4};
  Bytes page(kPageBytes);
  EncodeSegmentHeader(header, page);
  const Result<SegmentHeader> decoded = DecodeSegmentHeader(page);
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(decoded.value(), header);
  StoreLittle(MutableByteSpan(page), kSegmentHeaderFlagsOffset, 0u);
  FixPageChecksum(page);
  EXPECT_EQ(DecodeSegmentHeader(page).status().message(), "segment header: reserved field");
}

TEST(SegmentFooterTest, ComesBackAsItWasWritten) {
  for (const std::size_t entries : {0u, 1u, 2u, 121u, 122u, 123u, 1000u}) {
    const SegmentFooter footer = Footer(entries);
    const Bytes bytes = FooterFile(footer);
    EXPECT_EQ(bytes.size(), FooterBytes(entries));
    EXPECT_EQ(bytes.size() % kPageBytes, 0u);
    const Result<SegmentFooter> decoded = Decode(bytes, footer);
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(decoded.value(), footer);
    const Result<std::uint64_t> position = DecodeFooterTrailer(ByteSpan(bytes).last(16));
    ASSERT_TRUE(position.ok());
    EXPECT_EQ(position.value(), FooterOffset(footer.data_end));
  }
}

TEST(SegmentFooterTest, OfAnEmptySegmentComesBackToo) {
  SegmentFooter footer = Footer(0);
  footer.data_end = kSegmentDataOffset;
  footer.record_count = 0;
  footer.first_sequence = 1;
  footer.last_sequence = 0;
  footer.first_lsn = footer.last_lsn = footer.first_time_us = footer.last_time_us = 0;
  const Bytes bytes = FooterFile(footer);
  const Result<SegmentFooter> decoded = Decode(bytes, footer);
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(decoded.value(), footer);
}

TEST(SegmentFooterTest, BeginsOnAPageOfItsOwn) {
  EXPECT_EQ(FooterOffset(4096), 4096u);
  EXPECT_EQ(FooterOffset(4104), 8192u);
  EXPECT_EQ(FooterOffset(8192), 8192u);
}

TEST(SegmentFooterTest, AppendsBehindWhatTheBufferHolds) {
  AlignedBuffer out;
  out.AppendZeros(64);
  EncodeFooter(Footer(), &out);
  EXPECT_TRUE(Decode(out.bytes().subspan(64), Footer()).ok());
}

TEST(SegmentFooterTest, RefusesEveryTruncation) {
  const SegmentFooter footer = Footer();
  const Bytes bytes = FooterFile(footer);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Decode(ByteSpan(bytes).first(size), footer).ok()) << size;
  }
  for (std::size_t size = 0; size < kFooterTrailerBytes; ++size) {
    EXPECT_FALSE(DecodeFooterTrailer(ByteSpan(bytes).last(size)).ok()) << size;
  }
}

TEST(SegmentFooterTest, RefusesEveryBitFlipButThoseInThePadding) {
  const SegmentFooter footer = Footer();
  const Bytes bytes = FooterFile(footer);
  const std::size_t end = kFooterFixedBytes + footer.index.size() * kIndexEntryBytes;
  ForEachBitFlip(bytes, [&](const Bytes& damaged, std::size_t bit) {
    const bool padding = bit / 8 >= end && bit / 8 < bytes.size() - kFooterTrailerBytes;
    const Result<SegmentFooter> decoded = Decode(damaged, footer);
    EXPECT_EQ(decoded.ok(), padding) << bit;
    if (decoded.ok()) {
      EXPECT_EQ(decoded.value(), footer) << bit;
    }
  });
}

TEST(SegmentFooterTest, DoesNotValidateInAnotherSegmentOrPlace) {
  const SegmentFooter footer = Footer();
  const Bytes bytes = FooterFile(footer);
  const std::uint64_t offset = FooterOffset(footer.data_end);
  EXPECT_TRUE(DecodeFooter(bytes, 21, offset).ok());
  EXPECT_FALSE(DecodeFooter(bytes, 22, offset).ok());
  EXPECT_FALSE(DecodeFooter(bytes, 21, offset + kPageBytes).ok());
  EXPECT_FALSE(DecodeFooter(Bytes(kPageBytes), 21, offset).ok());
  EXPECT_FALSE(DecodeFooterTrailer(Bytes(kFooterTrailerBytes)).ok());
}

TEST(SegmentFooterTest, RefusesFieldsThatAreOutOfBounds) {
  const SegmentFooter footer = Footer();
  const auto decode = [&](std::size_t offset, auto value) {
    Bytes bytes = FooterFile(footer);
    StoreLittle(MutableByteSpan(bytes), offset, value);
    FixFooterChecksum(bytes, footer.segment_id, FooterOffset(footer.data_end));
    return Decode(bytes, footer).status();
  };
  const auto u64 = [&](std::size_t offset, std::uint64_t value) {
    return decode(offset, value).message();
  };
  const std::string data_end = "footer: the data's end is not where it can be";
  const std::string sequences = "footer: record count and sequences disagree";
  EXPECT_EQ(decode(kFooterVersionOffset, 2u).code(), Code::kFormatUnsupported);
  EXPECT_EQ(decode(kFooterReservedOffset, 1u).message(), "footer: reserved field");
  EXPECT_EQ(decode(kFooterEntryCountOffset, 0xFFFFFFFFu).code(), Code::kCorrupt);
  EXPECT_EQ(decode(kFooterEntryCountOffset, 3u).code(), Code::kCorrupt);
  EXPECT_EQ(u64(kFooterSegmentIdOffset, 22), "footer: of another segment");
  EXPECT_EQ(u64(kFooterStreamIdOffset, 0), "footer: reserved field (stream id 0)");
  EXPECT_EQ(u64(kFooterDataEndOffset, footer.data_end + 1), data_end);
  EXPECT_EQ(u64(kFooterDataEndOffset, footer.data_end + kPageBytes), data_end);
  EXPECT_EQ(u64(kFooterDataEndOffset, 0), data_end);
  EXPECT_EQ(u64(kFooterDataEndOffset, kU64Max - 7), data_end);
  EXPECT_EQ(u64(kFooterRecordCountOffset, 1999), sequences);
  EXPECT_EQ(u64(kFooterFirstSequenceOffset, 0), sequences);
  EXPECT_EQ(u64(kFooterFirstSequenceOffset, kU64Max), sequences);
  EXPECT_EQ(u64(kFooterLastSequenceOffset, 999), sequences);
}

TEST(SegmentFooterTest, RefusesIndexEntriesThatAreOutOfBoundsOrOrder) {
  const SegmentFooter footer = Footer();
  const auto refused = [&](std::size_t entry, std::size_t field, std::uint64_t value) {
    Bytes bytes = FooterFile(footer);
    StoreLittle(MutableByteSpan(bytes), kFooterFixedBytes + entry * kIndexEntryBytes + field,
                value);
    FixFooterChecksum(bytes, footer.segment_id, FooterOffset(footer.data_end));
    return Decode(bytes, footer).status().code() == Code::kCorrupt;
  };
  EXPECT_TRUE(refused(0, kIndexEntryFrameOffset, 0));
  EXPECT_TRUE(refused(0, kIndexEntryFrameOffset, kSegmentDataOffset + 4));
  EXPECT_TRUE(refused(0, kIndexEntryFrameOffset, kSegmentDataOffset + 70000));
  EXPECT_TRUE(refused(1, kIndexEntryFrameOffset, footer.data_end));
  EXPECT_TRUE(refused(1, kIndexEntryFrameOffset, kU64Max - 7));
  EXPECT_TRUE(refused(0, kIndexEntrySequenceOffset, 1000));
  EXPECT_TRUE(refused(0, kIndexEntrySequenceOffset, 0));
  EXPECT_TRUE(refused(1, kIndexEntrySequenceOffset, 3002));
  EXPECT_TRUE(refused(0, kIndexEntrySequenceOffset, 1003));
  EXPECT_TRUE(refused(1, kIndexEntryLsnOffset, 6999));
  // A filler behind the last record is listed with the sequence that comes next.
  EXPECT_FALSE(refused(1, kIndexEntrySequenceOffset, 3001));
}

TEST(SegmentFooterTest, TrailerRefusesPlacesWhereNoFooterCanBe) {
  const Bytes bytes = FooterFile(Footer());
  for (const std::uint64_t position :
       {std::uint64_t{0}, std::uint64_t{4097}, kSegmentBytesLimit + kPageBytes, kU64Max}) {
    Bytes trailer = CopyOf(ByteSpan(bytes).last(kFooterTrailerBytes));
    StoreLittle(MutableByteSpan(trailer), kTrailerFooterPositionOffset, position);
    EXPECT_EQ(DecodeFooterTrailer(trailer).status().code(), Code::kCorrupt) << position;
  }
}

TEST(SegmentFooterTest, ChainIsTheHashOfThePreviousChainAndTheContent) {
  hash::Sha256Digest previous{};
  hash::Sha256Digest content{};
  content.fill(std::byte{7});
  Bytes both = CopyOf(previous);
  both.insert(both.end(), content.begin(), content.end());
  EXPECT_EQ(ChainSha256(previous, content), hash::Sha256Of(both));
  EXPECT_NE(ChainSha256(previous, content), ChainSha256(content, previous));
}

}  // namespace
}  // namespace seglog::format
