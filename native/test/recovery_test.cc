// SPDX-License-Identifier: MIT
// The recovery table of docs/durability.md: each row produced on a simulated disk, its decision
// checked. What opening must never do is checked with it: lose what was acknowledged, or change a
// damaged log.
#include "log/recovery.h"

#include <gtest/gtest.h>

#include "format/frame.h"
#include "format/key_name.h"
#include "log/catalog_store.h"
#include "test/support/engine_harness.h"

namespace seglog::log {
namespace {

using test::BlocksIn;
using test::BusyOptions;
using test::CatalogIn;
using test::DiskImage;
using test::EngineHarness;
using test::LastJournal;
using test::Payloads;
using test::QuietOptions;
using test::SimulatedDisk;
using Strings = std::vector<std::string>;

std::uint64_t Row(const RecoveryReport& report, RecoveryRow row) {
  return report.rows[static_cast<std::size_t>(row)];
}

// An image, opened: a disk of its own and an engine on it.
struct Opened {
  explicit Opened(const DiskImage& image, const Options& options = QuietOptions())
      : disk(SimulatedDisk::FromImage(image)), log(disk.get(), options), status(log.Open()) {}

  const RecoveryReport& report() const { return log.report(); }

  std::unique_ptr<SimulatedDisk> disk;
  EngineHarness log;
  Status status;
};

Options TolerantOptions() {
  Options options = QuietOptions();
  options.read_only = true;
  options.skip_corruption = true;
  return options;
}

// A log with three acknowledged records and, where asked, the mark that makes them undoubted.
DiskImage SmallLog(bool marked = true, bool closed = false) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  EXPECT_TRUE(log.Open().ok());
  for (const char* data : {"one", "two", "three"})
    EXPECT_TRUE(log.Append("orders", data).status.ok());
  if (marked) log.Settle();
  if (closed) {
    EXPECT_TRUE(log.Close().ok());
  }
  return disk.CurrentImage();  // The block that carries the mark is not synced.
}
const Strings kSmallLog{"one", "two", "three"};

void Overwrite(DiskImage* image, const std::string& path, std::uint64_t offset) {
  image->Overwrite(path, offset, std::vector<std::byte>(16, std::byte{0xA5}));
}

// Opening fails, says where, and neither this nor another try changes anything.
RecoveryReport ExpectCorrupt(const DiskImage& image, RecoveryRow row, const std::string& file,
                             std::uint64_t offset) {
  RecoveryReport report;
  for (int attempt = 0; attempt < 2; ++attempt) {
    Opened opened(image);
    EXPECT_EQ(opened.status.code(), Code::kCorrupt) << opened.status.ToString();
    EXPECT_EQ(opened.disk->CurrentImage().Hash(), image.Hash()) << "a damaged log was changed";
    report = opened.report();
    EXPECT_EQ(report.status, RecoveryStatus::kCorrupt);
    EXPECT_EQ(Row(report, row), 1u) << RecoveryRowName(row);
    EXPECT_EQ(report.damage.size(), 1u);
    if (report.damage.empty()) continue;
    EXPECT_EQ(report.damage.front().file, file);
    EXPECT_EQ(report.damage.front().offset, offset);
    EXPECT_FALSE(report.damage.front().what.empty());
    EXPECT_TRUE(report.changes.empty());
  }
  return report;
}

// Opening succeeds with all of `expected`, and so does the next opening, which finds nothing odd.
void ExpectAll(const DiskImage& image, RecoveryStatus status, RecoveryRow row,
               const Strings& expected) {
  Opened opened(image);
  ASSERT_TRUE(opened.status.ok()) << opened.status.ToString();
  EXPECT_EQ(opened.report().status, status) << RecoveryStatusName(opened.report().status);
  EXPECT_EQ(Row(opened.report(), row), 1u) << RecoveryRowName(row);
  EXPECT_TRUE(opened.report().damage.empty());
  EXPECT_EQ(opened.log.Data("orders"), expected);
  const Completion next = opened.log.Append("orders", "next");
  ASSERT_TRUE(next.status.ok()) << next.status.ToString();
  EXPECT_EQ(next.sequence, expected.size() + 1);
  Opened again(opened.disk->DurableImage());
  ASSERT_TRUE(again.status.ok()) << again.status.ToString();
  EXPECT_EQ(again.report().status, RecoveryStatus::kRecovered);
  EXPECT_EQ(Row(again.report(), RecoveryRow::kCatalogBoth), 1u);
  Strings with_next = expected;
  with_next.push_back("next");
  EXPECT_EQ(again.log.Data("orders"), with_next);
}

TEST(RecoveryTest, AnEmptyDirectoryBecomesANewLog) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  ASSERT_TRUE(log.Open().ok());
  EXPECT_EQ(log.report().status, RecoveryStatus::kNew);
  EXPECT_EQ(Row(log.report(), RecoveryRow::kNoLog), 1u);
  EXPECT_EQ(log.report().next_lsn, 1u);
  const DiskImage image = disk.DurableImage();
  EXPECT_EQ(CatalogIn(image, "CATALOG"), CatalogIn(image, "CATALOG.copy"));
  ExpectAll(image, RecoveryStatus::kRecovered, RecoveryRow::kWalkEndUntouched, {});
}

