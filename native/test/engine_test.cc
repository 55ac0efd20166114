// SPDX-License-Identifier: MIT
// What the engine does, one behaviour after the other, its loops stepped by hand on a simulated
// disk.
#include "log/engine.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "format/key_name.h"
#include "hash/sha256.h"
#include "test/support/engine_harness.h"

namespace seglog::log {
namespace {

using test::BlocksIn;
using test::BusyOptions;
using test::DiskImage;
using test::EngineHarness;
using test::FaultKind;
using test::LastJournal;
using test::Payloads;
using test::QuietOptions;
using test::SimulatedDisk;
using Strings = std::vector<std::string>;
using Numbers = std::vector<std::uint64_t>;

// A disk and a log on it; Reopen is what a killed process finds.
class EngineTest : public testing::Test {
 protected:
  EngineHarness& Open(const Options& options = QuietOptions()) {
    log_.reset();
    log_ = std::make_unique<EngineHarness>(&disk_, options);
    opened_ = log_->Open();
    EXPECT_TRUE(opened_.ok()) << opened_.ToString();
    return *log_;
  }

  Stats StatsNow() { return log_->engine().GetStats(); }
  Stream& StreamOf(const std::string& key) {
    return log_->state().table.at(log_->engine().HandleOf(key));
  }
  std::string PathOf(const std::string& key, std::size_t index) {
    return test::SegmentPathOf(key, StreamOf(key).segments.at(index)->row);
  }

