// SPDX-License-Identifier: MIT
#include "format/record.h"

#include <gtest/gtest.h>

#include <limits>

#include "test/format_test_util.h"

namespace seglog::format {
namespace {

constexpr std::uint64_t kSegment = 7;
constexpr std::uint64_t kPosition = 4160;

// A record's bytes, as AppendRecord makes them at kPosition.
Bytes Encode(const RecordInput& record, bool with_lsn_difference = false) {
  AlignedBuffer out;
  AppendRecord(record, with_lsn_difference, kSegment, kPosition, &out);
  return CopyOf(out.bytes());
}

Result<RecordView> Decode(ByteSpan bytes, bool with_lsn_difference = false) {
  return DecodeRecord(bytes, with_lsn_difference, kSegment, kPosition);
}

// A record whose checksum is right, of any length word and payload.
Bytes RawRecord(std::uint32_t length, ByteSpan payload) {
  Bytes bytes(AlignUp(kRecordHeaderBytes + payload.size(), kRecordAlignment));
  StoreLittle(MutableByteSpan(bytes), kRecordLengthOffset, length);
  std::copy(payload.begin(), payload.end(), bytes.begin() + kRecordHeaderBytes);
  FixRecordChecksum(bytes, kSegment, kPosition);
  return bytes;
}

std::uint32_t LengthWord(std::size_t payload_bytes, RecordKind kind) {
  return static_cast<std::uint32_t>(payload_bytes) | static_cast<std::uint32_t>(kind)
                                                         << kRecordKindShift;
}

TEST(RecordTest, ComesBackAsItWasWritten) {
  const Bytes headers = Pattern(300);
  const Bytes data = Pattern(1000);
  for (const RecordKind kind :
       {RecordKind::kData, RecordKind::kCheckpoint, RecordKind::kFiller, RecordKind::kOperation}) {
    for (const std::size_t header_bytes : {0u, 1u, 127u, 128u, 300u}) {
      for (const std::size_t data_bytes : {0u, 1u, 7u, 8u, 9u, 1000u}) {
        const RecordInput input{.kind = kind,
                                .user_headers = ByteSpan(headers).first(header_bytes),
                                .data = ByteSpan(data).first(data_bytes)};
        const Bytes bytes = Encode(input);
        EXPECT_EQ(bytes.size(), RecordStoredBytes(input, false));
        const Result<RecordView> record = Decode(bytes);
        ASSERT_TRUE(record.ok()) << record.status().ToString();
        EXPECT_EQ(record->kind, kind);
        EXPECT_TRUE(SameBytes(record->user_headers, input.user_headers));
        EXPECT_TRUE(SameBytes(record->data, input.data));
        EXPECT_EQ(record->lsn_difference, 1u);
        EXPECT_EQ(record->stored_bytes, bytes.size());
      }
    }
  }
}

TEST(RecordTest, KeepsItsLsnDifferenceWhereTheFrameHasThem) {
  const Bytes data = Pattern(5);
  for (const std::uint64_t difference :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{127}, std::uint64_t{128},
        std::uint64_t{1} << 53, std::numeric_limits<std::uint64_t>::max()}) {
    const RecordInput input{.user_headers = data, .data = data, .lsn_difference = difference};
    const Bytes bytes = Encode(input, true);
    EXPECT_EQ(bytes.size(), RecordStoredBytes(input, true));
    const Result<RecordView> record = Decode(bytes, true);
    ASSERT_TRUE(record.ok()) << record.status().ToString();
    EXPECT_EQ(record->lsn_difference, difference);
    EXPECT_TRUE(SameBytes(record->data, data));
  }
}

TEST(RecordTest, EmptyRecordTakesEightBytes) {
  const Bytes bytes = Encode({});
  EXPECT_EQ(bytes.size(), kRecordHeaderBytes);
  const Result<RecordView> record = Decode(bytes);
  ASSERT_TRUE(record.ok());
  EXPECT_TRUE(record->data.empty());
}

TEST(RecordTest, TakesUserHeadersUpToTheirLimitAndNoMore) {
  const Bytes headers = Pattern(kUserHeaderBytesMax);
  const Bytes bytes = Encode({.user_headers = headers});
  const Result<RecordView> record = Decode(bytes);
  ASSERT_TRUE(record.ok());
  EXPECT_TRUE(SameBytes(record->user_headers, headers));

  // 65,537 as a varint, and that many bytes.
  Bytes payload{std::byte{0x81}, std::byte{0x80}, std::byte{0x04}};
  payload.resize(payload.size() + kUserHeaderBytesMax + 1);
  const Bytes beyond =
      RawRecord(LengthWord(payload.size(), RecordKind::kData) | kRecordHasUserHeaders, payload);
  EXPECT_EQ(Decode(beyond).status().message(), "record: bad length of user headers");
}

TEST(RecordTest, WritesItsPaddingAsZerosAndReadsPastIt) {
  const Bytes data = Pattern(3);
  Bytes bytes = Encode({.data = data});
  EXPECT_EQ(bytes.size(), 16u);
  EXPECT_TRUE(IsAllZero(ByteSpan(bytes).subspan(11)));
  bytes[15] = std::byte{1};
  const Result<RecordView> record = Decode(bytes);
  ASSERT_TRUE(record.ok());
  EXPECT_TRUE(SameBytes(record->data, data));
}

TEST(RecordTest, RefusesEveryTruncation) {
  const Bytes data = Pattern(21);
  const Bytes bytes = Encode({.user_headers = data, .data = data});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(Decode(ByteSpan(bytes).first(size)).status().code(), Code::kCorrupt) << size;
  }
}