TEST(RecoveryTest, ALogWhoseMakingWasCutShortAnywhereIsMadeAnewOrOpens) {
  std::uint64_t made_anew = 0;
  for (std::uint64_t call = 1;; ++call) {
    SimulatedDisk disk;
    disk.CrashAt(call, test::CutEffect::kWhole);
    if (EngineHarness log(&disk); log.Open().ok()) break;
    for (const DiskImage& image : disk.Images({.seed = call, .bound = 24})) {
      Opened opened(image);
      ASSERT_TRUE(opened.status.ok()) << call << " " << image.note() << opened.status.ToString();
      made_anew += Row(opened.report(), RecoveryRow::kNoLog);
      ASSERT_TRUE(opened.log.Append("orders", "one").status.ok());
      Opened again(opened.disk->DurableImage());
      ASSERT_TRUE(again.status.ok());
      ASSERT_EQ(again.log.Data("orders"), Strings{"one"});
    }
  }
  EXPECT_GT(made_anew, 20u);
}

TEST(RecoveryTest, TwoEqualCatalogsAreUsedAsTheyAre) {
  ExpectAll(SmallLog(), RecoveryStatus::kRecovered, RecoveryRow::kCatalogBoth, kSmallLog);
}

TEST(RecoveryTest, OfTwoCatalogsTheNewerIsUsed) {
  std::uint64_t differing = 0;
  for (std::uint64_t call = 1;; ++call) {
    SimulatedDisk disk;
    EngineHarness log(&disk);
    ASSERT_TRUE(log.Open().ok());
    for (const std::string& data : kSmallLog) ASSERT_TRUE(log.Append("orders", data).status.ok());
    disk.CrashAt(call, test::CutEffect::kWhole);
    if (log.Close().ok()) break;
    const DiskImage image = disk.DurableImage();
    if (CatalogIn(image, "CATALOG") == CatalogIn(image, "CATALOG.copy")) continue;
    ++differing;
    // The newer one was written when the log was closed: it is the one that says so.
    ExpectAll(image, RecoveryStatus::kClean, RecoveryRow::kCatalogNewer, kSmallLog);
  }
  EXPECT_GT(differing, 0u);
}

