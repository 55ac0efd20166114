// SPDX-License-Identifier: MIT
// Verifying: a sound log has no damage whatever it is doing. The catalogue, errors of the system,
// and what is only in memory.
#include "log/verify.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "log/catalog_store.h"
#include "test/support/verified.h"

namespace seglog::log {
namespace {

using test::BusyOptions;
using test::DamageIn;
using test::DiskImage;
using test::EngineHarness;
using test::Finish;
using test::MakeRestingLog;
using test::OpenedImage;
using test::Payloads;
using test::QuietOptions;
using test::ReadOnly;
using test::RestingLog;
using test::SealedLog;
using test::SimulatedDisk;
using test::Verified;
using test::Verify;

// Exactly one damage: this place and these records, and `what` somewhere in the words.
void ExpectOne(const std::vector<Damage>& damage, const Damage& expected) {
  ASSERT_EQ(damage.size(), 1u) << (damage.empty() ? "" : damage[1].what);
  EXPECT_EQ(damage[0].file, expected.file);
  EXPECT_EQ(damage[0].offset, expected.offset) << damage[0].what;
  EXPECT_EQ(damage[0].bytes, expected.bytes) << damage[0].what;
  EXPECT_EQ(damage[0].first_sequence, expected.first_sequence) << damage[0].what;
  EXPECT_EQ(damage[0].last_sequence, expected.last_sequence) << damage[0].what;
  EXPECT_NE(damage[0].what.find(expected.what), std::string::npos) << damage[0].what;
}

TEST(VerifyTest, ASoundLogHasNoDamageWhateverTheStateOfItsSegments) {
  const RestingLog resting = MakeRestingLog(BusyOptions(), 150, 1000);
  ASSERT_EQ(resting.rows.front().state, format::SegmentState::kSealed);
  ASSERT_EQ(resting.rows.back().state, format::SegmentState::kOpen);
  ASSERT_GT(resting.rows.back().destaged, format::kSegmentDataOffset);
  for (const bool read_only : {false, true}) {
    OpenedImage opened(resting.image, read_only ? ReadOnly(BusyOptions()) : BusyOptions());
    const Verified verified = Verify(&opened.log);
    EXPECT_TRUE(verified.status.ok()) << verified.status.ToString();
    EXPECT_TRUE(verified.report.damage.empty());
    EXPECT_EQ(verified.report.segments, resting.rows.size());
    EXPECT_EQ(verified.report.sealed_segments, resting.rows.size() - 1);
    EXPECT_EQ(verified.report.records, 150u);
    std::uint64_t bytes = 0;
    for (const auto& row : resting.rows) bytes += SegmentCheck::StoredBytes(row);
    EXPECT_EQ(verified.report.bytes, bytes);
    EXPECT_EQ(verified.progress.bytes_done, bytes);
    EXPECT_EQ(verified.progress.bytes_total, bytes);
    EXPECT_EQ(verified.progress.segments_done, resting.rows.size());
  }
}

TEST(VerifyTest, AnEmptyLogAndEmptySegmentsHaveNoDamage) {
  SimulatedDisk disk;
  EngineHarness log(&disk, QuietOptions());
  ASSERT_TRUE(log.Open().ok());
  EXPECT_TRUE(Verify(&log).report.damage.empty());
  ASSERT_TRUE(log.Append("orders", "one").status.ok());
  ASSERT_TRUE(log.Await(log.Seal("orders")).status.ok());
  log.Settle();
  const Verified verified = Verify(&log);
  EXPECT_TRUE(verified.report.damage.empty());
  EXPECT_EQ(verified.report.sealed_segments, 1u);
  EXPECT_EQ(verified.report.records, 1u);
}

TEST(VerifyTest, ALogThatIsWrittenToHasNoDamageAtAnyStep) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BusyOptions());
  ASSERT_TRUE(log.Open().ok());
  std::uint64_t appended = 0;
  for (int round = 0; round < 12; ++round) {
    const std::uint64_t before = appended;
    Verification verification(&log.state());
    while (!verification.done()) {
      ASSERT_TRUE(verification.Step().ok());
      ASSERT_TRUE(
          log.Append(appended % 3 == 0 ? "other" : "orders", std::string(900, 'x')).status.ok());
      ++appended;
      if (appended % 5 == 0) log.RunAll();
    }
    const VerifyProgress progress = verification.progress();
    EXPECT_EQ(progress.bytes_done, progress.bytes_total);
    const VerifyReport report = verification.TakeReport();
    ASSERT_TRUE(report.damage.empty()) << report.damage.listed.front().what;
    ASSERT_GE(report.records, before);
  }
  EXPECT_GT(log.engine().GetStats().checkpoints, 0u);
  EXPECT_GT(log.engine().GetStats().segments_sealed, 3u);
}