  SimulatedDisk disk_;
  std::unique_ptr<EngineHarness> log_;
  Status opened_;
};

TEST_F(EngineTest, AMarkBlockIsWrittenFiveMillisecondsAfterTheLastAcknowledgement) {
  EngineHarness& log = Open();
  ASSERT_TRUE(log.Append("orders", "one").status.ok());
  log.clock().Advance(4'999);
  log.RunCommitter();
  EXPECT_EQ(StatsNow().mark_blocks, 0u);
  log.clock().Advance(1);
  log.RunCommitter();
  EXPECT_EQ(StatsNow().mark_blocks, 1u);
  const DiskImage image = disk_.CurrentImage();
  const auto blocks = BlocksIn(image, LastJournal(image));
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].header.mark, 0u);
  EXPECT_EQ(blocks[1].header.item_count, 0u);
  EXPECT_EQ(blocks[1].header.mark, blocks[0].header.commit);
}

TEST_F(EngineTest, AFlushThatCoveredSeveralCommitsIsMarkedAtOnce) {
  EngineHarness& log = Open();
  ASSERT_TRUE(
      log.Append("orders", "one", Durability::kOs).status.ok());  // Synced: it reserves LSNs.
  ASSERT_TRUE(log.Append("orders", "two", Durability::kOs).status.ok());
  ASSERT_TRUE(log.Append("orders", "three", Durability::kOs).status.ok());
  EXPECT_EQ(StatsNow().mark_blocks, 0u);
  ASSERT_TRUE(log.Sync().ok());
  log.RunCommitter();
  EXPECT_EQ(StatsNow().mark_blocks, 1u);
  const DiskImage image = disk_.CurrentImage();
  EXPECT_EQ(BlocksIn(image, LastJournal(image)).back().header.mark, 3u);
}

TEST_F(EngineTest, AnIdleLogWithoutNewsWritesNothing) {
  EngineHarness& log = Open();
  ASSERT_TRUE(log.Append("orders", "one").status.ok());
  log.Settle();
  const std::uint64_t calls = disk_.calls();
  for (int i = 0; i < 100; ++i) {
    log.clock().Advance(100'000);
    log.RunAll();
  }
  EXPECT_EQ(disk_.calls(), calls);
  EXPECT_EQ(log.engine().committer().WakeAt(), UINT64_MAX);
  EngineHarness& again = Open();
  const std::uint64_t calls_after_opening = disk_.calls();
  again.Settle();
  EXPECT_EQ(disk_.calls(), calls_after_opening);
}

TEST_F(EngineTest, AQuietStreamIsCarriedForwardTwiceAndThenDestagedWithAFiller) {
  EngineHarness& log = Open(BusyOptions());
  ASSERT_TRUE(log.Append("quiet", "one").status.ok());
  Segment& quiet = *StreamOf("quiet").open_segment();
  std::uint32_t carried_most = 0;
  const Strings payloads = Payloads(300, 1500);
  for (const std::string& data : payloads) {
    const Token token = log.Submit("busy", data);
    while (!log.Answered(token)) {
      log.StepCommitter();
      log.StepDestager();
      carried_most = std::max(carried_most, quiet.times_carried);
    }
  }
  log.Settle();
  EXPECT_GE(StatsNow().checkpoints, 4u);
  EXPECT_EQ(carried_most, 2u);
  EXPECT_EQ(quiet.row.end, 2 * kPageBytes);  // The record and the filler behind it.
  EXPECT_EQ(quiet.row.destaged, quiet.row.end);
  EXPECT_EQ(quiet.pending.size(), 0u);
  ASSERT_TRUE(log.Append("quiet", "two").status.ok());
  EXPECT_EQ(log.Data("quiet"), (Strings{"one", "two"}));
  EngineHarness& again = Open(BusyOptions());
  EXPECT_EQ(again.Data("quiet"), (Strings{"one", "two"}));
  EXPECT_EQ(again.Data("busy"), payloads);
}

TEST_F(EngineTest, ASegmentIsRotatedBeforeItGrowsBeyondItsBound) {
  EngineHarness& log = Open(BusyOptions());
  const Strings payloads = Payloads(100, 1000);
  for (const std::string& data : payloads) ASSERT_TRUE(log.Append("orders", data).status.ok());
  const Stream& stream = StreamOf("orders");
  EXPECT_GE(stream.segments.size(), 4u);
  for (const auto& segment : stream.segments) {
    EXPECT_LE(segment->row.end, BusyOptions().segment_bytes);
    EXPECT_GT(segment->row.end,
              segment == stream.segments.back() ? 0 : BusyOptions().segment_bytes / 2);
  }
  EXPECT_EQ(log.Data("orders"), payloads);
}

TEST_F(EngineTest, ASegmentIsRotatedByAge) {
  Options options = QuietOptions();
  options.segment_age_us = 1'000'000;
  EngineHarness& log = Open(options);
  ASSERT_TRUE(log.Append("orders", "one").status.ok());
  log.clock().Advance(999'999);
  ASSERT_TRUE(log.Append("orders", "two").status.ok());
  EXPECT_EQ(StreamOf("orders").segments.size(), 1u);
  log.clock().Advance(1);
  ASSERT_TRUE(log.Append("orders", "three").status.ok());
  EXPECT_EQ(StreamOf("orders").segments.size(), 2u);
  log.clock().SetWall(log.clock().WallMicros() + 10'000'000);  // Log time does not follow.
  ASSERT_TRUE(log.Append("orders", "four").status.ok());
  EXPECT_EQ(StreamOf("orders").segments.size(), 2u);
}

TEST_F(EngineTest, SealingByHandEndsASegmentThatHoldsSomething) {
  EngineHarness& log = Open();
  ASSERT_TRUE(log.Append("orders", "one").status.ok());
  ASSERT_TRUE(log.Await(log.Seal("orders")).status.ok());
  ASSERT_TRUE(log.Await(log.Seal("orders")).status.ok());
  ASSERT_TRUE(log.Await(log.Seal("nobody")).status.ok());
  EXPECT_EQ(StreamOf("orders").segments.size(), 2u);
  EXPECT_FALSE(StreamOf("nobody").born());
  EXPECT_EQ(log.Append("orders", "two").sequence, 2u);
  EXPECT_EQ(log.Data("orders"), (Strings{"one", "two"}));
  // Durable when answered: the second record is in the second segment after a cut.
  EXPECT_EQ(StreamOf("orders").open_segment()->row.first_sequence, 2u);
}

TEST_F(EngineTest, ASealedSegmentEndsInAFooterThatDescribesItAndContinuesTheChain) {
  EngineHarness& log = Open();
  hash::Sha256Digest chain{};
  for (int round = 0; round < 3; ++round) {
    for (const std::string& data : Payloads(40, 3000)) {
      ASSERT_TRUE(log.Append("orders", data).status.ok());
    }
    ASSERT_TRUE(log.Await(log.Seal("orders")).status.ok());
    log.Settle();
  }
  const DiskImage image = disk_.DurableImage();
  ASSERT_EQ(StreamOf("orders").segments.size(), 4u);
  for (std::size_t i = 0; i < 3; ++i) {
    const format::CatalogSegment& row = StreamOf("orders").segments[i]->row;
    ASSERT_EQ(row.state, format::SegmentState::kSealed);
    const std::vector<std::byte> file = image.ReadFile(PathOf("orders", i));
    ASSERT_EQ(file.size(), row.footer_offset + row.footer_bytes);
    const auto position =
        format::DecodeFooterTrailer(ByteSpan(file).last(format::kFooterTrailerBytes));
    ASSERT_TRUE(position.ok());
    EXPECT_EQ(position.value(), row.footer_offset);
    const auto footer =
        format::DecodeFooter(ByteSpan(file).subspan(row.footer_offset), row.id, row.footer_offset);
    ASSERT_TRUE(footer.ok()) << footer.status().ToString();
    EXPECT_EQ(footer.value().record_count, 40u);
    EXPECT_EQ(footer.value().first_sequence, 40 * i + 1);
    EXPECT_EQ(footer.value().last_sequence, 40 * i + 40);
    EXPECT_EQ(footer.value().last_lsn, 40 * i + 40);
    EXPECT_GT(footer.value().index.size(), 1u);
    hash::Sha256 content;
    content.Update(ByteSpan(file).first(row.end));
    EXPECT_EQ(footer.value().content_sha256, content.Finish());
    EXPECT_EQ(footer.value().previous_chain_sha256, chain);
    chain = format::ChainSha256(chain, footer.value().content_sha256);
    EXPECT_EQ(footer.value().chain_sha256, chain);
    EXPECT_EQ(row.chain_sha256, chain);
  }
}

TEST_F(EngineTest, ASegmentThatOnlyTheJournalCallsSealedKeepsItsFileAfterReopening) {
  EngineHarness& log = Open(BusyOptions());
  ASSERT_TRUE(log.Append("orders", "one").status.ok());
  ASSERT_TRUE(log.Await(log.Seal("orders")).status.ok());
  log.Settle();
  const format::CatalogSegment row = StreamOf("orders").segments[0]->row;
  ASSERT_EQ(row.state, format::SegmentState::kSealed);
  ASSERT_EQ(StatsNow().checkpoints, 0u);
  const std::vector<std::byte> file = disk_.DurableImage().ReadFile(PathOf("orders", 0));
  EngineHarness& again = Open(BusyOptions());
  EXPECT_EQ(StreamOf("orders").segments[0]->row, row);
  EXPECT_EQ(StreamOf("orders").segments[0]->pending.size(), 0u);
  for (const std::string& data : Payloads(100, 1500)) {
    ASSERT_TRUE(again.Append("busy", data).status.ok());
  }
  again.Settle();
  ASSERT_GE(StatsNow().checkpoints, 1u);
  EXPECT_EQ(disk_.CurrentImage().ReadFile(PathOf("orders", 0)), file);
  EXPECT_EQ(again.Data("orders"), Strings{"one"});
}

TEST_F(EngineTest, AnOsAppendIsVisibleWhenAcceptedAndAnsweredWhenWritten) {
  EngineHarness& log = Open();
  ASSERT_TRUE(log.Append("orders", "one", Durability::kOs).status.ok());
  const std::uint64_t calls = disk_.calls();
  const Token token = log.Submit("orders", "two", Durability::kOs);
  log.StepCommitter();  // Gathers.
  EXPECT_EQ(log.Data("orders"), (Strings{"one", "two"}));
  EXPECT_FALSE(log.Answered(token));
  EXPECT_EQ(disk_.calls(), calls);
  log.StepCommitter();  // Writes.
  EXPECT_EQ(disk_.calls(), calls + 1);
  EXPECT_FALSE(log.Answered(token));
  log.StepCommitter();  // Publishes.
  ASSERT_TRUE(log.Answered(token));
  EXPECT_EQ(disk_.calls(), calls + 1) << "nothing was synced";
  const DiskImage written = disk_.CurrentImage();
  const DiskImage synced = disk_.DurableImage();
  EXPECT_EQ(BlocksIn(written, LastJournal(written)).size(), 2u);
  EXPECT_EQ(BlocksIn(synced, LastJournal(synced)).size(), 1u);
}

TEST_F(EngineTest, SoManyRecordsOrBytesAreFlushedBeforeTheLastOfThemIsAnswered) {
  for (const bool by_bytes : {false, true}) {
    SimulatedDisk disk;
    Options options = QuietOptions();
    // Each commit of one record is a block of 4 KiB.
    if (by_bytes) options.sync_every_bytes = 8 * kPageBytes;
    if (!by_bytes) options.sync_every_records = 10;
    EngineHarness log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    // The first weaker append of a session waits for a flush, whatever is chosen.
    ASSERT_TRUE(log.Append("orders", "first", Durability::kOs).status.ok());
    std::uint64_t syncs = log.engine().GetStats().syncs;
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(log.Append("orders", "next", Durability::kOs).status.ok());
      const Stats stats = log.engine().GetStats();
      EXPECT_LT(stats.next_lsn - 1 - stats.durable_lsn, by_bytes ? 8u : 10u);
    }
    syncs = log.engine().GetStats().syncs - syncs;
    EXPECT_EQ(syncs, by_bytes ? 12u : 10u);
    ASSERT_TRUE(log.Sync().ok());
    // The same in one commit: those beyond the bound are answered by its flush.
    std::vector<Token> tokens;
    for (int i = 0; i < 25; ++i) tokens.push_back(log.Submit("orders", "x", Durability::kNone));
    log.StepCommitter();
    std::size_t answered = 0;
    for (const Token token : tokens) answered += log.Answered(token) ? 1 : 0;
    EXPECT_EQ(answered, by_bytes ? 25u : 9u);
    log.RunCommitter();
    for (const Token token : tokens) EXPECT_TRUE(log.Answered(token));
  }
}

TEST_F(EngineTest, WhatIsNotDurableIsFlushedWhenItIsSoOld) {
  Options options = QuietOptions();
  options.sync_every_us = 200'000;
  EngineHarness& log = Open(options);
  ASSERT_TRUE(log.Append("orders", "first", Durability::kOs).status.ok());
  log.Settle();
  ASSERT_TRUE(log.Append("orders", "one", Durability::kOs).status.ok());
  const std::uint64_t written = log.clock().BootMicros();
  EXPECT_EQ(log.engine().committer().WakeAt(), written + 200'000);
  log.clock().Advance(150'000);
  ASSERT_TRUE(log.Append("orders", "two", Durability::kOs).status.ok());
  EXPECT_EQ(StatsNow().durable_lsn, 1u);
  log.clock().Advance(50'000);
  log.RunCommitter();
  EXPECT_EQ(StatsNow().durable_lsn, 3u) << "the oldest of them counts";
  const std::uint64_t syncs = StatsNow().syncs;
  log.Settle();
  log.clock().Advance(1'000'000);
  log.RunCommitter();
  EXPECT_EQ(StatsNow().syncs, syncs) << "an idle log flushes nothing";
}

TEST_F(EngineTest, ANoneAppendIsVisibleAndAnsweredWhenAccepted) {
  EngineHarness& log = Open();
  ASSERT_TRUE(log.Append("orders", "one", Durability::kNone).status.ok());
  const std::uint64_t calls = disk_.calls();
  const Token token = log.Submit("orders", "two", Durability::kNone);
  log.StepCommitter();
  EXPECT_TRUE(log.Answered(token));
  EXPECT_EQ(log.Data("orders"), (Strings{"one", "two"}));
  EXPECT_EQ(disk_.calls(), calls);
}

TEST_F(EngineTest, ASyncAppendIsNotVisibleBeforeItIsDurable) {
  EngineHarness& log = Open();
  const Token token = log.Submit("orders", "one");
  log.StepCommitter();  // Gathers.
  log.StepCommitter();  // Writes and syncs.
  EXPECT_FALSE(log.Answered(token));
  EXPECT_EQ(log.Data("orders"), Strings{});
  EXPECT_EQ(log.Read("orders", {.accepted = true}).data, Strings{"one"});
  log.StepCommitter();  // Publishes.
  EXPECT_TRUE(log.Answered(token));
  EXPECT_EQ(log.Data("orders"), Strings{"one"});
  const DiskImage image = disk_.DurableImage();
  EXPECT_EQ(BlocksIn(image, LastJournal(image)).size(), 1u);
}

TEST_F(EngineTest, AWeakerAppendBehindASyncAppendThatIsNotDurableStaysHiddenWithIt) {
  EngineHarness& log = Open();
  ASSERT_TRUE(log.Append("orders", "one", Durability::kNone).status.ok());
  ASSERT_TRUE(log.Append("other", "one", Durability::kNone).status.ok());
  log.RunCommitter();
  const Token strict = log.Submit("orders", "two");
  const Token weak = log.Submit("orders", "three", Durability::kNone);
  const Token elsewhere = log.Submit("other", "two", Durability::kNone);
  log.StepCommitter();
  EXPECT_FALSE(log.Answered(strict));
  EXPECT_TRUE(log.Answered(weak));
  EXPECT_TRUE(log.Answered(elsewhere));
  EXPECT_EQ(log.Data("orders"), Strings{"one"});
  EXPECT_EQ(log.Data("other"), (Strings{"one", "two"}));
  EXPECT_EQ(log.Read("orders", {.accepted = true}).data, (Strings{"one", "two", "three"}));
  ASSERT_TRUE(log.Await(strict).status.ok());
  EXPECT_EQ(log.Data("orders"), (Strings{"one", "two", "three"}));
}

TEST_F(EngineTest, AnLsnIsShownOnlyBelowADurableLimit) {
  Options options = QuietOptions();
  options.journal_first_bytes = 4u << 20;  // To begin another file takes a sync, too.
  EngineHarness& log = Open(options);
  for (int i = 1; i <= 250; ++i) {
    const Completion answer = log.Append("orders", std::to_string(i), Durability::kNone);
    ASSERT_LT(answer.first_lsn, log.state().durable_lsn_limit) << i;
    // The limit that counts is the one that a cut leaves.
    if (i % 50 != 0) continue;
    const auto cut = SimulatedDisk::FromImage(disk_.DurableImage());
    EngineHarness after(cut.get());
    ASSERT_TRUE(after.Open().ok());
    ASSERT_LT(answer.first_lsn, after.report().next_lsn) << i;
  }
  // The first append and every hundredth or so needed a sync to reserve more.
  EXPECT_EQ(StatsNow().syncs, 3u);
}

TEST_F(EngineTest, WithoutWeakerModesNoLsnIsReserved) {
  ASSERT_EQ(Open().Append("orders", "one").first_lsn, 1u);
  EngineHarness& again = Open();
  EXPECT_EQ(again.report().status, RecoveryStatus::kRecovered);
  EXPECT_EQ(again.report().lost_lsn_first, 0u);
  EXPECT_EQ(again.Append("orders", "two").first_lsn, 2u);
}

TEST_F(EngineTest, AfterAnUncleanEndLsnsGoOnBehindAllThatMayHaveBeenShown) {
  EngineHarness& log = Open();
  ASSERT_TRUE(log.Append("orders", "one", Durability::kNone).status.ok());
  ASSERT_EQ(log.Append("orders", "two", Durability::kNone).first_lsn, 2u);
  log.RunCommitter();
  const std::uint64_t limit = log.state().lsn_limit;
  const auto cut = SimulatedDisk::FromImage(disk_.DurableImage());
  EngineHarness after(cut.get());
  ASSERT_TRUE(after.Open().ok());
  EXPECT_EQ(after.Data("orders"), Strings{"one"});
  EXPECT_EQ(after.report().lost_lsn_first, 2u);
  EXPECT_GE(after.report().lost_lsn_last, 2u);
  EXPECT_GE(after.Append("orders", "other").first_lsn, limit - 1);
  EXPECT_EQ(after.Read("orders").sequences, (Numbers{1, 2}));
}

TEST_F(EngineTest, ClosingWritesACleanSnapshotAndTheNextLsnFollowsWithoutAGap) {
  EngineHarness& log = Open();
  ASSERT_TRUE(log.Append("orders", "one", Durability::kNone).status.ok());
  const Token last = log.Submit("orders", "two", Durability::kNone);
  ASSERT_TRUE(log.Close().ok());
  ASSERT_TRUE(log.Answered(last));
  const DiskImage image = disk_.DurableImage();
  EXPECT_TRUE(test::CatalogIn(image, "CATALOG").clean);
  EXPECT_EQ(test::CatalogIn(image, "CATALOG"), test::CatalogIn(image, "CATALOG.copy"));
  EngineHarness& again = Open();
  EXPECT_EQ(again.report().status, RecoveryStatus::kClean);
  EXPECT_EQ(again.report().lost_lsn_first, 0u);
  EXPECT_EQ(again.Data("orders"), (Strings{"one", "two"}));
  EXPECT_EQ(again.Append("orders", "three").first_lsn, 3u);
  // Nothing said that this one ended well.
  EXPECT_EQ(Open().report().status, RecoveryStatus::kRecovered);
}

TEST_F(EngineTest, AfterCloseAppendsAreRefusedAndNothingIsWritten) {
  EngineHarness& log = Open();
  ASSERT_TRUE(log.Append("orders", "one").status.ok());
  ASSERT_TRUE(log.Close().ok());
  const std::uint64_t calls = disk_.calls();
  EXPECT_EQ(log.Append("orders", "two").status.code(), Code::kClosed);
  EXPECT_EQ(log.Sync().code(), Code::kClosed);
  log.Settle();
  EXPECT_EQ(disk_.calls(), calls);
  EXPECT_EQ(log.Data("orders"), Strings{"one"});
}

TEST_F(EngineTest, WaitingForADurableLsnIsAnsweredAtOnceAndForAnotherByASync) {
  EngineHarness& log = Open();
  ASSERT_TRUE(log.Append("orders", "one").status.ok());
  const std::uint64_t syncs = StatsNow().syncs;
  ASSERT_TRUE(log.Await(log.Control(Request::Kind::kWaitDurable, 1)).status.ok());
  EXPECT_EQ(StatsNow().syncs, syncs);
  ASSERT_TRUE(log.Append("orders", "two", Durability::kNone).status.ok());
  ASSERT_TRUE(log.Append("orders", "three", Durability::kNone).status.ok());
  EXPECT_EQ(log.engine().DurableLsn(), 2u);
  ASSERT_TRUE(log.Await(log.Control(Request::Kind::kWaitDurable, 3)).status.ok());
  EXPECT_EQ(log.engine().DurableLsn(), 3u);
}

TEST_F(EngineTest, ABatchLargerThanAJournalFileGetsAFileOfItsOwnSize) {
  EngineHarness& log = Open();
  std::vector<test::KeyedData> batch;
  for (const std::string& data : Payloads(100, 8000)) batch.push_back({"orders", data});
  ASSERT_TRUE(log.Append("orders", "before").status.ok());
  const Completion answer = log.Await(log.SubmitBatch(batch));
  ASSERT_TRUE(answer.status.ok()) << answer.status.ToString();
  EXPECT_EQ(answer.sequences.size(), 100u);
  const std::uint64_t bytes = log.state().journal->bytes();
  EXPECT_GT(bytes, 800'000u);
  const auto cut = SimulatedDisk::FromImage(disk_.DurableImage());
  EngineHarness after(cut.get());
  ASSERT_TRUE(after.Open().ok());
  EXPECT_EQ(after.Data("orders").size(), 101u);
}

TEST_F(EngineTest, WhatIsRefusedForItsSizeChangesNothing) {
  Options options = QuietOptions();
  options.record_bytes_max = 100;
  options.batch_bytes_max = 150;
  options.batch_records_max = 3;
  EngineHarness& log = Open(options);
  const std::uint64_t calls = disk_.calls();
  const std::string fitting(100, 'x');
  EXPECT_EQ(log.Append("orders", fitting + "x").status.code(), Code::kTooLarge);
  EXPECT_EQ(log.Await(log.SubmitBatch({{"a", fitting}, {"b", fitting}})).status.code(),
            Code::kTooLarge);
  EXPECT_EQ(log.Await(log.SubmitBatch({{"a", ""}, {"a", ""}, {"a", ""}, {"a", ""}})).status.code(),
            Code::kTooLarge);
  log.Settle();
  EXPECT_EQ(disk_.calls(), calls);
  EXPECT_EQ(StatsNow().waiting_bytes, 0u);
  EXPECT_EQ(StatsNow().streams, 0u);
  const Completion answer = log.Append("orders", fitting);
  EXPECT_EQ(answer.first_lsn, 1u);
  EXPECT_EQ(answer.sequence, 1u);
}

TEST_F(EngineTest, WhatDoesNotFitTheQueueIsRefusedUntilThereIsRoom) {
  Options options = QuietOptions();
  options.buffered_bytes_max = 1000;
  options.appends_waiting_max = 3;
  EngineHarness& log = Open(options);
  const Token first = log.Submit("orders", std::string(900, 'x'));
  EXPECT_EQ(log.Await(log.Submit("orders", std::string(200, 'y'))).status.code(), Code::kQueueFull);
  const Token small = log.Submit("orders", "small");
  EXPECT_EQ(log.Await(log.SubmitBatch({{"orders", std::string(100, 'z')}})).status.code(),
            Code::kQueueFull);
  ASSERT_TRUE(log.Await(first).status.ok());
  ASSERT_TRUE(log.Await(small).status.ok());
  // However large, one is always taken when nothing waits.
  const Token large = log.Submit("orders", std::string(5000, 'w'));
  for (int i = 0; i < 3; ++i) log.Submit("orders", "");
  ASSERT_TRUE(log.Await(large).status.ok());
  EXPECT_EQ(log.Read("orders").lsns, (Numbers{1, 2, 3}));
  EXPECT_EQ(StatsNow().waiting_bytes, 0u);
}

TEST_F(EngineTest, AReadOnlyLogRefusesAppends) {
  ASSERT_TRUE(Open().Append("orders", "one").status.ok());
  Options options = QuietOptions();
  options.read_only = true;
  EngineHarness& log = Open(options);
  EXPECT_EQ(log.TryAppend({{"orders", "two"}}, Durability::kSync, 1).code(), Code::kReadOnly);
  EXPECT_EQ(log.Data("orders"), Strings{"one"});
}

TEST_F(EngineTest, AFullDiskIsRefusedAsNoSpaceAndTheLogGoesOnWhenThereIsRoomAgain) {
  for (const bool by_hand : {true, false}) {
    SimulatedDisk disk;
    EngineHarness log(&disk, BusyOptions());
    ASSERT_TRUE(log.Open().ok());
    Strings acknowledged;
    ASSERT_TRUE(log.Append("orders", "first").status.ok());
    acknowledged.push_back("first");
    disk.SetQuota(disk.AllocatedBytes());
    Status refused;
    for (const std::string& data : Payloads(500, 1500)) {
      refused = log.Append("orders", data).status;
      if (!refused.ok()) break;
      acknowledged.push_back(data);
    }
    EXPECT_EQ(refused.code(), Code::kNoSpace);
    EXPECT_GT(acknowledged.size(), 10u) << "the journal's blocks were there already";
    EXPECT_TRUE(log.engine().GetStats().no_space);
    EXPECT_FALSE(log.engine().GetStats().failed);
    EXPECT_EQ(log.Data("orders"), acknowledged);
    disk.SetQuota(SimulatedDisk::kNoQuota);
    if (by_hand) {
      log.engine().Resume();
    } else {
      log.clock().Advance(500'000);
      log.RunAll();
    }
    ASSERT_TRUE(log.Append("orders", "last").status.ok());
    acknowledged.push_back("last");
    EXPECT_EQ(log.Data("orders"), acknowledged);
    EXPECT_FALSE(log.engine().GetStats().no_space);
    const auto cut = SimulatedDisk::FromImage(disk.DurableImage());
    EngineHarness after(cut.get(), BusyOptions());
    ASSERT_TRUE(after.Open().ok());
    EXPECT_EQ(after.Data("orders"), acknowledged);
  }
}

TEST_F(EngineTest, OnAFullDiskAllThatWaitsIsRefusedSoThatWhatIsStoredHasNoHole) {
  for (const Token first_token : {Token{1000}, Token{0}}) {
    SimulatedDisk disk;
    EngineHarness log(&disk, BusyOptions());
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Append("orders", "first").status.ok());
    disk.SetQuota(disk.AllocatedBytes());
    Strings handed_over{"first"};
    // Large and small ones, in a row: a small one would fit where a large one did not.
    for (int i = 0; i < 400; ++i) {
      handed_over.push_back(std::string(i % 2 == 0 ? 3000 : 10, static_cast<char>('a' + i % 26)));
      // What is refused and is no append changes nothing for those behind it.
      if (i % 50 == 49) log.Seal("orders");
      const Token token = first_token == 0 ? 0 : first_token + static_cast<Token>(i);
      ASSERT_TRUE(log.TryAppend({{"orders", handed_over.back()}}, Durability::kNone, token).ok());
    }
    log.RunAll();
    const Strings stored = log.Data("orders");
    ASSERT_LT(stored.size(), handed_over.size());
    EXPECT_EQ(stored, Strings(handed_over.begin(),
                              handed_over.begin() + static_cast<std::ptrdiff_t>(stored.size())));
    // Nobody waits for an ingested record: whoever asks next is told, once.
    EXPECT_EQ(log.Sync().code(), first_token == 0 ? Code::kNoSpace : Code::kOk);
    EXPECT_TRUE(log.Sync().ok());
    disk.SetQuota(SimulatedDisk::kNoQuota);
    log.engine().Resume();
    ASSERT_TRUE(log.TryAppend({{"orders", "room"}}, Durability::kNone, 0).ok());
    log.RunAll();
    EXPECT_EQ(log.Data("orders").back(), "room");
  }
}

TEST_F(EngineTest, AFailedJournalWriteOrSyncFailsEveryWaiterAndReopeningRecovers) {
  for (const FaultKind kind : {FaultKind::kWrite, FaultKind::kShortWrite, FaultKind::kSync}) {
    SimulatedDisk disk;
    EngineHarness log(&disk);
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Append("orders", "one").status.ok());
    EXPECT_NE(log.engine().committer().WakeAt(), UINT64_MAX);
    disk.FailNext(kind, 1, EIO);
    std::vector<Token> waiting;
    for (const char* data : {"two", "three"}) waiting.push_back(log.Submit("orders", data));
    waiting.push_back(log.SubmitBatch({{"orders", "four"}, {"other", "five"}}));
    waiting.push_back(log.Control(Request::Kind::kSync));
    waiting.push_back(log.Control(Request::Kind::kDrain));
    waiting.push_back(log.Seal("orders"));
    waiting.push_back(log.Control(Request::Kind::kClose));
    for (const Token token : waiting) {
      const Status status = log.Await(token).status;
      EXPECT_EQ(status.code(), Code::kFailed) << status.ToString();
      EXPECT_EQ(status.error_number(), EIO);
    }
    const std::uint64_t calls = disk.calls();
    EXPECT_EQ(log.Append("orders", "six").status.code(), Code::kFailed);
    EXPECT_EQ(log.Sync().code(), Code::kFailed);
    EXPECT_EQ(log.Close().code(), Code::kFailed);
    log.Settle();
    EXPECT_EQ(disk.calls(), calls) << "nothing is tried again";
    EXPECT_EQ(log.engine().committer().WakeAt(), UINT64_MAX) << "a failed log rests";
    EXPECT_TRUE(log.engine().GetStats().failed);
    EXPECT_EQ(log.Data("orders"), Strings{"one"});
    for (const DiskImage& image : disk.Images({.seed = 5, .bound = 20})) {
      const auto cut = SimulatedDisk::FromImage(image);
      EngineHarness after(cut.get());
      ASSERT_TRUE(after.Open().ok()) << image.note();
      const Strings found = after.Data("orders");
      ASSERT_FALSE(found.empty());
      EXPECT_EQ(found.front(), "one");
      ASSERT_TRUE(after.Append("orders", "next").status.ok());
    }
  }
}

TEST_F(EngineTest, AFailedDestageStopsTheLogAndReopeningRecovers) {
  for (const FaultKind kind : {FaultKind::kWrite, FaultKind::kSync, FaultKind::kEntries}) {
    SimulatedDisk disk;
    EngineHarness log(&disk, BusyOptions());
    ASSERT_TRUE(log.Open().ok());
    disk.Inject({.kind = kind, .error_number = EIO, .path_prefix = "streams/"});
    Strings acknowledged;
    Status status;
    for (const std::string& data : Payloads(100, 1000)) {
      status = log.Append("orders", data).status;
      if (!status.ok()) break;
      acknowledged.push_back(data);
      log.RunAll();
    }
    EXPECT_EQ(status.code(), Code::kFailed);
    EXPECT_EQ(status.error_number(), EIO);
    EXPECT_EQ(disk.faults_met(), 1u);
    EXPECT_GT(acknowledged.size(), 3u);
    EXPECT_EQ(log.Data("orders"), acknowledged);
    const auto cut = SimulatedDisk::FromImage(disk.DurableImage());
    EngineHarness after(cut.get(), BusyOptions());
    ASSERT_TRUE(after.Open().ok());
    Strings found = after.Data("orders");
    found.resize(std::min(found.size(), acknowledged.size()));
    EXPECT_EQ(found, acknowledged);
    ASSERT_TRUE(after.Append("orders", "next").status.ok());
  }
}

TEST_F(EngineTest, NeverMoreSegmentFilesAreOpenThanTheBound) {
  EngineHarness& log = Open(BusyOptions());
  const Strings payloads = Payloads(400, 700);
  std::map<std::string, Strings> expected;
  std::uint64_t open_most = 0;
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    const std::string key = "key-" + std::to_string(i % 20);
    const Token token = log.Submit(key, payloads[i]);
    expected[key].push_back(payloads[i]);
    while (!log.Answered(token)) {
      log.StepCommitter();
      log.StepDestager();
      open_most = std::max(open_most, StatsNow().open_segments);
    }
  }
  log.Settle();
  for (const auto& [key, data] : expected) {
    EXPECT_EQ(log.Data(key), data);
    open_most = std::max(open_most, StatsNow().open_segments);
  }
  EXPECT_EQ(open_most, BusyOptions().open_segments_max);
}

TEST_F(EngineTest, BlocksOfARecycledFilesEarlierLifeNeverValidate) {
  EngineHarness& log = Open(BusyOptions());
  Strings expected;
  for (const std::string& data : Payloads(400, 1500)) {
    ASSERT_TRUE(log.Append("orders", data).status.ok());
    expected.push_back(data);
    // Ends early in a file, so that there is something behind what was written.
    const std::uint64_t blocks =
        (log.state().journal->write_offset() - format::kJournalBlocksOffset) / kPageBytes;
    if (expected.size() > 350 && blocks == 3) break;
  }
  const DiskImage image = disk_.DurableImage();
  std::uint64_t stale = 0;
  std::set<std::uint64_t> commits;
  for (const std::string& path : image.Files("journal/")) {
    const format::JournalHeader header = test::JournalHeaderIn(image, path);
    const auto blocks = BlocksIn(image, path);
    for (const auto& block : blocks) {
      EXPECT_TRUE(commits.insert(block.header.commit).second) << "a commit is found twice";
    }
    if ((header.flags & format::kJournalIsRecycled) == 0) continue;
    const std::vector<std::byte> bytes = image.ReadFile(path);
    for (std::size_t at = format::kJournalBlocksOffset; at < bytes.size(); at += kPageBytes) {
      const bool looks = LoadLittle<std::uint32_t>(bytes, at) == format::kCommitMagic;
      if (looks &&
          !format::DecodeCommitHeader(ByteSpan(bytes).subspan(at), header.identity, at).ok()) {
        ++stale;
      }
    }
  }
  EXPECT_GT(stale, 0u) << "no earlier life was left to look at";
  EngineHarness& again = Open(BusyOptions());
  EXPECT_EQ(again.report().status, RecoveryStatus::kRecovered);
  EXPECT_EQ(again.Data("orders"), expected);
}

TEST_F(EngineTest, LiveJournalBytesStayBelowTheirBound) {
  EngineHarness& log = Open(BusyOptions());
  std::uint64_t most = 0;
  for (const std::string& data : Payloads(300, 1500)) {
    const Token token = log.Submit("orders", data);
    while (!log.Answered(token)) {
      log.StepCommitter();
      log.StepDestager();
      most = std::max(most, StatsNow().journal_live_bytes);
    }
  }
  EXPECT_GT(StatsNow().checkpoints, 2u);
  EXPECT_GT(most, BusyOptions().journal_file_bytes);
  EXPECT_LE(most, BusyOptions().journal_live_bytes_max);
}

TEST_F(EngineTest, StreamAndSegmentIdsAreNeverGivenOutTwice) {
  std::set<std::uint64_t> streams;
  std::set<std::uint64_t> segments;
  for (int life = 0; life < 4; ++life) {
    EngineHarness& log = Open();
    const std::string key = "key-" + std::to_string(life);
    ASSERT_TRUE(log.Append(key, "one").status.ok());
    ASSERT_TRUE(log.Await(log.Seal(key)).status.ok());
    EXPECT_TRUE(streams.insert(StreamOf(key).id).second);
    for (const auto& segment : StreamOf(key).segments) {
      EXPECT_TRUE(segments.insert(segment->row.id).second);
    }
  }
}

}  // namespace
}  // namespace seglog::log