TEST(RecoveryTest, WithOneCatalogDamagedOrMissingTheOtherIsUsedAndBothAreWrittenAgain) {
  for (const std::string path : {"CATALOG", "CATALOG.copy"}) {
    for (const bool removed : {false, true}) {
      DiskImage image = SmallLog();
      if (removed) {
        image.Remove(path);
      } else {
        image.FlipBit(path, 100, 3);
      }
      Opened opened(image);
      ASSERT_TRUE(opened.status.ok()) << opened.status.ToString();
      EXPECT_EQ(Row(opened.report(), RecoveryRow::kCatalogOneBad), 1u);
      ASSERT_FALSE(opened.report().changes.empty());
      EXPECT_EQ(opened.report().changes.front().find(path + " "), 0u)
          << opened.report().changes.front();
      EXPECT_EQ(opened.log.Data("orders"), kSmallLog);
      const DiskImage after = opened.disk->DurableImage();
      EXPECT_EQ(CatalogIn(after, "CATALOG"), CatalogIn(after, "CATALOG.copy"));
      ExpectAll(image, RecoveryStatus::kRecovered, RecoveryRow::kCatalogOneBad, kSmallLog);
    }
  }
}

TEST(RecoveryTest, WithBothCatalogsDamagedTheLogIsCorrupt) {
  DiskImage image = SmallLog();
  Overwrite(&image, kCatalogPath, 32);
  Overwrite(&image, kCatalogCopyPath, 32);
  ExpectCorrupt(image, RecoveryRow::kCatalogNoneValid, kCatalogPath, 0);
  // Without a catalogue there is nothing that reading around the damage could begin with.
  Opened tolerant(image, TolerantOptions());
  EXPECT_EQ(tolerant.status.code(), Code::kCorrupt);
}

TEST(RecoveryTest, WithoutACatalogAJournalThatHoldsCommitsIsCorrupt) {
  DiskImage image = SmallLog();
  image.Remove(kCatalogPath);
  image.Remove(kCatalogCopyPath);
  ExpectCorrupt(image, RecoveryRow::kCatalogMissing, kCatalogPath, 0);
}

TEST(RecoveryTest, WithoutACatalogAFileOfAStreamIsCorrupt) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BusyOptions());
  ASSERT_TRUE(log.Open().ok());
  for (const std::string& data : Payloads(20, 1000))
    ASSERT_TRUE(log.Append("orders", data).status.ok());
  log.Settle();
  DiskImage image = disk.DurableImage();
  ASSERT_FALSE(image.Files("streams/").empty());
  for (const std::string& path : image.Files()) {
    if (!path.starts_with("streams/")) image.Remove(path);
  }
  ExpectCorrupt(image, RecoveryRow::kCatalogMissing, kCatalogPath, 0);
}

TEST(RecoveryTest, ADamagedJournalHeaderIsReplacedByItsCopy) {
  DiskImage image = SmallLog();
  Overwrite(&image, LastJournal(image), 24);
  ExpectAll(image, RecoveryStatus::kRecovered, RecoveryRow::kJournalHeaderCopy, kSmallLog);
}

TEST(RecoveryTest, AJournalFileWithBothHeadersDamagedIsCorrupt) {
  DiskImage image = SmallLog();
  const std::string journal = LastJournal(image);
  Overwrite(&image, journal, 24);
  Overwrite(&image, journal, kPageBytes + 24);
  ExpectCorrupt(image, RecoveryRow::kJournalHeaderBad, journal, 0);
  Opened tolerant(image, TolerantOptions());
  ASSERT_TRUE(tolerant.status.ok()) << tolerant.status.ToString();
  EXPECT_EQ(tolerant.report().status, RecoveryStatus::kCorrupt);
  EXPECT_EQ(tolerant.report().damage.front().file, journal);
  EXPECT_EQ(tolerant.log.Data("orders"), Strings{});
}

TEST(RecoveryTest, AJournalFileOfAnotherLogIsCorrupt) {
  DiskImage image = SmallLog();
  const std::string journal = LastJournal(image);
  format::JournalHeader header = test::JournalHeaderIn(image, journal);
  header.identity.log_uuid[0] ^= std::byte{1};
  std::vector<std::byte> page(kPageBytes);
  format::EncodeJournalHeader(header, page);
  image.Overwrite(journal, 0, page);
  ExpectCorrupt(image, RecoveryRow::kJournalHeaderBad, journal, 0);
}

