// SPDX-License-Identifier: MIT
#include "format/frame.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <string_view>

#include "test/format_test_util.h"

namespace seglog::format {
namespace {

constexpr std::uint64_t kSegment = 3;
constexpr std::uint64_t kPosition = 8192;

// A whole frame, header and body, as it lies at kPosition of kSegment.
Bytes FrameOf(const std::vector<RecordInput>& records, bool with_lsn_differences = false) {
  AlignedBuffer body;
  FrameBodyBuilder builder;
  builder.Begin(kSegment, kPosition + kFrameHeaderBytes, with_lsn_differences, &body);
  for (const RecordInput& record : records) {
    const std::size_t expected = builder.BytesWith(record);
    builder.Add(record);
    EXPECT_LE(body.size(), expected);
  }
  FrameHeader header{.stream_id = 9, .first_sequence = 100, .first_lsn = 500, .time_us = 12345};
  builder.Finish(&header);
  Bytes frame(kFrameHeaderBytes);
  EncodeFrameHeader(header, body.bytes(), kSegment, kPosition, frame);
  frame.insert(frame.end(), body.bytes().begin(), body.bytes().end());
  return frame;
}

Result<FrameHeader> Verify(ByteSpan frame) { return VerifyFrame(frame, kSegment, kPosition); }

// Every field at once, with the checksum put right.
Bytes RawFrame(const FrameHeader& header, std::size_t body_bytes) {
  Bytes frame(kFrameHeaderBytes + body_bytes);
  const MutableByteSpan out(frame);
  StoreLittle(out, kFrameMagicOffset, kFrameMagic);
  StoreLittle(out, kFrameStreamIdOffset, header.stream_id);
  StoreLittle(out, kFrameFirstSequenceOffset, header.first_sequence);
  StoreLittle(out, kFrameRecordCountOffset, header.record_count);
  StoreLittle(out, kFrameBodyBytesOffset, header.body_bytes);
  StoreLittle(out, kFrameFlagsOffset, header.flags);
  StoreLittle(out, kFramePreviousOffset,
              static_cast<std::uint32_t>(header.previous.offset / kFrameAlignment));
  StoreLittle(out, kFramePreviousSegmentIdOffset, header.previous.segment_id);
  FixFrameChecksum(frame, kSegment, kPosition);
  return frame;
}

void ExpectRecords(ByteSpan frame, const std::vector<RecordInput>& records) {
  const Result<FrameHeader> header = Verify(frame);
  ASSERT_TRUE(header.ok()) << header.status().ToString();
  ASSERT_EQ(header->record_count, records.size());
  const ByteSpan body = frame.subspan(kFrameHeaderBytes);
  std::size_t walked = 0;
  for (std::uint32_t i = 0; i < header->record_count; ++i) {
    const Result<std::size_t> offset = RecordOffset(header.value(), body, i);
    ASSERT_TRUE(offset.ok());
    ASSERT_EQ(offset.value(), walked);
    const Result<RecordView> record = DecodeRecord(
        body.subspan(walked, header->records_bytes() - walked), header->has_lsn_differences(),
        kSegment, kPosition + kFrameHeaderBytes + walked);
    ASSERT_TRUE(record.ok()) << record.status().ToString();
    EXPECT_TRUE(SameBytes(record->data, records[i].data));
    EXPECT_TRUE(SameBytes(record->user_headers, records[i].user_headers));
    EXPECT_EQ(record->lsn_difference,
              header->has_lsn_differences() ? records[i].lsn_difference : 1u);
    walked += record->stored_bytes;
  }
  EXPECT_EQ(walked, header->records_bytes());
}

std::vector<RecordInput> Records(std::size_t count, ByteSpan data) {
  std::vector<RecordInput> records;
  for (std::size_t i = 0; i < count; ++i) {
    records.push_back({.user_headers = data.first(i % 3),
                       .data = data.first(i % (data.size() + 1)),
                       .lsn_difference = i == 0 ? 0 : i * 50});
  }
  return records;
}

TEST(FrameTest, HoldsRecordsWithAndWithoutTableAndLsnDifferences) {
  const Bytes data = Pattern(100);
  for (const std::size_t count : {1u, 2u, 15u, 16u, 17u, 18u, 19u, 20u, 1000u}) {
    for (const bool with_lsn_differences : {false, true}) {
      const std::vector<RecordInput> records = Records(count, data);
      const Bytes frame = FrameOf(records, with_lsn_differences);
      const Result<FrameHeader> header = Verify(frame);
      ASSERT_TRUE(header.ok()) << header.status().ToString();
      EXPECT_EQ(header->stream_id, 9u);
      EXPECT_EQ(header->first_sequence, 100u);
      EXPECT_EQ(header->next_sequence(), 100 + count);
      EXPECT_EQ(header->first_lsn, 500u);
      EXPECT_EQ(header->time_us, 12345u);
      EXPECT_EQ(header->has_lsn_differences(), with_lsn_differences);
      EXPECT_EQ(header->has_table(), count > kFrameTableThreshold);
      EXPECT_EQ(header->total_bytes(), frame.size());
      ExpectRecords(frame, records);
    }
  }
}

TEST(FrameTest, AnnouncesItsSizeBeforeARecordIsAdded) {
  AlignedBuffer body;
  FrameBodyBuilder builder;
  builder.Begin(kSegment, kPosition + kFrameHeaderBytes, false, &body);
  const Bytes data = Pattern(20);
  std::size_t announced = 0;
  for (int i = 0; i < 40; ++i) {
    announced = builder.BytesWith({.data = data});
    builder.Add({.data = data});
  }
  FrameHeader header{.stream_id = 1, .first_sequence = 1};
  builder.Finish(&header);
  EXPECT_EQ(announced, header.body_bytes);
  EXPECT_EQ(announced, body.size());
}

TEST(FrameTest, HoldsAsManyRecordsAsItsLimitAllows) {
  AlignedBuffer body;
  FrameBodyBuilder builder;
  builder.Begin(kSegment, kPosition + kFrameHeaderBytes, false, &body);
  while (builder.BytesWith({}) <= kFrameBytesLimit) builder.Add({});
  FrameHeader header{.stream_id = 1, .first_sequence = 1};
  builder.Finish(&header);
  EXPECT_LE(header.body_bytes, kFrameBytesLimit);
  EXPECT_GT(header.record_count, 52'000u);
  const std::uint32_t last = header.record_count - 1;
  const Result<std::size_t> offset = RecordOffset(header, body.bytes(), last);
  ASSERT_TRUE(offset.ok());
  EXPECT_EQ(offset.value(), last * kRecordHeaderBytes);
}

TEST(FrameTest, HoldsOneRecordLargerThanTheLimitOfSeveral) {
  const Bytes data = Pattern(kFrameBytesLimit + 100);
  const Bytes frame = FrameOf({{.data = data}});
  ExpectRecords(frame, {{.data = data}});

  const FrameHeader two{
      .stream_id = 1, .first_sequence = 1, .record_count = 2, .body_bytes = kFrameBytesLimit + 8};
  EXPECT_EQ(CheckFrameBounds(two).message(), "frame: body beyond its limit");
}

TEST(FrameTest, RefusesEveryTruncation) {
  const Bytes data = Pattern(30);
  for (const std::size_t count : {2u, 20u}) {
    const Bytes frame = FrameOf(Records(count, data));
    for (std::size_t size = 0; size < frame.size(); ++size) {
      EXPECT_EQ(Verify(ByteSpan(frame).first(size)).status().code(), Code::kCorrupt) << size;
    }
  }
}

TEST(FrameTest, RefusesEveryBitFlipOfHeaderAndTable) {
  const Bytes data = Pattern(10);
  for (const std::size_t count : {2u, 18u}) {
    const Bytes frame = FrameOf(Records(count, data));
    const Result<FrameHeader> header = Verify(frame);
    ASSERT_TRUE(header.ok());
    const std::size_t records_end = kFrameHeaderBytes + header->records_bytes();
    ForEachBitFlip(frame, [&](const Bytes& damaged, std::size_t bit) {
      // Records have checksums of their own, of which record_test.cc tells.
      const bool in_records = bit / 8 >= kFrameHeaderBytes && bit / 8 < records_end;
      EXPECT_EQ(Verify(damaged).ok(), in_records) << bit;
    });
  }
}

TEST(FrameTest, EveryBitFlipOfAFrameIsFoundOrWithoutEffect) {
  const Bytes data = Pattern(9);
  const std::vector<RecordInput> records = Records(4, data);
  const Bytes frame = FrameOf(records);
  std::size_t without_effect = 0;
  ForEachBitFlip(frame, [&](const Bytes& damaged, std::size_t) {
    const Result<FrameHeader> header = Verify(damaged);
    if (!header.ok()) return;
    const ByteSpan body = ByteSpan(damaged).subspan(kFrameHeaderBytes);
    for (std::uint32_t i = 0; i < header->record_count; ++i) {
      const Result<std::size_t> offset = RecordOffset(header.value(), body, i);
      if (!offset.ok()) return;
      const Result<RecordView> record =
          DecodeRecord(body.subspan(offset.value()), false, kSegment,
                       kPosition + kFrameHeaderBytes + offset.value());
      if (!record.ok()) return;
      EXPECT_TRUE(SameBytes(record->data, records[i].data));
      EXPECT_TRUE(SameBytes(record->user_headers, records[i].user_headers));
    }
    ++without_effect;
  });
  std::size_t padding_bytes = 0;
  for (const RecordInput& record : records) {
    const std::size_t header_bytes = record.user_headers.size();
    padding_bytes += RecordStoredBytes(record, false) - kRecordHeaderBytes - record.data.size() -
                     header_bytes - (header_bytes > 0 ? 1 : 0);
  }
  EXPECT_EQ(without_effect, padding_bytes * 8);
}

TEST(FrameTest, ZerosAreNotAFrame) {
  EXPECT_EQ(Verify(Bytes(4096)).status().message(), "frame: wrong magic");
}

TEST(FrameTest, DoesNotValidateAtAnotherPlace) {
  const Bytes data = Pattern(50);
  const Bytes frame = FrameOf(Records(20, data));
  EXPECT_TRUE(VerifyFrame(frame, kSegment, kPosition).ok());
  EXPECT_FALSE(VerifyFrame(frame, kSegment, kPosition + 8).ok());
  EXPECT_FALSE(VerifyFrame(frame, kSegment, kPosition + kPageBytes).ok());
  EXPECT_FALSE(VerifyFrame(frame, kSegment + 1, kPosition).ok());
}

TEST(FrameTest, RefusesReservedFieldsThatAreNotZero) {
  const Bytes data = Pattern(8);
  const Bytes frame = FrameOf({{.data = data}});
  for (const std::size_t offset : {kFrameFlagsOffset + 1, kFrameCodecOffset, kFramePreviousOffset,
                                   kFramePreviousSegmentIdOffset}) {
    Bytes damaged = frame;
    damaged[offset] = std::byte{8};
    const Status status = DecodeFrameHeader(damaged).status();
    EXPECT_EQ(status.code(), Code::kCorrupt) << offset;
    EXPECT_NE(status.message().find("reserved field"), std::string::npos) << status.message();
  }
}

TEST(FrameTest, OfASharedSegmentSaysWhereTheOneBeforeItLies) {
  const FrameHeader first{.stream_id = 9,
                          .first_sequence = 1,
                          .record_count = 1,
                          .body_bytes = 8,
                          .flags = kFrameIsShared};
  FrameHeader second = first;
  second.previous = {.segment_id = 77, .offset = kPageBytes};
  for (const FrameHeader& header : {first, second}) {
    const Result<FrameHeader> decoded = Verify(RawFrame(header, 8));
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(decoded.value(), header);
  }
  const auto refused = [&](auto change) {
    FrameHeader header = second;
    change(&header);
    return !Verify(RawFrame(header, 8)).ok() && !CheckFrameBounds(header).ok();
  };
  EXPECT_TRUE(refused([](FrameHeader* header) { header->previous.segment_id = 0; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->previous.offset = 0; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->previous.offset = 8; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->flags = 0; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->stream_id = kSharedStreamId; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->first_sequence = kSharedSequenceLimit; }));
}

TEST(FrameTest, RefusesHeadersThatContradictThemselves) {
  const FrameHeader good{.stream_id = 1, .first_sequence = 1, .record_count = 2, .body_bytes = 16};
  ASSERT_TRUE(CheckFrameBounds(good).ok());
  ASSERT_TRUE(Verify(RawFrame(good, 16)).ok());
  const auto refused = [&](auto change) {
    FrameHeader header = good;
    change(&header);
    const bool decoded = Verify(RawFrame(header, 1024)).ok();
    return !decoded && CheckFrameBounds(header).code() == Code::kCorrupt;
  };
  EXPECT_TRUE(refused([](FrameHeader* header) { header->stream_id = 0; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->first_sequence = 0; }));
  EXPECT_TRUE(refused([](FrameHeader* header) {
    header->first_sequence = std::numeric_limits<std::uint64_t>::max() - 1;
  }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->record_count = 0; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->record_count = 3; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->record_count = 17; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->record_count = 0xFFFFFFFF; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->body_bytes = 20; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->body_bytes = 0xFFFFFFF8; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->flags = kFrameHasOffsetTable; }));
  EXPECT_TRUE(refused([](FrameHeader* header) { header->flags = kFrameIsFiller; }));
  EXPECT_TRUE(refused([](FrameHeader* header) {
    header->record_count = 0;
    header->flags = kFrameIsFiller | kFrameHasOffsetTable;
  }));
  EXPECT_TRUE(refused([](FrameHeader* header) {
    header->record_count = 0;
    header->flags = kFrameIsFiller;
    header->body_bytes = kFrameBodyBytesLimit + 8;
  }));
  EXPECT_TRUE(refused([](FrameHeader* header) {
    header->record_count = 1;
    header->body_bytes = kFrameBodyBytesLimit + 8;
  }));
}

TEST(FrameTest, FillerTakesExactlyTheBytesAskedForAndHoldsZeros) {
  for (const std::size_t total : {kFrameHeaderBytes, kFrameHeaderBytes + 8, std::size_t{4000}}) {
    const FrameHeader header = FillerHeader(5, 42, 99, 1000, total);
    EXPECT_EQ(header.total_bytes(), total);
    Bytes frame(total);
    EncodeFrameHeader(header, ByteSpan(frame).subspan(kFrameHeaderBytes), kSegment, kPosition,
                      frame);
    const Result<FrameHeader> decoded = Verify(frame);
    ASSERT_TRUE(decoded.ok());
    EXPECT_EQ(decoded.value(), header);
    EXPECT_TRUE(decoded->filler());
    EXPECT_EQ(decoded->next_sequence(), 42u);
    if (total == kFrameHeaderBytes) continue;
    frame.back() = std::byte{1};
    EXPECT_EQ(Verify(frame).status().message(), "frame: a filler that is not zeros");
  }
}

TEST(FrameTest, RecordOffsetRefusesATableThatPointsBehindTheRecords) {
  const Bytes data = Pattern(8);
  const std::vector<RecordInput> records = Records(17, data);
  Bytes frame = FrameOf(records);
  const Result<FrameHeader> header = Verify(frame);
  ASSERT_TRUE(header.ok());
  const std::size_t table = kFrameHeaderBytes + header->records_bytes();
  const auto units = static_cast<std::uint16_t>(header->records_bytes() / kRecordAlignment);
  StoreLittle(MutableByteSpan(frame), table + 3 * kFrameTableEntryBytes, units);
  const ByteSpan body = ByteSpan(frame).subspan(kFrameHeaderBytes);
  EXPECT_EQ(RecordOffset(header.value(), body, 3).status().code(), Code::kCorrupt);
  EXPECT_TRUE(RecordOffset(header.value(), body, 2).ok());
}

TEST(FrameTest, RecordOffsetRefusesLengthsThatLeadOutOfTheBody) {
  const Bytes data = Pattern(8);
  Bytes frame = FrameOf(Records(3, data));
  const Result<FrameHeader> header = Verify(frame);
  ASSERT_TRUE(header.ok());
  StoreLittle(MutableByteSpan(frame), kFrameHeaderBytes + kRecordLengthOffset,
              std::uint32_t{0x1FFFFFFF});
  const ByteSpan body = ByteSpan(frame).subspan(kFrameHeaderBytes);
  EXPECT_TRUE(RecordOffset(header.value(), body, 0).ok());
  EXPECT_EQ(RecordOffset(header.value(), body, 1).status().code(), Code::kCorrupt);
  EXPECT_EQ(RecordOffset(header.value(), body, 2).status().code(), Code::kCorrupt);
  EXPECT_EQ(RecordOffset(header.value(), body.first(8), 0).status().code(), Code::kCorrupt);
}

// docs/format.md, "Example"; test/format-doc.test.ts compares the two.
constexpr std::string_view kDocumentedFrame =
    "53474652e8a62ddd0100000000000000"
    "01000000000000000100000000000000"
    "00401e18240a06000100000010000000"
    "00000000000000000000000000000000"
    "998d28ae0500001068656c6c6f000000";

TEST(FrameTest, IsTheExampleOfTheFormatDocument) {
  AlignedBuffer body;
  FrameBodyBuilder builder;
  builder.Begin(1, 4096 + kFrameHeaderBytes, false, &body);
  builder.Add({.data = AsBytes("hello")});
  FrameHeader header{
      .stream_id = 1, .first_sequence = 1, .first_lsn = 1, .time_us = 1'700'000'000'000'000};
  builder.Finish(&header);
  Bytes frame(kFrameHeaderBytes);
  EncodeFrameHeader(header, body.bytes(), 1, 4096, frame);
  frame.insert(frame.end(), body.bytes().begin(), body.bytes().end());
  std::string hex;
  for (const std::byte byte : frame) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    hex += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  EXPECT_EQ(hex, kDocumentedFrame);
  EXPECT_EQ(SegmentSeed(1, 4096), 0x2C276DB2u);
  EXPECT_EQ(SegmentSeed(1, 4160), 0x3627A680u);
}

TEST(FrameTest, ThousandRecordsInOneFrameCostAtMostSixteenBytesEach) {
  const Bytes data = Pattern(128);
  const std::vector<RecordInput> records(1000, RecordInput{.data = data});
  const Bytes frame = FrameOf(records);
  EXPECT_LE(frame.size(), records.size() * (data.size() + 16));
}

}  // namespace
}  // namespace seglog::format
