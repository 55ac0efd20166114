// SPDX-License-Identifier: MIT
// What readers get: across segments, files and memory, and around damage.
#include "log/reader.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <numeric>

#include "format/frame.h"
#include "test/support/resting_log.h"

namespace seglog::log {
namespace {

using test::BusyOptions;
using test::DiskImage;
using test::EngineHarness;
using test::Found;
using test::MakeRestingLog;
using test::Payloads;
using test::QuietOptions;
using test::RestingLog;
using test::SimulatedDisk;
using Opened = test::OpenedImage;
using Strings = std::vector<std::string>;
using Numbers = std::vector<std::uint64_t>;

Numbers Sequence(std::uint64_t first, std::uint64_t last) {
  Numbers numbers(last + 1 - first);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

Strings From(const Strings& all, std::uint64_t first, std::uint64_t last) {
  return Strings(all.begin() + static_cast<std::ptrdiff_t>(first - 1),
                 all.begin() + static_cast<std::ptrdiff_t>(last));
}

// Sealed segments, a segment that has ended, an open one with a part in its file.
RestingLog BusyLog() { return MakeRestingLog(BusyOptions(), 150, 1000); }

TEST(ReaderTest, AllSegmentsAreReadInOrderWhateverTheirState) {
  const RestingLog resting = BusyLog();
  ASSERT_GE(resting.rows.size(), 4u);
  ASSERT_EQ(resting.rows.front().state, format::SegmentState::kSealed);
  ASSERT_EQ(resting.rows.back().state, format::SegmentState::kOpen);
  Opened opened(resting.image, BusyOptions());
  const Found found = opened.log.Read("orders");
  EXPECT_TRUE(found.status.ok()) << found.status.ToString();
  EXPECT_EQ(found.data, resting.data);
  EXPECT_EQ(found.sequences, Sequence(1, 150));
  EXPECT_EQ(found.lsns, Sequence(1, 150));
  EXPECT_TRUE(found.damage.empty());
}

TEST(ReaderTest, ARangeOfSequencesIsReadFromAnywhereToAnywhere) {
  const RestingLog resting = BusyLog();
  Opened opened(resting.image, BusyOptions());
  for (std::uint64_t first = 1; first <= 150; first += 7) {
    for (const std::uint64_t count : {1u, 2u, 40u, 150u}) {
      const std::uint64_t last = std::min<std::uint64_t>(150, first + count - 1);
      const Found found = opened.log.Read("orders", {.from_sequence = first, .to_sequence = last});
      ASSERT_TRUE(found.status.ok()) << found.status.ToString();
      ASSERT_EQ(found.sequences, Sequence(first, last));
      ASSERT_EQ(found.data, From(resting.data, first, last));
    }
  }
}

TEST(ReaderTest, NothingIsReadBehindTheEndOrOfAStreamThatDoesNotExist) {
  const RestingLog resting = BusyLog();
  Opened opened(resting.image, BusyOptions());
  for (const std::uint64_t from : {std::uint64_t{151}, std::uint64_t{1} << 60}) {
    ReadResult result;
    opened.log.engine().reader().Read(
        {.stream = opened.log.engine().HandleOf("orders"), .from_sequence = from}, &result);
    EXPECT_TRUE(result.status.ok());
    EXPECT_TRUE(result.at_end);
    EXPECT_TRUE(result.records.empty());
    EXPECT_EQ(result.next_sequence, from);
  }
  EXPECT_EQ(opened.log.Data("nobody"), Strings{});
}

TEST(ReaderTest, ReadingFromAnLsnLeavesOutWhatIsBelowIt) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BusyOptions());
  ASSERT_TRUE(log.Open().ok());
  for (const std::string& data : Payloads(60, 1000)) {
    ASSERT_TRUE(log.Append("orders", data).status.ok());
    ASSERT_TRUE(log.Append("other", "x").status.ok());
  }
  log.Settle();
  for (std::uint64_t lsn = 1; lsn <= 119; lsn += 3) {
    const Found found = log.Read("orders", {.from_lsn = lsn});
    ASSERT_TRUE(found.status.ok()) << found.status.ToString();
    ASSERT_FALSE(found.lsns.empty());
    EXPECT_EQ(found.lsns.front(), lsn % 2 == 1 ? lsn : lsn + 1);
    EXPECT_EQ(found.sequences.front(), lsn / 2 + 1);
    EXPECT_EQ(found.sequences.back(), 60u);
  }
  EXPECT_EQ(log.Read("orders", {.from_lsn = 120}).data, Strings{});
}

TEST(ReaderTest, SmallRequestsReturnAtLeastOneRecordAndMissNone) {
  const RestingLog resting = BusyLog();
  Opened opened(resting.image, BusyOptions());
  for (const std::size_t bytes : {1u, 100u, 70'000u}) {
    const Found found = opened.log.Read("orders", {.bytes_max = bytes});
    EXPECT_EQ(found.data, resting.data);
  }
}

TEST(ReaderTest, AFrameLargerThanAWindowIsReadWholeFromMemoryAndFromItsFile) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  ASSERT_TRUE(log.Open().ok());
  const Strings payloads = Payloads(5, 300'000);
  for (const std::string& data : payloads) ASSERT_TRUE(log.Append("orders", data).status.ok());
  EXPECT_EQ(log.Read("orders", {.bytes_max = 1}).data, payloads);
  ASSERT_TRUE(log.Await(log.Seal("orders")).status.ok());
  log.Settle();
  EXPECT_EQ(log.engine().GetStats().pending_bytes, 0u);
  EXPECT_EQ(log.Read("orders", {.bytes_max = 1}).data, payloads);
  EXPECT_EQ(log.Read("orders", {.from_sequence = 4}).data, From(payloads, 4, 5));
}

TEST(ReaderTest, AFrameThatIsPartlyInItsFileAndPartlyInMemoryIsReadWhole) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BusyOptions());
  ASSERT_TRUE(log.Open().ok());
  Strings expected;
  std::uint64_t straddled = 0;
  for (const std::string& data : Payloads(60, 900)) {
    ASSERT_TRUE(log.Append("orders", data).status.ok());
    expected.push_back(data);
    log.RunAll();
    const format::CatalogSegment& row =
        log.state().table.at(log.engine().HandleOf("orders")).open_segment()->row;
    // Frames of 976 bytes begin on a page once in a while only.
    const std::uint64_t into_data = row.destaged - format::kSegmentDataOffset;
    if (row.destaged > format::kSegmentDataOffset && into_data % 976 != 0) ++straddled;
    ASSERT_EQ(log.Data("orders"), expected);
  }
  EXPECT_GT(straddled, 20u);
}