TEST(RecoveryTest, AMissingFirstJournalFileIsCorrupt) {
  DiskImage image = SmallLog();
  const std::string journal = LastJournal(image);
  image.Remove(journal);
  ExpectCorrupt(image, RecoveryRow::kJournalStartMissing, journal, 0);
  Opened tolerant(image, TolerantOptions());
  ASSERT_TRUE(tolerant.status.ok()) << tolerant.status.ToString();
  EXPECT_EQ(tolerant.report().status, RecoveryStatus::kCorrupt);
}

TEST(RecoveryTest, WhatAMissingJournalFileHeldIsReportedAndTheRestIsRead) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  ASSERT_TRUE(log.Open().ok());
  const Strings payloads = Payloads(50, 8000);
  for (const std::string& data : payloads) ASSERT_TRUE(log.Append("orders", data).status.ok());
  ASSERT_TRUE(log.Append("other", "late").status.ok());
  DiskImage image = disk.DurableImage();
  const Strings journals = image.Files("journal/");
  ASSERT_GE(journals.size(), 2u);
  image.Remove(journals.front());
  Opened tolerant(image, TolerantOptions());
  ASSERT_TRUE(tolerant.status.ok()) << tolerant.status.ToString();
  EXPECT_EQ(tolerant.report().status, RecoveryStatus::kCorrupt);
  EXPECT_EQ(tolerant.report().damage.front().file, journals.front());
  // "orders" began in the file that is gone: nothing says where its records belong. "other" did
  // not.
  EXPECT_EQ(tolerant.log.Data("other"), Strings{"late"});
  EXPECT_EQ(tolerant.log.Data("orders"), Strings{});
}

TEST(RecoveryTest, TheWalkGoesOnInTheNextJournalFile) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  ASSERT_TRUE(log.Open().ok());
  const Strings payloads = Payloads(50, 8000);
  for (const std::string& data : payloads) ASSERT_TRUE(log.Append("orders", data).status.ok());
  const DiskImage image = disk.DurableImage();
  ASSERT_GE(BlocksIn(image, LastJournal(image)).size(), 1u);
  ASSERT_GE(image.Files("journal/").size(), 2u);
  ExpectAll(image, RecoveryStatus::kRecovered, RecoveryRow::kWalkNextFile, payloads);
}

TEST(RecoveryTest, WhereNothingLiesBehindTheLastBlockNothingIsCutOff) {
  ExpectAll(SmallLog(/*marked=*/false), RecoveryStatus::kRecovered, RecoveryRow::kWalkEndUntouched,
            kSmallLog);
  Opened opened(SmallLog(/*marked=*/false));
  EXPECT_FALSE(opened.report().may_have_been_acknowledged);
  EXPECT_EQ(opened.report().torn_bytes, 0u);
  EXPECT_EQ(opened.report().lost_lsn_first, 0u);
  EXPECT_EQ(opened.report().next_lsn, 4u);
  EXPECT_EQ(opened.report().records_replayed, 3u);
}

TEST(RecoveryTest, ADamagedLastBlockAboveTheMarkIsATornTailAndIsCutOff) {
  const DiskImage whole = SmallLog(/*marked=*/false);
  const std::string journal = LastJournal(whole);
  const std::uint64_t last = BlocksIn(whole, journal).back().offset;
  for (const std::size_t at : {std::size_t{0}, std::size_t{40}, format::kCommitHeaderBytes + 12}) {
    DiskImage image = whole;
    image.FlipBit(journal, last + at, 5);
    Opened opened(image);
    ASSERT_TRUE(opened.status.ok()) << opened.status.ToString();
    EXPECT_EQ(opened.report().torn_file, journal);
    EXPECT_EQ(opened.report().torn_offset, last);
    EXPECT_GT(opened.report().torn_bytes, 0u);
    EXPECT_TRUE(opened.report().may_have_been_acknowledged);
    EXPECT_EQ(opened.report().void_commits, 0u);
    // The last block's mark is known as long as its header is sound.
    EXPECT_EQ(opened.report().durable_commit, at > format::kCommitHeaderBytes ? 2u : 1u);
    EXPECT_EQ(opened.report().last_commit, 2u);
    ExpectAll(image, RecoveryStatus::kTornTail, RecoveryRow::kWalkEndTorn, {"one", "two"});
  }
}

