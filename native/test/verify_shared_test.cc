// SPDX-License-Identifier: MIT
// Verifying segments that streams share: what is damaged there is named with the streams that it
// concerns, and where a record lies there is found.
#include <gtest/gtest.h>

#include "format/frame.h"
#include "log/reader.h"
#include "test/format_test_util.h"
#include "test/support/verified.h"

namespace seglog::log {
namespace {

using test::DiskImage;
using test::EngineHarness;
using test::Finish;
using test::OpenedImage;
using test::QuietOptions;
using test::ReadOnly;
using test::SimulatedDisk;
using test::Verified;
using test::Verify;

Options SharedOptions(Options options = QuietOptions()) {
  options.shared_stream_bytes_max = 64 * 1024;
  return options;
}

std::string Key(std::size_t index) { return "key " + std::to_string(index); }

void Fill(EngineHarness* log, std::size_t count, std::size_t rounds) {
  for (std::size_t i = 0; i < count * rounds; ++i) {
    ASSERT_TRUE(log->Append(Key(i % count), std::string(301, 'x')).status.ok());
  }
}

void Truncate(EngineHarness* log, std::size_t index, std::uint64_t first) {
  Request request;
  request.kind = Request::Kind::kTruncateBefore;
  request.token = 1'000'000 + index * 1000 + first;
  request.stream = log->engine().HandleOf(Key(index));
  request.sequence = first;
  const Token token = request.token;
  log->state().inbox.Submit(std::move(request));
  ASSERT_TRUE(log->Await(token).status.ok());
}

// Four streams of six records each in a sealed segment, a frame a record, closed.
struct SharedLog {
  DiskImage image;
  std::string path;
  format::CatalogSegment row;
  std::vector<std::uint64_t> offsets;  // of the frames; the (4 * n + i)-th is record n + 1 of key i
};

SharedLog MakeShared() {
  SimulatedDisk disk;
  EngineHarness log(&disk, SharedOptions());
  SEGLOG_ASSERT(log.Open().ok());
  Fill(&log, 4, 6);
  EXPECT_TRUE(log.Await(log.Seal(Key(0))).status.ok());
  log.Settle();
  EXPECT_TRUE(log.Close().ok());
  SharedLog made{.image = disk.CurrentImage(),
                 .path = {},
                 .row = log.state().table.shared().segments.front()->row,
                 .offsets = {}};
  EXPECT_EQ(made.row.state, format::SegmentState::kSealed);
  made.path = SegmentPath("", made.row);
  const std::vector<std::byte> bytes = made.image.ReadFile(made.path);
  for (std::uint64_t at = format::kSegmentDataOffset; at < made.row.end;) {
    const auto header = format::DecodeFrameHeader(ByteSpan(bytes).subspan(at));
    SEGLOG_ASSERT(header.ok());
    if (!header->filler()) made.offsets.push_back(at);
    at += header->total_bytes();
  }
  EXPECT_EQ(made.offsets.size(), 24u);
  return made;
}

std::vector<Damage> DamageOf(const DiskImage& image) {
  OpenedImage opened(image, ReadOnly(SharedOptions()));
  const Verified verified = Verify(&opened.log);
  EXPECT_TRUE(verified.status.ok()) << verified.status.ToString();
  return verified.report.damage.listed;
}

void ExpectDamage(const Damage& damage, const std::string& key, std::uint64_t offset,
                  std::uint64_t first, std::uint64_t last) {
  EXPECT_EQ(damage.key, key) << damage.what;
  EXPECT_EQ(damage.offset, offset) << damage.what;
  EXPECT_EQ(damage.first_sequence, first) << damage.what;
  EXPECT_EQ(damage.last_sequence, last) << damage.what;
}

TEST(VerifySharedTest, SoundOnesHaveNoDamageWhateverTheirState) {
  SimulatedDisk disk;
  {
    EngineHarness log(&disk, SharedOptions(test::BusyOptions()));
    ASSERT_TRUE(log.Open().ok());
    Fill(&log, 40, 12);
    std::vector<test::KeyedData> turns;  // Their LSNs are not consecutive.
    for (std::size_t i = 0; i < 60; ++i) turns.push_back({Key(i % 5), std::to_string(i)});
    ASSERT_TRUE(log.Await(log.SubmitBatch(turns)).status.ok());
    log.Settle();
    const Verified verified = Verify(&log);
    ASSERT_TRUE(verified.report.damage.empty()) << verified.report.damage.listed.front().what;
    EXPECT_EQ(verified.report.records, 540u);
    EXPECT_GE(verified.report.sealed_segments, 3u);
    ASSERT_TRUE(log.Close().ok());
  }
  EngineHarness again(&disk, ReadOnly(SharedOptions(test::BusyOptions())));
  ASSERT_TRUE(again.Open().ok());
  const Verified verified = Verify(&again);
  EXPECT_TRUE(verified.report.damage.empty());
  EXPECT_EQ(verified.report.records, 540u);
}

TEST(VerifySharedTest, AFrameIsNamedWithItsStreamAndARecordToo) {
  const SharedLog made = MakeShared();
  ASSERT_TRUE(DamageOf(made.image).empty());
  for (const std::size_t frame : {0u, 1u, 5u, 11u, 21u, 23u}) {
    for (const bool in_header : {true, false}) {
      DiskImage image = made.image;
      const std::uint64_t offset = made.offsets[frame];
      image.FlipBit(made.path, offset + (in_header ? 20 : 200), 1);
      const std::vector<Damage> damage = DamageOf(image);
      ASSERT_EQ(damage.size(), 1u) << frame;
      EXPECT_EQ(damage[0].file, made.path);
      EXPECT_GT(damage[0].bytes, 300u);
      ExpectDamage(damage[0], Key(frame % 4), offset + (in_header ? 0 : 64), frame / 4 + 1,
                   frame / 4 + 1);
    }
  }
}

TEST(VerifySharedTest, SeveralFramesSideBySideAreNamedForEachStream) {
  const SharedLog made = MakeShared();
  DiskImage image = made.image;
  for (std::size_t frame = 6; frame < 9; ++frame) {
    image.FlipBit(made.path, made.offsets[frame] + 20, 1);
  }
  const std::vector<Damage> damage = DamageOf(image);
  ASSERT_EQ(damage.size(), 3u);
  ExpectDamage(damage[0], Key(2), made.offsets[6], 2, 2);
  EXPECT_EQ(damage[0].bytes, made.offsets[9] - made.offsets[6]);
  ExpectDamage(damage[1], Key(0), made.offsets[8], 3, 3);
  ExpectDamage(damage[2], Key(3), made.offsets[7], 2, 2);
}

TEST(VerifySharedTest, WithoutTheFileEveryStreamIsNamed) {
  const SharedLog made = MakeShared();
  DiskImage image = made.image;
  image.Remove(made.path);
  const std::vector<Damage> damage = DamageOf(image);
  ASSERT_EQ(damage.size(), 5u);
  EXPECT_EQ(damage[0].bytes, made.row.end);
  for (std::size_t i = 0; i < 4; ++i) {
    ExpectDamage(damage[i + 1], Key(i), made.offsets[20 + i], 1, 6);
  }
}

TEST(VerifySharedTest, AFrameThatLeadsElsewhereIsNamed) {
  const SharedLog made = MakeShared();
  const std::uint64_t offset = made.offsets[10];  // Record 3 of key 2.
  std::vector<std::byte> file = made.image.ReadFile(made.path);
  const MutableByteSpan frame = MutableByteSpan(file).subspan(offset, made.offsets[11] - offset);
  format::FrameHeader header = format::DecodeFrameHeader(frame).value();
  header.previous.offset = made.offsets[5];
  format::EncodeFrameHeader(header, frame.subspan(format::kFrameHeaderBytes), made.row.id, offset,
                            frame.first(format::kFrameHeaderBytes));
  DiskImage image = made.image;
  image.Overwrite(made.path, offset, frame);
  const std::vector<Damage> damage = DamageOf(image);
  ASSERT_EQ(damage.size(), 2u);
  EXPECT_NE(damage[0].what.find("SHA-256"), std::string::npos);
  EXPECT_EQ(damage[0].key, "");
  EXPECT_EQ(damage[0].first_sequence, 0u);
  EXPECT_NE(damage[1].what.find("leads elsewhere"), std::string::npos);
  ExpectDamage(damage[1], Key(2), offset, 3, 3);
}

TEST(VerifySharedTest, NoByteOfASealedOneCanChangeUnnoticed) {
  const SharedLog made = MakeShared();
  const std::uint64_t size = made.image.SizeOf(made.path);
  for (std::uint64_t offset = 0; offset < size; offset += 3) {
    DiskImage damaged = made.image;
    damaged.FlipBit(made.path, offset, static_cast<unsigned>(offset % 8));
    ASSERT_FALSE(DamageOf(damaged).empty()) << offset;
  }
}

TEST(VerifySharedTest, WhatWasTruncatedIsNoDamageOfItsStream) {
  const SharedLog made = MakeShared();
  DiskImage image;
  {
    const auto writing = SimulatedDisk::FromImage(made.image);
    EngineHarness log(writing.get(), SharedOptions());
    ASSERT_TRUE(log.Open().ok());
    Truncate(&log, 1, 4);
    Truncate(&log, 2, 7);
    log.Settle();
    EXPECT_TRUE(Verify(&log).report.damage.empty());
    ASSERT_TRUE(log.Append(Key(2), "begins anew").status.ok());
    EXPECT_TRUE(Verify(&log).report.damage.empty());
    ASSERT_TRUE(log.Close().ok());
    image = writing->CurrentImage();
  }
  EXPECT_TRUE(DamageOf(image).empty());
  for (const std::size_t frame : {5u, 6u}) {  // Truncated records of keys 1 and 2.
    DiskImage damaged = image;
    damaged.FlipBit(made.path, made.offsets[frame] + 20, 1);
    const std::vector<Damage> damage = DamageOf(damaged);
    ASSERT_EQ(damage.size(), 1u);
    ExpectDamage(damage[0], "", made.offsets[frame], 0, 0);
  }
  image.FlipBit(made.path, made.offsets[13] + 20, 1);
  const std::vector<Damage> damage = DamageOf(image);
  ASSERT_EQ(damage.size(), 1u);
  ExpectDamage(damage[0], Key(1), made.offsets[13], 4, 4);
}

TEST(VerifySharedTest, ALogThatIsWrittenToAndTruncatedHasNoDamageAtAnyStep) {
  SimulatedDisk disk;
  EngineHarness log(&disk, SharedOptions(test::BusyOptions()));
  ASSERT_TRUE(log.Open().ok());
  std::size_t appended = 0;
  for (int round = 0; round < 25; ++round) {
    Verification verification(&log.state());
    while (!verification.done()) {
      ASSERT_TRUE(verification.Step().ok());
      for (int i = 0; i < 8; ++i, ++appended) {
        ASSERT_TRUE(log.Append(Key(appended % 13), std::string(600, 'x')).status.ok());
      }
      if (appended % 5 == 0) log.RunAll();
      if (appended % 7 == 0) Truncate(&log, appended % 13, appended / 13);
    }
    const Verified verified = Finish(&verification);
    ASSERT_TRUE(verified.report.damage.empty()) << verified.report.damage.listed.front().what;
  }
  EXPECT_GT(log.engine().GetStats().segments_sealed, 2u);
}

TEST(VerifySharedTest, ARecordIsLocated) {
  const SharedLog made = MakeShared();
  OpenedImage opened(made.image, ReadOnly(SharedOptions()));
  const std::vector<std::byte> file = made.image.ReadFile(made.path);
  for (std::uint64_t sequence = 1; sequence <= 6; ++sequence) {
    ReadResult result;
    opened.log.engine().reader().Read({.stream = opened.log.engine().HandleOf(Key(3)),
                                       .from_sequence = sequence,
                                       .to_sequence = sequence,
                                       .bytes_max = 1,
                                       .locate = true},
                                      &result);
    ASSERT_TRUE(result.status.ok());
    ASSERT_EQ(result.records.size(), 1u);
    const std::uint64_t offset = made.offsets[(sequence - 1) * 4 + 3];
    EXPECT_EQ(result.place.file, made.path);
    EXPECT_EQ(result.place.segment_id, made.row.id);
    EXPECT_EQ(result.place.frame_offset, offset);
    EXPECT_EQ(result.place.record_offset, offset + format::kFrameHeaderBytes);
    EXPECT_TRUE(result.place.in_file);
    const ByteSpan stored = ByteSpan(file).subspan(offset, result.place.frame_bytes);
    const ByteSpan frame(result.bytes.get() + result.place.frame_position,
                         result.place.frame_bytes);
    EXPECT_TRUE(std::equal(stored.begin(), stored.end(), frame.begin()));
  }
}

}  // namespace
}  // namespace seglog::log