TEST(ReaderTest, ARecordInManyOfOneFrameIsFoundByItsSequence) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  ASSERT_TRUE(log.Open().ok());
  std::vector<test::KeyedData> batch;
  for (int i = 0; i < 100; ++i) {
    batch.push_back({"orders", std::to_string(i)});
    if (i % 3 == 0) batch.push_back({"other", "x"});  // LSNs with gaps.
  }
  const Completion answer = log.Await(log.SubmitBatch(batch));
  ASSERT_TRUE(answer.status.ok());
  for (std::uint64_t sequence = 1; sequence <= 100; ++sequence) {
    const Found found = log.Read("orders", {.from_sequence = sequence, .to_sequence = sequence});
    ASSERT_EQ(found.data, Strings{std::to_string(sequence - 1)});
    ASSERT_EQ(found.lsns.front(), 1 + (sequence - 1) + (sequence + 1) / 3);
  }
}

TEST(ReaderTest, UserHeadersAndKindComeBackAsWritten) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  ASSERT_TRUE(log.Open().ok());
  const std::vector<AppendInput> inputs{
      {.stream = log.engine().HandleOf("orders"),
       .kind = format::RecordKind::kCheckpoint,
       .user_headers = AsBytes("headers"),
       .data = AsBytes("data")},
      {.stream = log.engine().HandleOf("orders"), .user_headers = {}, .data = {}}};
  ASSERT_TRUE(log.state().inbox.SubmitAppend(inputs, Durability::kSync, 77).ok());
  ASSERT_TRUE(log.Await(77).status.ok());
  ReadResult result;
  log.engine().reader().Read({.stream = log.engine().HandleOf("orders")}, &result);
  ASSERT_EQ(result.records.size(), 2u);
  const auto text = [&](std::uint32_t offset, std::uint32_t bytes) {
    return std::string(reinterpret_cast<const char*>(result.bytes.get()) + offset, bytes);
  };
  const RecordColumns& first = result.records[0];
  EXPECT_EQ(first.kind, format::RecordKind::kCheckpoint);
  EXPECT_EQ(text(first.headers_offset, first.headers_bytes), "headers");
  EXPECT_EQ(text(first.data_offset, first.data_bytes), "data");
  EXPECT_EQ(first.time_us, test::SimulatedClock::kWallDefault);
  EXPECT_EQ(result.records[1].headers_bytes, 0u);
  EXPECT_EQ(result.records[1].data_bytes, 0u);
}