TEST(RecoveryTest, ACutInTheMiddleOfACommitLosesNothingThatWasAcknowledged) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  ASSERT_TRUE(log.Open().ok());
  for (const std::string& data : kSmallLog) ASSERT_TRUE(log.Append("orders", data).status.ok());
  disk.CrashAt(1, test::CutEffect::kWhole);
  EXPECT_EQ(log.Append("orders", std::string(10'000, 'x')).status.code(), Code::kFailed);
  std::uint64_t torn = 0;
  std::uint64_t whole = 0;
  for (const DiskImage& image : disk.Images({.seed = 3, .bound = 64})) {
    Opened opened(image);
    ASSERT_TRUE(opened.status.ok()) << image.note() << ": " << opened.status.ToString();
    Strings found = opened.log.Data("orders");
    torn += Row(opened.report(), RecoveryRow::kWalkEndTorn);
    if (found.size() == 4) {
      ++whole;
      EXPECT_EQ(found.back().size(), 10'000u);
      found.pop_back();
    }
    EXPECT_EQ(found, kSmallLog) << image.note();
  }
  EXPECT_GT(torn, 10u);
  EXPECT_GT(whole, 0u);
}

TEST(RecoveryTest, WholeBlocksBehindATornOneAreCutOffAndNeverComeBack) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Append("orders", "one").status.ok());
  ASSERT_TRUE(
      log.Append("orders", "two", Durability::kOs).status.ok());  // Synced: it reserves LSNs.
  ASSERT_TRUE(log.Append("orders", "three", Durability::kOs).status.ok());
  ASSERT_TRUE(log.Append("orders", "four", Durability::kOs).status.ok());
  DiskImage image = disk.CurrentImage();
  const std::string journal = LastJournal(image);
  const auto blocks = BlocksIn(image, journal);
  ASSERT_EQ(blocks.size(), 4u);
  ASSERT_EQ(blocks.back().header.mark, 2u);
  image.FlipBit(journal, blocks[2].offset + 8, 0);
  Opened opened(image);
  ASSERT_TRUE(opened.status.ok()) << opened.status.ToString();
  const RecoveryReport& report = opened.report();
  EXPECT_EQ(report.status, RecoveryStatus::kTornTail);
  EXPECT_EQ(report.torn_offset, blocks[2].offset);
  EXPECT_EQ(report.void_commits, 1u);
  EXPECT_EQ(report.void_records, 1u);
  EXPECT_EQ(report.void_first_lsn, 4u);
  EXPECT_EQ(report.void_last_lsn, 4u);
  // The damaged commit may have reserved LSNs of its own, and any of them may have been shown.
  const std::uint64_t next_lsn = blocks[3].header.lsn_limit + kLsnReserveLimit;
  EXPECT_EQ(report.next_lsn, next_lsn);
  EXPECT_EQ(report.lost_lsn_first, 3u);
  EXPECT_EQ(report.lost_lsn_last, next_lsn - 1);
  ExpectAll(image, RecoveryStatus::kTornTail, RecoveryRow::kWalkEndVoid, {"one", "two"});
}

TEST(RecoveryTest, ADamagedBlockAtOrBelowTheMarkIsCorruptAndNothingIsChanged) {
  const DiskImage whole = SmallLog();
  const std::string journal = LastJournal(whole);
  const auto blocks = BlocksIn(whole, journal);
  ASSERT_EQ(blocks.size(), 4u);  // Three appends and the mark.
  for (std::size_t i = 0; i < 3; ++i) {
    for (const std::size_t at : {std::size_t{24}, format::kCommitHeaderBytes + 12}) {
      DiskImage image = whole;
      image.FlipBit(journal, blocks[i].offset + at, 2);
      const RecoveryReport report =
          ExpectCorrupt(image, RecoveryRow::kWalkBelowMark, journal, blocks[i].offset);
      ASSERT_EQ(report.damage.size(), 1u);
      // Nothing says where the very first block began but its own header.
      const bool first_known = i > 0 || at > format::kCommitHeaderBytes;
      EXPECT_EQ(report.damage.front().first_lsn, first_known ? i + 1 : 0);
      EXPECT_EQ(report.damage.front().last_lsn, i + 1);
      EXPECT_EQ(report.damage.front().bytes, kPageBytes);
    }
  }
  // Above the mark lies only the mark block itself.
  DiskImage image = whole;
  image.FlipBit(journal, blocks[3].offset + 24, 2);
  ExpectAll(image, RecoveryStatus::kTornTail, RecoveryRow::kWalkEndTorn, kSmallLog);
}

TEST(RecoveryTest, ReadingAroundADamagedBlockGivesWhatIsSoundAndNamesWhatIsNot) {
  DiskImage image = SmallLog();
  const std::string journal = LastJournal(image);
  const auto blocks = BlocksIn(image, journal);
  image.FlipBit(journal, blocks[1].offset + format::kCommitHeaderBytes + 12, 2);
  Opened tolerant(image, TolerantOptions());
  ASSERT_TRUE(tolerant.status.ok()) << tolerant.status.ToString();
  EXPECT_EQ(tolerant.report().status, RecoveryStatus::kCorrupt);
  const test::Found refused = tolerant.log.Read("orders");
  EXPECT_EQ(refused.status.code(), Code::kCorrupt);
  EXPECT_EQ(refused.data, Strings{"one"});
  const test::Found found = tolerant.log.Read("orders", {.skip_corruption = true});
  EXPECT_TRUE(found.status.ok()) << found.status.ToString();
  EXPECT_EQ(found.data, (Strings{"one", "three"}));
  EXPECT_EQ(found.sequences, (std::vector<std::uint64_t>{1, 3}));
  EXPECT_EQ(found.lsns, (std::vector<std::uint64_t>{1, 3}));
  ASSERT_EQ(found.damage.size(), 1u);
  EXPECT_EQ(found.damage.front().key, "orders");
  EXPECT_EQ(found.damage.front().first_sequence, 2u);
  EXPECT_EQ(found.damage.front().last_sequence, 2u);
  EXPECT_EQ(tolerant.disk->CurrentImage().Hash(), image.Hash());
}

// Adds a block that is valid as bytes, with one frame of one record.
void AppendForgedBlock(DiskImage* image, std::uint64_t offset_error, std::uint64_t sequence_error) {
  const std::string journal = LastJournal(*image);
  const format::JournalIdentity identity = test::JournalHeaderIn(*image, journal).identity;
  const test::StoredBlock last = BlocksIn(*image, journal).back();
  Opened opened(*image);
  Stream& stream = opened.log.state().table.at(opened.log.engine().HandleOf("orders"));
  const format::CatalogSegment row = stream.open_segment()->row;
  format::FrameItem item{.stream_id = stream.id,
                         .segment_id = row.id,
                         .segment_offset = row.end + offset_error,
                         .first_lsn = last.header.lsn_limit,
                         .first_sequence = row.next_sequence + sequence_error};
  format::CommitBlockBuilder builder;
  builder.Begin(item.first_lsn);
  builder.BeginFrame();
  format::FrameBodyBuilder body;
  body.Begin(item.segment_id, item.segment_offset + format::kFrameHeaderBytes, false,
             builder.buffer());
  body.Add({.data = AsBytes("forged")});
  format::FrameHeader header;
  body.Finish(&header);
  item.record_count = header.record_count;
  item.flags = header.flags;
  builder.EndFrame(item);
  const std::uint64_t offset = last.offset + last.header.block_bytes();
  image->Overwrite(journal, offset,
                   builder.Finish({.commit = last.header.commit + 1,
                                   .mark = last.header.commit - 1,
                                   .lsn_limit = item.first_lsn + 1,
                                   .time_us = last.header.time_us},
                                  identity, offset));
}

TEST(RecoveryTest, ABlockThatFitsTheCatalogIsAccepted) {
  DiskImage image = SmallLog();
  AppendForgedBlock(&image, 0, 0);
  ExpectAll(image, RecoveryStatus::kRecovered, RecoveryRow::kWalkEndUntouched,
            {"one", "two", "three", "forged"});
}

TEST(RecoveryTest, AWholeBlockThatContradictsTheCatalogIsCorrupt) {
  for (const bool wrong_offset : {true, false}) {
    DiskImage image = SmallLog();
    AppendForgedBlock(&image, wrong_offset ? 8 : 0, wrong_offset ? 0 : 1);
    const std::string journal = LastJournal(image);
    const std::uint64_t offset = BlocksIn(image, journal).back().offset;
    ExpectCorrupt(image, RecoveryRow::kItemContradiction, journal, offset);
    Opened tolerant(image, TolerantOptions());
    ASSERT_TRUE(tolerant.status.ok()) << tolerant.status.ToString();
    const Strings found = tolerant.log.Read("orders", {.skip_corruption = true}).data;
    ASSERT_GE(found.size(), kSmallLog.size());
    EXPECT_EQ(Strings(found.begin(), found.begin() + 3), kSmallLog);
  }
}

TEST(RecoveryTest, BytesThatNeitherTheSegmentNorTheJournalHoldsAreCorrupt) {
  DiskImage image = SmallLog(/*marked=*/true, /*closed=*/true);
  format::Catalog catalog = CatalogIn(image);
  format::CatalogSegment& row = catalog.streams.front().segments.front();
  const std::uint64_t end = row.end;
  row.end += 80;
  row.next_sequence = ++catalog.streams.front().next_sequence;
  test::PutCatalogs(&image, catalog);
  const RecoveryReport report =
      ExpectCorrupt(image, RecoveryRow::kBytesMissing, test::SegmentPathOf("orders", row), end);
  ASSERT_EQ(report.damage.size(), 1u);
  EXPECT_EQ(report.damage.front().key, "orders");
  EXPECT_EQ(report.damage.front().bytes, 80u);
  Opened tolerant(image, TolerantOptions());
  ASSERT_TRUE(tolerant.status.ok()) << tolerant.status.ToString();
  EXPECT_EQ(tolerant.report().status, RecoveryStatus::kCorrupt);
  const test::Found found = tolerant.log.Read("orders", {.skip_corruption = true});
  EXPECT_EQ(found.data, kSmallLog);
  ASSERT_EQ(found.damage.size(), 1u);
  EXPECT_EQ(found.damage.front().first_sequence, 4u);
}

TEST(RecoveryTest, ReadingAroundDamageIsOnlyForReaders) {
  Options options = TolerantOptions();
  options.read_only = false;
  const DiskImage image = SmallLog();
  Opened opened(image, options);
  EXPECT_EQ(opened.status.code(), Code::kInvalidArgument);
  EXPECT_EQ(opened.disk->CurrentImage().Hash(), image.Hash());
}

TEST(RecoveryTest, ARecoveryThatIsCutShortAnywhereIsDoneAgainWithTheSameResult) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BusyOptions());
  ASSERT_TRUE(log.Open().ok());
  const Strings payloads = Payloads(30, 700);
  for (const std::string& data : payloads) ASSERT_TRUE(log.Append("orders", data).status.ok());
  const DiskImage image = disk.DurableImage();
  for (std::uint64_t call = 1;; ++call) {
    const auto inner = SimulatedDisk::FromImage(image);
    inner->CrashAt(call, test::CutEffect::kWhole);
    EngineHarness first(inner.get(), BusyOptions());
    if (first.Open().ok()) break;
    for (const DiskImage& left : inner->Images({.seed = call, .bound = 12})) {
      Opened opened(left, BusyOptions());
      ASSERT_TRUE(opened.status.ok()) << left.note() << opened.status.ToString();
      ASSERT_EQ(opened.report().damage.size(), 0u);
      ASSERT_EQ(opened.log.Data("orders"), payloads);
    }
  }
}