TEST(VerifyTest, SegmentsThatAreDroppedMeanwhileArePassedOver) {
  Options options = BusyOptions();
  options.segment_bytes = 12 * 1024;
  options.destage_bytes = 4 * 1024;
  // Truncated at each step of the verification; new segments take the files over.
  for (int at = 0; at < 60; ++at) {
    SimulatedDisk disk;
    EngineHarness log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    for (const std::string& data : Payloads(60, 1000)) {
      ASSERT_TRUE(log.Append("orders", data).status.ok());
    }
    log.Settle();
    Verification verification(&log.state());
    for (int step = 0; step < at && !verification.done(); ++step) {
      ASSERT_TRUE(verification.Step().ok());
    }
    Request request;
    request.kind = Request::Kind::kTruncateBefore;
    request.token = 1'000'000;
    request.stream = log.engine().HandleOf("orders");
    request.sequence = 50;
    log.state().inbox.Submit(std::move(request));
    ASSERT_TRUE(log.Await(1'000'000).status.ok());
    for (const std::string& data : Payloads(40, 1000)) {
      ASSERT_TRUE(log.Append("orders", data).status.ok());
    }
    log.Settle();
    ASSERT_GT(log.engine().GetStats().segments_recycled, 0u);
    const Verified verified = Finish(&verification);
    ASSERT_TRUE(verified.status.ok()) << verified.status.ToString();
    ASSERT_TRUE(verified.report.damage.empty())
        << at << ": " << verified.report.damage.listed.front().what;
    EXPECT_EQ(verified.progress.bytes_done, verified.progress.bytes_total);
    EXPECT_EQ(verified.progress.segments_done, verified.progress.segments_total);
  }
}

TEST(VerifyTest, BothFilesOfTheCatalogueAreChecked) {
  const RestingLog resting = SealedLog();
  for (const char* path : {kCatalogPath, kCatalogCopyPath}) {
    const std::uint64_t size = resting.image.SizeOf(path);
    DiskImage image = resting.image;
    image.FlipBit(path, size - 1, 7);
    Damage expected;
    expected.file = path;
    expected.bytes = size;
    expected.what = "catalogue: wrong checksum";
    ExpectOne(DamageIn(image), expected);
    image = resting.image;
    image.Resize(path, size - 8);
    expected.bytes = size - 8;
    expected.what = "catalogue: not as long as it says";
    ExpectOne(DamageIn(image), expected);
    image = resting.image;
    image.Remove(path);
    expected.bytes = 0;
    expected.what = "no such file";
    ExpectOne(DamageIn(image), expected);
  }
}