// One sealed segment of 100 frames, more than one index entry.
RestingLog SealedLog() { return MakeRestingLog(QuietOptions(), 100, 3000, {100}); }

TEST(ReaderTest, TheFooterOfASealedSegmentLeadsPastWhatIsNotAskedFor) {
  RestingLog resting = SealedLog();
  ASSERT_EQ(resting.rows.front().state, format::SegmentState::kSealed);
  resting.image.FlipBit(resting.PathOf(0), resting.FrameOffset(0, 2) + 20, 1);
  Opened opened(resting.image);
  const Found found = opened.log.Read("orders", {.from_sequence = 90});
  EXPECT_TRUE(found.status.ok()) << found.status.ToString();
  EXPECT_EQ(found.data, From(resting.data, 90, 100));
}

TEST(ReaderTest, WithADamagedFooterTheSegmentIsWalkedFromItsStart) {
  RestingLog resting = SealedLog();
  for (const std::uint64_t at : {0u, 12u, 40u, 160u, 210u}) {
    DiskImage image = resting.image;
    image.FlipBit(resting.PathOf(0), resting.rows.front().footer_offset + at, 4);
    Opened opened(image);
    const Found found = opened.log.Read("orders", {.from_sequence = 90});
    EXPECT_TRUE(found.status.ok()) << found.status.ToString();
    EXPECT_EQ(found.data, From(resting.data, 90, 100));
    EXPECT_EQ(opened.log.Data("orders"), resting.data);
  }
  // The walk meets what the footer would have led past.
  resting.image.FlipBit(resting.PathOf(0), resting.rows.front().footer_offset, 4);
  resting.image.FlipBit(resting.PathOf(0), resting.FrameOffset(0, 2) + 20, 1);
  Opened opened(resting.image);
  EXPECT_EQ(opened.log.Read("orders", {.from_sequence = 90}).status.code(), Code::kCorrupt);
}

TEST(ReaderTest, BeforeADamagedFrameTheRecordsAreReturnedAndThenItIsCorruptWithItsPlace) {
  const RestingLog resting = SealedLog();
  const std::uint64_t offset = resting.FrameOffset(0, 50);
  // In the frame's header, in its length, in the record's header and in its data.
  for (const std::uint64_t at : {0u, 20u, 46u, 64u, 69u, 1000u}) {
    DiskImage image = resting.image;
    image.FlipBit(resting.PathOf(0), offset + at, 6);
    Opened opened(image);
    const Found found = opened.log.Read("orders");
    EXPECT_EQ(found.data, From(resting.data, 1, 49)) << at;
    EXPECT_EQ(found.status.code(), Code::kCorrupt);
    EXPECT_EQ(found.status.path(), resting.PathOf(0));
    ASSERT_EQ(found.damage.size(), 1u);
    const Damage& damage = found.damage.front();
    EXPECT_EQ(damage.file, resting.PathOf(0));
    EXPECT_EQ(damage.key, "orders");
    EXPECT_EQ(damage.offset,
              at < format::kFrameHeaderBytes ? offset : offset + format::kFrameHeaderBytes);
    EXPECT_EQ(damage.first_sequence, 50u);
    EXPECT_EQ(damage.last_sequence, 50u);
    EXPECT_FALSE(damage.what.empty());
    // The same again, and what lies behind is still there.
    EXPECT_EQ(opened.log.Read("orders", {.from_sequence = 50}).status.code(), Code::kCorrupt);
    EXPECT_EQ(opened.log.Read("orders", {.from_sequence = 51}).status.code(),
              at < format::kFrameHeaderBytes ? Code::kCorrupt : Code::kOk);
  }
}

TEST(ReaderTest, SkippingDamageGoesOnBehindItAndReportsIt) {
  const RestingLog resting = SealedLog();
  Strings expected = From(resting.data, 1, 49);
  const Strings rest = From(resting.data, 51, 100);
  expected.insert(expected.end(), rest.begin(), rest.end());
  for (const std::uint64_t at : {0u, 20u, 46u, 64u, 69u, 1000u}) {
    DiskImage image = resting.image;
    image.FlipBit(resting.PathOf(0), resting.FrameOffset(0, 50) + at, 6);
    Opened opened(image);
    const Found found = opened.log.Read("orders", {.skip_corruption = true});
    EXPECT_TRUE(found.status.ok()) << found.status.ToString();
    EXPECT_EQ(found.data, expected) << at;
    EXPECT_EQ(found.sequences[49], 51u);
    EXPECT_EQ(found.lsns[49], 51u);
    ASSERT_EQ(found.damage.size(), 1u);
    EXPECT_EQ(found.damage.front().first_sequence, 50u);
    EXPECT_EQ(found.damage.front().last_sequence, 50u);
    EXPECT_GT(found.damage.front().bytes, 2900u);
  }
}