TEST(RecoveryTest, ALogOfAnUnknownVersionIsRefusedByNameAndNothingIsChanged) {
  const std::vector<std::byte> version{std::byte{2}};
  DiskImage catalogs = SmallLog();
  catalogs.Overwrite(kCatalogPath, 8, version);
  catalogs.Overwrite(kCatalogCopyPath, 8, version);
  DiskImage journal = SmallLog();
  const std::string path = LastJournal(journal);
  journal.Overwrite(path, 8, version);
  journal.Overwrite(path, kPageBytes + 8, version);
  for (const auto& [image, file] :
       {std::pair(catalogs, std::string(kCatalogPath)), std::pair(journal, path)}) {
    Opened opened(image);
    EXPECT_EQ(opened.status.code(), Code::kFormatUnsupported) << opened.status.ToString();
    EXPECT_EQ(opened.status.path(), file);
    EXPECT_EQ(opened.disk->CurrentImage().Hash(), image.Hash());
  }
}

TEST(RecoveryTest, CreateModesDecideWhetherALogMustOrMayNotExist) {
  const DiskImage existing = SmallLog();
  const DiskImage empty;
  Options options = QuietOptions();
  options.create = CreateMode::kNew;
  EXPECT_EQ(Opened(existing, options).status.code(), Code::kExists);
  EXPECT_TRUE(Opened(empty, options).status.ok());
  options.create = CreateMode::kNever;
  EXPECT_EQ(Opened(empty, options).status.code(), Code::kNotFound);
  EXPECT_TRUE(Opened(existing, options).status.ok());
}