TEST(RecordTest, RefusesEveryBitFlipBeforeThePadding) {
  const Bytes data = Pattern(13);
  const Bytes bytes = Encode({.user_headers = data, .data = data});
  const std::size_t end = kRecordHeaderBytes + 1 + 2 * data.size();
  ForEachBitFlip(bytes, [&](const Bytes& damaged, std::size_t bit) {
    const Result<RecordView> record = Decode(damaged);
    EXPECT_EQ(record.ok(), bit / 8 >= end) << bit;
    if (record.ok()) {
      EXPECT_TRUE(SameBytes(record->data, data)) << bit;
    }
  });
}

TEST(RecordTest, ZerosAreNotARecord) {
  for (const std::size_t size : {8u, 16u, 4096u}) {
    EXPECT_EQ(Decode(Bytes(size)).status().message(), "record: unknown kind");
  }
  // Not even with the checksum that zeros would have.
  EXPECT_EQ(Decode(RawRecord(0, {})).status().message(), "record: unknown kind");
}

TEST(RecordTest, RefusesKindsThatAreNotOnes) {
  for (const std::uint32_t kind : {0u, 5u, 6u, 7u}) {
    const Bytes bytes = RawRecord(8u | kind << kRecordKindShift, Pattern(8));
    EXPECT_EQ(Decode(bytes).status().message(), "record: unknown kind") << kind;
  }
}

TEST(RecordTest, DoesNotValidateAtAnotherPlace) {
  const Bytes data = Pattern(40);
  const Bytes bytes = Encode({.data = data});
  EXPECT_TRUE(DecodeRecord(bytes, false, kSegment, kPosition).ok());
  EXPECT_FALSE(DecodeRecord(bytes, false, kSegment, kPosition + 8).ok());
  EXPECT_FALSE(DecodeRecord(bytes, false, kSegment + 1, kPosition).ok());
  EXPECT_FALSE(DecodeRecord(bytes, false, kPosition, kSegment).ok());
}

TEST(RecordTest, RefusesVarintsThatAreCutOverlongOrTooLarge) {
  const auto decode = [](std::initializer_list<int> payload) {
    Bytes bytes;
    for (const int byte : payload) bytes.push_back(static_cast<std::byte>(byte));
    return Decode(RawRecord(LengthWord(bytes.size(), RecordKind::kData), bytes), true).status();
  };
  EXPECT_TRUE(decode({0x00}).ok());
  EXPECT_TRUE(decode({0x80, 0x01}).ok());
  EXPECT_EQ(decode({}).message(), "record: bad LSN difference");
  EXPECT_EQ(decode({0x80}).message(), "record: bad LSN difference");
  EXPECT_EQ(decode({0x80, 0x00}).message(), "record: bad LSN difference");
  EXPECT_EQ(decode({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02}).message(),
            "record: bad LSN difference");
  EXPECT_EQ(decode({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}).message(),
            "record: bad LSN difference");
}

TEST(RecordTest, RefusesUserHeadersThatAreEmptyOrLongerThanThePayload) {
  const auto decode = [](std::initializer_list<int> payload) {
    Bytes bytes;
    for (const int byte : payload) bytes.push_back(static_cast<std::byte>(byte));
    const std::uint32_t length = LengthWord(bytes.size(), RecordKind::kData);
    return Decode(RawRecord(length | kRecordHasUserHeaders, bytes)).status();
  };
  EXPECT_TRUE(decode({1, 'h'}).ok());
  EXPECT_EQ(decode({}).code(), Code::kCorrupt);
  EXPECT_EQ(decode({0, 'd'}).code(), Code::kCorrupt);
  EXPECT_EQ(decode({2, 'h'}).code(), Code::kCorrupt);
  EXPECT_EQ(decode({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}).code(),
            Code::kCorrupt);
}

TEST(RecordTest, AppendsBehindWhatTheBufferHolds) {
  AlignedBuffer out;
  out.Append(Pattern(24));
  const Bytes data = Pattern(10);
  AppendRecord({.data = data}, false, kSegment, kPosition, &out);
  EXPECT_TRUE(SameBytes(out.bytes().first(24), Pattern(24)));
  EXPECT_TRUE(Decode(out.bytes().subspan(24)).ok());
}

}  // namespace
}  // namespace seglog::format