TEST(ReaderTest, ADamagedRecordHidesNoneButItselfWhereTheFrameHasATable) {
  SimulatedDisk disk;
  DiskImage image;
  std::string path;
  {
    EngineHarness log(&disk);
    ASSERT_TRUE(log.Open().ok());
    std::vector<test::KeyedData> batch;
    for (const std::string& data : Payloads(100, 200)) batch.push_back({"orders", data});
    ASSERT_TRUE(log.Await(log.SubmitBatch(batch)).status.ok());
    ASSERT_TRUE(log.Await(log.Seal("orders")).status.ok());
    log.Settle();
    ASSERT_TRUE(log.Close().ok());
    image = disk.CurrentImage();
    path = test::SegmentPathOf(
        "orders", log.state().table.at(log.engine().HandleOf("orders")).segments.front()->row);
  }
  const Strings data = Payloads(100, 200);
  const std::vector<std::byte> bytes = image.ReadFile(path);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::size_t at = text.find(data[49]);
  ASSERT_NE(at, std::string_view::npos);
  image.FlipBit(path, at + 100, 3);
  Opened opened(image);
  EXPECT_EQ(opened.log.Read("orders", {.from_sequence = 51}).data, From(data, 51, 100));
  const Found strict = opened.log.Read("orders");
  EXPECT_EQ(strict.status.code(), Code::kCorrupt);
  EXPECT_EQ(strict.data, From(data, 1, 49));
  const Found found = opened.log.Read("orders", {.skip_corruption = true});
  EXPECT_TRUE(found.status.ok());
  Strings expected = From(data, 1, 49);
  const Strings rest = From(data, 51, 100);
  expected.insert(expected.end(), rest.begin(), rest.end());
  EXPECT_EQ(found.data, expected);
  ASSERT_EQ(found.damage.size(), 1u);
  EXPECT_EQ(found.damage.front().first_sequence, 50u);
  EXPECT_EQ(found.damage.front().last_sequence, 50u);
  EXPECT_EQ(found.damage.front().first_lsn, 50u);
}

TEST(ReaderTest, AFrameThatWasMovedToAnotherPlaceIsDamage) {
  RestingLog resting = SealedLog();
  const std::vector<std::byte> bytes = resting.image.ReadFile(resting.PathOf(0));
  const std::uint64_t from = resting.FrameOffset(0, 60);
  const std::uint64_t to = resting.FrameOffset(0, 50);
  const std::uint64_t length = resting.FrameOffset(0, 61) - from;
  ASSERT_EQ(length, resting.FrameOffset(0, 51) - to);
  resting.image.Overwrite(resting.PathOf(0), to, ByteSpan(bytes).subspan(from, length));
  Opened opened(resting.image);
  const Found found = opened.log.Read("orders");
  EXPECT_EQ(found.status.code(), Code::kCorrupt);
  EXPECT_EQ(found.data, From(resting.data, 1, 49));
}

TEST(ReaderTest, AMissingSegmentFileIsCorruptAndTheOthersAreRead) {
  RestingLog resting = MakeRestingLog(QuietOptions(), 90, 1000, {30, 60});
  ASSERT_EQ(resting.rows.size(), 3u);
  resting.image.Remove(resting.PathOf(1));
  Opened opened(resting.image);
  const Found found = opened.log.Read("orders");
  EXPECT_EQ(found.status.code(), Code::kCorrupt) << found.status.ToString();
  EXPECT_EQ(found.data, From(resting.data, 1, 30));
  const Found around = opened.log.Read("orders", {.skip_corruption = true});
  EXPECT_TRUE(around.status.ok()) << around.status.ToString();
  Strings expected = From(resting.data, 1, 30);
  const Strings rest = From(resting.data, 61, 90);
  expected.insert(expected.end(), rest.begin(), rest.end());
  EXPECT_EQ(around.data, expected);
  ASSERT_EQ(around.damage.size(), 1u);
  EXPECT_EQ(around.damage.front().file, resting.PathOf(1));
  EXPECT_EQ(around.damage.front().first_sequence, 31u);
  EXPECT_EQ(around.damage.front().last_sequence, 60u);
}