TEST(RecoveryTest, ADirectoryThatHoldsSomethingElseIsNotALog) {
  DiskImage image;
  image.PutFile("notes.txt", AsBytes("mine"));
  Opened opened(image);
  EXPECT_EQ(opened.status.code(), Code::kNotALog);
  EXPECT_EQ(opened.disk->CurrentImage().Hash(), image.Hash());
}

TEST(RecoveryTest, AReadOnlyOpeningReadsTheSameAndWritesNothing) {
  const DiskImage image = SmallLog(/*marked=*/false);
  Options options = QuietOptions();
  options.read_only = true;
  Opened opened(image, options);
  ASSERT_TRUE(opened.status.ok()) << opened.status.ToString();
  EXPECT_EQ(opened.log.Data("orders"), kSmallLog);
  EXPECT_EQ(opened.disk->CurrentImage().Hash(), image.Hash());
  EXPECT_EQ(opened.disk->calls(), 0u);
}

TEST(RecoveryTest, AWallClockBehindTheStoredTimeOrFarAheadOfItIsReportedAndNotFollowed) {
  const DiskImage image = SmallLog();
  const std::uint64_t stored = test::SimulatedClock::kWallDefault;
  const auto disk = SimulatedDisk::FromImage(image);
  {
    EngineHarness behind(disk.get());
    behind.clock().SetWall(stored - 1'000'000'000);
    ASSERT_TRUE(behind.Open().ok());
    EXPECT_TRUE(behind.report().clock_behind);
    EXPECT_GE(behind.state().log_clock.Now(), stored);
  }
  EngineHarness ahead(disk.get());
  ahead.clock().SetWall(stored + 2 * kClockFarAheadUs);
  ASSERT_TRUE(ahead.Open().ok());
  EXPECT_TRUE(ahead.report().clock_far_ahead);
  EXPECT_LT(ahead.state().log_clock.Now(), stored + 1'000'000);
}

}  // namespace
}  // namespace seglog::log
