// SPDX-License-Identifier: MIT
// Failures that were found once, each as small as it can be told.
#include <gtest/gtest.h>

#include <cerrno>

#include "test/support/engine_harness.h"

namespace seglog::log {
namespace {

using test::BusyOptions;
using test::EngineHarness;
using test::FaultKind;
using test::Payloads;
using test::SimulatedDisk;

// What a full disk had cut short was written to the unlinked file of the first try.
TEST(RegressionTest, DestagingThatAFullDiskCutShortIsWholeWhenItIsTriedAgain) {
  SimulatedDisk disk;
  const std::vector<std::string> data = Payloads(40, 1000);
  {
    EngineHarness log(&disk, BusyOptions());
    ASSERT_TRUE(log.Open().ok());
    disk.Inject({.kind = FaultKind::kExtend, .error_number = ENOSPC, .path_prefix = "streams/"});
    for (const std::string& each : data) {
      ASSERT_TRUE(log.Append("orders", each).status.ok());
      log.RunAll();
      if (disk.faults_met() > 0) log.clock().Advance(1'000'000);  // It tries again after a while.
    }
    ASSERT_EQ(disk.faults_met(), 1u);
    log.Settle();
    EXPECT_EQ(log.Data("orders"), data);
    ASSERT_TRUE(log.Close().ok());
  }
  EngineHarness again(&disk, BusyOptions());
  ASSERT_TRUE(again.Open().ok());
  EXPECT_EQ(again.Data("orders"), data);
}

// The checkpoint that would have made room was not due, because the journal was not half full.
TEST(RegressionTest, ARecordThatGoesBeyondTheJournalsBoundIsTakenOnceTheOldFilesAreFree) {
  SimulatedDisk disk;
  Options options = BusyOptions();
  options.journal_live_bytes_max = 8 * options.journal_file_bytes;
  options.record_bytes_max = options.journal_live_bytes_max;
  EngineHarness log(&disk, options);
  ASSERT_TRUE(log.Open().ok());
  std::uint64_t old_files = 0;
  while (old_files == 0) {
    ASSERT_TRUE(log.Append("orders", std::string(1000, 'x')).status.ok());
    old_files = log.state().old_journals.size();
  }
  const std::string large(7 * options.journal_file_bytes, 'y');
  EXPECT_TRUE(log.Append("orders", large).status.ok());  // Await aborts where no answer comes.
  EXPECT_EQ(log.Data("orders").back(), large);
}

// sync() told of an earlier refusal while a record was in the ring behind it: that one was refused,
// and the next one, which had the new epoch, was taken.
TEST(RegressionTest, WhatIsIngestedBehindARefusedRecordIsRefusedAlthoughSyncToldOfAnEarlierOne) {
  const Options options;
  const Status full(Code::kNoSpace, "the disk is full");
  Inbox inbox(options);
  inbox.RefuseIngested(0, 0, full);
  EXPECT_EQ(inbox.TellRefusal(0).code(), Code::kNoSpace);  // The answer of sync().
  EXPECT_FALSE(inbox.RefusalOfIngested(0, 0).ok());
  inbox.RefuseIngested(0, 0, full);
  EXPECT_FALSE(inbox.RefusalOfIngested(0, 1).ok());
  EXPECT_EQ(inbox.TellRefusal(0).code(), Code::kNoSpace);
  EXPECT_TRUE(inbox.RefusalOfIngested(0, 2).ok());
  EXPECT_TRUE(inbox.TellRefusal(0).ok());
}

// A file taken into the free ones before a crash was listed twice after it.
TEST(RegressionTest, AFreeSegmentThatTheSnapshotStillListsAsDroppedIsUsedOnce) {
  SimulatedDisk disk;
  Options options = BusyOptions();
  options.segment_bytes = 12 * 1024;
  options.destage_bytes = 4 * 1024;
  options.carry_bytes_max = 4 * 1024;
  {
    EngineHarness log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    for (const std::string& each : Payloads(40, 1000)) log.Append("orders", each);
    log.Settle();
    Request request;
    request.kind = Request::Kind::kTruncateBefore;
    request.token = 1'000'000;
    request.stream = log.engine().HandleOf("orders");
    request.sequence = 30;
    log.state().inbox.Submit(std::move(request));
    log.Settle();
    ASSERT_FALSE(log.state().free_segments.empty());
  }  // Killed before another snapshot.
  EngineHarness log(&disk, options);
  ASSERT_TRUE(log.Open().ok());
  for (const std::string& each : Payloads(60, 1000)) {
    ASSERT_TRUE(log.Append("orders", each).status.ok());
  }
  log.Settle();
  EXPECT_TRUE(log.state().failure.ok()) << log.state().failure.ToString();
  EXPECT_GT(log.engine().GetStats().segments_recycled, 0u);
  EXPECT_EQ(log.Read("orders").sequences.back(), 100u);
}

// The mark block began a journal file; a record too large for it went to the one after, and nothing
// led there.
TEST(RegressionTest, AJournalFileWithoutABlockDoesNotEndTheWalk) {
  SimulatedDisk disk;
  Options options = BusyOptions();
  options.record_bytes_max = 4 * options.journal_file_bytes;
  {
    EngineHarness log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    // Fills the journal file to the last page, a block of one page at a time.
    while (log.state().journal->room() > 0) ASSERT_TRUE(log.Append("orders", "x").status.ok());
    log.clock().Advance(options.mark_delay_us + 1);
    for (int i = 0; i < 50 && log.state().journal->room() == 0; ++i) {
      if (log.StepCommitter() != StepOutcome::kProgress) log.StepDestager();
    }
    ASSERT_EQ(log.state().journal->first_commit(), 0u);
    ASSERT_TRUE(log.Append("orders", std::string(2 * options.journal_file_bytes, 'y')).status.ok());
  }
  EngineHarness log(&disk, options);
  ASSERT_TRUE(log.Open().ok());
  EXPECT_EQ(log.Data("orders").back().size(), 2 * options.journal_file_bytes);
}

// Pieces of what only the journal held began where no frame can, and the log aborted.
TEST(RegressionTest, ALogWithAnOddCommitBoundTakesOverWhatOnlyTheJournalHeld) {
  SimulatedDisk disk;
  Options options = BusyOptions();
  options.commit_bytes_max = 8195;
  options.destage_bytes = options.journal_live_bytes_max;
  const std::vector<std::string> data = Payloads(8, 1001);
  {
    EngineHarness log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    for (const std::string& each : data) ASSERT_TRUE(log.Append("orders", each).status.ok());
  }
  EngineHarness log(&disk, options);
  ASSERT_TRUE(log.Open().ok());
  EXPECT_GT(log.report().pending_bytes, options.commit_bytes_max / 2);
  EXPECT_EQ(log.Data("orders"), data);
}

// A million new streams in one batch were put together before the block's bound was asked.
TEST(RegressionTest, ABatchThatNoBlockCanHoldIsTooLargeAndTheLogGoesOn) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  ASSERT_TRUE(log.Open().ok());
  const StreamHandle streams[] = {log.engine().HandleOf(std::string(1024, 'a')),
                                  log.engine().HandleOf(std::string(1024, 'b'))};
  std::vector<AppendInput> records(1u << 20);
  for (std::size_t i = 0; i < records.size(); ++i) records[i].stream = streams[i % 2];
  ASSERT_TRUE(log.state().inbox.SubmitAppend(records, Durability::kSync, 1000).ok());
  EXPECT_EQ(log.Await(1000).status.code(), Code::kTooLarge);
  EXPECT_EQ(log.state().inbox.waiting_requests(), 0u);
  EXPECT_EQ(log.Append("orders", "one").sequence, 1u);
}

// The last snapshot's cause was passed on under a code of its own.
TEST(RegressionTest, ACloseWhoseLastSnapshotFailsSaysFailedOrNoSpaceAndLosesNothing) {
  const std::pair<int, Code> rows[] = {{EIO, Code::kFailed}, {ENOSPC, Code::kNoSpace}};
  for (const auto& [error_number, code] : rows) {
    SimulatedDisk disk;
    {
      EngineHarness log(&disk);
      ASSERT_TRUE(log.Open().ok());
      ASSERT_TRUE(log.Append("orders", "one").status.ok());
      log.Settle();
      disk.Inject({.kind = error_number == EIO ? FaultKind::kSync : FaultKind::kExtend,
                   .error_number = error_number,
                   .path_prefix = "CATALOG.tmp"});
      const Status closed = log.Close();
      EXPECT_EQ(closed.code(), code) << closed.ToString();
      EXPECT_EQ(closed.error_number(), error_number);
      EXPECT_EQ(log.Append("orders", "late").status.code(), Code::kClosed);
    }
    EngineHarness again(&disk);
    ASSERT_TRUE(again.Open().ok());
    EXPECT_EQ(again.Data("orders"), std::vector<std::string>{"one"});
  }
}

}  // namespace
}  // namespace seglog::log