TEST(VerifyTest, ACatalogueThatFellBehindOrIsAnotherLogsIsNamed) {
  const RestingLog resting = SealedLog();
  for (const char* path : {kCatalogPath, kCatalogCopyPath}) {
    format::Catalog catalog = test::CatalogIn(resting.image);
    const auto stored = [&] {
      DiskImage image = resting.image;
      AlignedBuffer encoded;
      format::EncodeCatalog(catalog, &encoded);
      image.PutFile(path, encoded.bytes());
      return DamageIn(image);
    };
    --catalog.snapshot_number;  // What a crash between the two leaves.
    EXPECT_TRUE(stored().empty());
    --catalog.snapshot_number;
    const std::vector<Damage> older = stored();
    ASSERT_EQ(older.size(), 1u);
    EXPECT_EQ(older[0].file, path);
    catalog.log_uuid[3] ^= std::byte{1};
    const std::vector<Damage> foreign = stored();
    ASSERT_EQ(foreign.size(), 1u);
    EXPECT_EQ(foreign[0].what, "the catalogue is another log's");
  }
}

TEST(VerifyTest, AnErrorOfTheSystemEndsItAndIsNoDamage) {
  const RestingLog resting = SealedLog();
  for (const char* prefix : {"CATALOG", "streams/"}) {
    OpenedImage opened(resting.image, ReadOnly(QuietOptions()));
    opened.disk->Inject({.kind = test::FaultKind::kRead,
                         .error_number = EIO,
                         .sticky = true,
                         .path_prefix = prefix});
    const Verified verified = Verify(&opened.log);
    EXPECT_EQ(verified.status.code(), Code::kIoError) << verified.status.ToString();
    EXPECT_TRUE(verified.report.damage.empty());
  }
}

TEST(VerifyTest, AnErrorOfTheSystemBehindDamageEndsItToo) {
  const RestingLog resting = SealedLog();
  DiskImage image = resting.image;
  image.FlipBit(resting.PathOf(0), resting.FrameOffset(0, 3), 0);
  OpenedImage opened(image, ReadOnly(QuietOptions()));
  // The header page, the piece with the bad frame, and then the search.
  opened.disk->Inject(
      {.kind = test::FaultKind::kRead, .nth = 3, .error_number = EIO, .path_prefix = "streams/"});
  EXPECT_EQ(Verify(&opened.log).status.code(), Code::kIoError);
  EXPECT_EQ(opened.disk->faults_met(), 1u);
}

TEST(VerifyTest, BytesThatNothingHasAreNamedInALogThatSkipsCorruption) {
  SimulatedDisk disk;
  DiskImage image;
  std::string journal;
  std::vector<test::StoredBlock> blocks;
  {
    EngineHarness log(&disk);
    ASSERT_TRUE(log.Open().ok());
    for (const std::string& data : Payloads(10, 500)) {
      ASSERT_TRUE(log.Append("orders", data).status.ok());
    }
    log.Settle();
    image = disk.CurrentImage();
    journal = test::LastJournal(image);
    blocks = test::BlocksIn(image, journal);
  }
  // The block with the fourth record; the first one's commit also creates the stream.
  image.FlipBit(journal, blocks.at(3).offset + 200, 0);
  Options options = ReadOnly(QuietOptions());
  options.skip_corruption = true;
  OpenedImage opened(image, options);
  ASSERT_FALSE(opened.log.report().damage.empty());
  const Verified verified = Verify(&opened.log);
  ASSERT_TRUE(verified.status.ok()) << verified.status.ToString();
  ASSERT_EQ(verified.report.damage.listed.size(), 1u);
  EXPECT_EQ(verified.report.damage.listed[0].first_sequence, 4u);
  EXPECT_EQ(verified.report.damage.listed[0].last_sequence, 4u);
  EXPECT_EQ(verified.report.records, 9u);
}

TEST(VerifyTest, MoreDamageThanTheBoundIsCounted) {
  DamageList list;
  for (std::size_t i = 0; i < kDamageListedMax + 5; ++i) list.Add(Damage());
  EXPECT_EQ(list.listed.size(), kDamageListedMax);
  EXPECT_EQ(list.omitted, 5u);
  DamageList other;
  other.Add(Damage());
  list.Add(std::move(other));
  EXPECT_EQ(list.omitted, 6u);
}

}  // namespace
}  // namespace seglog::log