TEST(ReaderTest, AShortenedSegmentFileIsReadAsFarAsItGoes) {
  RestingLog resting = SealedLog();
  resting.image.Resize(resting.PathOf(0), resting.FrameOffset(0, 40) + 100);
  Opened opened(resting.image);
  const Found found = opened.log.Read("orders", {.bytes_max = 1});
  EXPECT_EQ(found.status.code(), Code::kCorrupt);
  EXPECT_EQ(found.damage.front().last_sequence, 100u);
  EXPECT_EQ(found.data, From(resting.data, 1, 39));
}

TEST(ReaderTest, WhatIsInMemoryIsReadThoughTheFileIsMissing) {
  RestingLog resting = MakeRestingLog(BusyOptions(), 20, 1000);
  ASSERT_EQ(resting.rows.size(), 1u);
  ASSERT_GT(resting.rows.front().destaged, format::kSegmentDataOffset);
  Opened before(resting.image, BusyOptions());
  for (const std::string data : {"21", "22", "23"}) {
    ASSERT_TRUE(before.log.Append("orders", data).status.ok());
  }
  DiskImage image = before.disk->DurableImage();
  image.Remove(resting.PathOf(0));
  Opened opened(image, BusyOptions());
  const Found found = opened.log.Read("orders", {.skip_corruption = true});
  EXPECT_TRUE(found.status.ok()) << found.status.ToString();
  EXPECT_EQ(found.data, (Strings{"21", "22", "23"}));
  EXPECT_EQ(found.sequences, Sequence(21, 23));
  ASSERT_EQ(found.damage.size(), 1u);
  EXPECT_EQ(found.damage.front().first_sequence, 1u);
  EXPECT_EQ(found.damage.front().last_sequence, 20u);
}

TEST(ReaderTest, TheFirstRecordIsLocatedInItsFileOrWhereItWillBe) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BusyOptions());
  ASSERT_TRUE(log.Open().ok());
  const Strings payloads = Payloads(20, 1000);
  for (const std::string& data : payloads) ASSERT_TRUE(log.Append("orders", data).status.ok());
  log.Settle();
  const format::CatalogSegment row =
      log.state().table.at(log.engine().HandleOf("orders")).segments.front()->row;
  const std::vector<std::byte> file =
      disk.CurrentImage().ReadFile(test::SegmentPathOf("orders", row));
  std::uint64_t in_file = 0;
  for (std::uint64_t sequence = 1; sequence <= 20; ++sequence) {
    ReadResult result;
    log.engine().reader().Read({.stream = log.engine().HandleOf("orders"),
                                .from_sequence = sequence,
                                .to_sequence = sequence,
                                .locate = true},
                               &result);
    ASSERT_EQ(result.records.size(), 1u);
    const RecordPlace& place = result.place;
    EXPECT_EQ(place.file, test::SegmentPathOf("orders", row));
    EXPECT_EQ(place.segment_id, row.id);
    const ByteSpan frame = ByteSpan(result.bytes.get(), result.byte_count)
                               .subspan(place.frame_position, place.frame_bytes);
    ASSERT_TRUE(format::VerifyFrame(frame, row.id, place.frame_offset).ok());
    const auto record =
        format::DecodeRecord(frame.subspan(place.record_offset - place.frame_offset), false, row.id,
                             place.record_offset);
    ASSERT_TRUE(record.ok());
    EXPECT_EQ(AsText(record->data), payloads[sequence - 1]);
    EXPECT_EQ(place.in_file, place.frame_offset + place.frame_bytes <= row.destaged);
    if (!place.in_file) continue;
    ++in_file;
    EXPECT_TRUE(std::equal(frame.begin(), frame.end(),
                           file.begin() + static_cast<std::ptrdiff_t>(place.frame_offset)));
  }
  EXPECT_GT(in_file, 0u);
  EXPECT_LT(in_file, 20u);
}

TEST(ReaderTest, AnErrorOfTheSystemIsNeverTakenForDamageOrForTheEnd) {
  const RestingLog resting = SealedLog();
  Opened opened(resting.image);
  for (const bool skip : {false, true}) {
    opened.disk->Inject({.kind = test::FaultKind::kRead,
                         .error_number = EIO,
                         .sticky = true,
                         .path_prefix = "streams/"});
    const Found found = opened.log.Read("orders", {.skip_corruption = skip});
    EXPECT_EQ(found.status.code(), Code::kIoError) << found.status.ToString();
    EXPECT_EQ(found.status.error_number(), EIO);
    EXPECT_TRUE(found.damage.empty());
    opened.disk->ClearFaults();
    EXPECT_EQ(opened.log.Data("orders"), resting.data);
  }
}

}  // namespace
}  // namespace seglog::log
