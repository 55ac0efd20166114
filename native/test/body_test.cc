// SPDX-License-Identifier: MIT
// Bodies: what is large goes straight to its segment, and only a pointer to the journal.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "test/support/engine_harness.h"

namespace seglog::log {
namespace {

using test::DiskImage;
using test::EngineHarness;
using test::Found;
using test::SimulatedDisk;
using Strings = std::vector<std::string>;

constexpr std::size_t kLarge = 20'000;

Options BodyOptions() {
  Options options = test::QuietOptions();
  options.out_of_line_bytes = 16 * 1024;
  return options;
}

std::string Large(char fill, std::size_t bytes = kLarge) { return std::string(bytes, fill); }

// A log whose stream has a record in the journal and room for bodies.
struct Prepared {
  explicit Prepared(const Options& options = BodyOptions()) : log(&disk, options) {
    EXPECT_TRUE(log.Open().ok());
    Append(Large('a'));
    log.RunAll();
    EXPECT_EQ(BodyBytes(), 0u);
    EXPECT_GT(Open().room_end, 0u);
  }

  void Append(const std::string& data, Durability durability = Durability::kSync) {
    ASSERT_TRUE(log.Append("k", data, durability).status.ok());
    expected.push_back(data);
  }
  std::uint64_t BodyBytes() { return log.engine().GetStats().body_bytes_written; }
  Segment& Open() { return *log.state().table.at(log.engine().Find("k").value()).segments.back(); }
  std::string Path() { return test::SegmentPathOf("k", Open().row); }
  void ExpectEverythingIn(const DiskImage& image, RecoveryStatus status) {
    const auto copy = SimulatedDisk::FromImage(image);
    EngineHarness reopened(copy.get(), BodyOptions());
    const Status opened = reopened.Open();
    ASSERT_TRUE(opened.ok()) << opened.ToString();
    EXPECT_EQ(reopened.report().status, status);
    EXPECT_EQ(reopened.Data("k"), expected);
    ASSERT_TRUE(reopened.Append("k", "more").status.ok());
    Strings longer = expected;
    longer.push_back("more");
    EXPECT_EQ(reopened.Data("k"), longer);
  }

  SimulatedDisk disk;
  EngineHarness log;
  Strings expected;
};

TEST(BodyTest, WhatIsLargeGoesToTheSegmentAndNotToTheJournal) {
  Prepared made;
  const std::uint64_t before = made.log.engine().GetStats().journal_bytes_written;
  made.Append(Large('b'));
  const Stats stats = made.log.engine().GetStats();
  EXPECT_EQ(stats.journal_bytes_written - before, kPageBytes);
  // With the first record, which was pending, and a filler.
  EXPECT_EQ(stats.body_bytes_written, 40960u);
  EXPECT_EQ(stats.segment_bytes_written, stats.body_bytes_written);
  EXPECT_EQ(stats.pending_bytes, 0u);
  EXPECT_EQ(made.log.Data("k"), made.expected);
  made.ExpectEverythingIn(made.disk.DurableImage(), RecoveryStatus::kRecovered);
}

TEST(BodyTest, SmallRecordsBehindABodyAreInTheJournal) {
  Prepared made;
  made.Append(Large('b'));
  made.Append("small");
  EXPECT_GT(made.log.engine().GetStats().pending_bytes, 0u);
  EXPECT_EQ(made.log.Data("k"), made.expected);
  made.ExpectEverythingIn(made.disk.DurableImage(), RecoveryStatus::kRecovered);
  made.Append(Large('c'));
  EXPECT_EQ(made.log.engine().GetStats().pending_bytes, 0u);
  EXPECT_EQ(made.log.Data("k"), made.expected);
  made.ExpectEverythingIn(made.disk.DurableImage(), RecoveryStatus::kRecovered);
}

TEST(BodyTest, ManyRecordsOfACommitAreOneBody) {
  Prepared made;
  const Strings payloads = test::Payloads(100, 300);
  std::vector<test::KeyedData> batch;
  for (const std::string& data : payloads) {
    batch.push_back({"k", data});
    made.expected.push_back(data);
  }
  ASSERT_TRUE(made.log.Await(made.log.SubmitBatch(batch)).status.ok());
  EXPECT_GT(made.BodyBytes(), 30'000u);
  EXPECT_EQ(made.log.Data("k"), made.expected);
  made.ExpectEverythingIn(made.disk.DurableImage(), RecoveryStatus::kRecovered);
}

TEST(BodyTest, TheSegmentIsSyncedBeforeItsBlock) {
  Prepared made;
  made.disk.EnableTrace();
  made.Append(Large('b'));
  const std::vector<std::string> trace = made.disk.trace();
  const auto find = [&](const std::string& what, const std::string& path) {
    const auto found = std::ranges::find_if(trace, [&](const std::string& call) {
      return call.find(what) != std::string::npos && call.find(path) != std::string::npos;
    });
    return found - trace.begin();
  };
  const auto written = find(" write ", "streams/");
  const auto synced = find(" sync ", "streams/");
  const auto block = find(" write synced ", "journal/");
  EXPECT_LT(written, synced);
  EXPECT_LT(synced, block);
  EXPECT_LT(static_cast<std::size_t>(block), trace.size());
}

TEST(BodyTest, ReadersSeeABodyThatIsOnItsWay) {
  Prepared made;
  made.Append("weak", Durability::kNone);  // LSNs are reserved from here on.
  ASSERT_TRUE(made.log.Sync().ok());
  const Token token = made.log.Submit("k", Large('b'), Durability::kNone);
  made.log.StepCommitter();
  made.expected.push_back(Large('b'));
  ASSERT_NE(made.Open().body, nullptr);
  EXPECT_EQ(made.log.Data("k"), made.expected);
  EXPECT_TRUE(made.log.Await(token).status.ok());
  made.log.RunCommitter();
  EXPECT_EQ(made.Open().body, nullptr);
  EXPECT_EQ(made.log.Data("k"), made.expected);
}

TEST(BodyTest, ATornBodyAboveTheMarkEndsTheLogThere) {
  Prepared made;
  made.Append(Large('b'));
  DiskImage image = made.disk.DurableImage();
  image.FlipBit(made.Path(), made.Open().row.destaged - 8192, 3);
  made.expected.pop_back();
  made.ExpectEverythingIn(image, RecoveryStatus::kTornTail);
  const auto copy = SimulatedDisk::FromImage(image);
  EngineHarness reopened(copy.get(), BodyOptions());
  ASSERT_TRUE(reopened.Open().ok());
  const RecoveryReport& report = reopened.report();
  EXPECT_EQ(report.rows[static_cast<std::size_t>(RecoveryRow::kBodyTorn)], 1u);
  EXPECT_TRUE(report.may_have_been_acknowledged);
  EXPECT_EQ(report.void_records, 1u);
  EXPECT_EQ(report.void_commits, 1u);
}

TEST(BodyTest, AMissingFileAboveTheMarkEndsTheLogThere) {
  Prepared made;
  made.Append(Large('b'));
  DiskImage image = made.disk.DurableImage();
  image.Remove(made.Path());
  made.expected.pop_back();
  made.ExpectEverythingIn(image, RecoveryStatus::kTornTail);
}

TEST(BodyTest, ADamagedBodyBelowTheMarkIsFoundByTheReadThatMeetsIt) {
  Prepared made;
  made.Append(Large('b'));
  const std::uint64_t end = made.Open().row.destaged;
  made.Append("marks it");
  DiskImage image = made.disk.DurableImage();
  image.FlipBit(made.Path(), end - 8192, 3);
  const auto copy = SimulatedDisk::FromImage(image);
  EngineHarness reopened(copy.get(), BodyOptions());
  ASSERT_TRUE(reopened.Open().ok());
  EXPECT_EQ(reopened.report().status, RecoveryStatus::kRecovered);
  const Found found = reopened.Read("k");
  EXPECT_EQ(found.status.code(), Code::kCorrupt);
  EXPECT_EQ(found.data, Strings{made.expected.front()});
}

TEST(BodyTest, WhatRecoveryAcceptsAboveTheMarkIsWrittenAndSyncedAgain) {
  Prepared made;
  made.Append(Large('b'));
  const auto copy = SimulatedDisk::FromImage(made.disk.DurableImage());
  copy->EnableTrace();
  EngineHarness reopened(copy.get(), BodyOptions());
  ASSERT_TRUE(reopened.Open().ok());
  const std::vector<std::string> trace = copy->trace();
  const auto is_segment = [](const std::string& call, const char* what) {
    return call.find(what) != std::string::npos && call.find("streams/") != std::string::npos;
  };
  EXPECT_TRUE(std::ranges::any_of(trace, [&](const auto& c) { return is_segment(c, " write "); }));
  EXPECT_TRUE(std::ranges::any_of(trace, [&](const auto& c) { return is_segment(c, " sync "); }));
}

TEST(BodyTest, ABodyEndsWhereItsSegmentDoes) {
  Options options = BodyOptions();
  options.segment_bytes = 64 * 1024;
  Prepared made(options);
  for (char fill = 'b'; fill < 'p'; ++fill) {
    made.Append(Large(fill));
    made.log.RunAll();
  }
  const Stats stats = made.log.engine().GetStats();
  EXPECT_GT(stats.body_bytes_written, 5 * kLarge);
  EXPECT_GT(stats.segments_sealed, 2u);
  EXPECT_EQ(made.log.Data("k"), made.expected);
  ASSERT_TRUE(made.log.Close().ok());
  const auto copy = SimulatedDisk::FromImage(made.disk.DurableImage());
  EngineHarness reopened(copy.get(), options);
  ASSERT_TRUE(reopened.Open().ok());
  EXPECT_EQ(reopened.Data("k"), made.expected);
}

TEST(BodyTest, ACommitLargerThanItsSegmentsRoomGoesOnInTheJournal) {
  Options options = BodyOptions();
  options.segment_bytes = 64 * 1024;
  options.commit_bytes_max = 200 * 1024;
  Prepared made(options);
  std::vector<test::KeyedData> batch;
  for (const std::string& data : test::Payloads(30, 5'000)) {
    batch.push_back({"k", data});
    made.expected.push_back(data);
  }
  ASSERT_TRUE(made.log.Await(made.log.SubmitBatch(batch)).status.ok());
  EXPECT_GT(made.BodyBytes(), 20'000u);
  EXPECT_LT(made.BodyBytes(), 70'000u);
  EXPECT_EQ(made.log.Data("k"), made.expected);
  made.ExpectEverythingIn(made.disk.DurableImage(), RecoveryStatus::kRecovered);
}

TEST(BodyTest, OnAFullDiskWhatIsLargeGoesThroughTheJournal) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BodyOptions());
  ASSERT_TRUE(log.Open().ok());
  disk.SetQuota(disk.AllocatedBytes() + 8 * kPageBytes);
  Strings expected;
  for (char fill = 'a'; fill < 'e'; ++fill) {
    ASSERT_TRUE(log.Append("k", Large(fill)).status.ok());
    log.RunAll();
    expected.push_back(Large(fill));
  }
  EXPECT_EQ(log.engine().GetStats().body_bytes_written, 0u);
  EXPECT_EQ(log.Data("k"), expected);
  disk.SetQuota(SimulatedDisk::kNoQuota);
  for (char fill = 'e'; fill < 'i'; ++fill) {
    ASSERT_TRUE(log.Append("k", Large(fill)).status.ok());
    log.RunAll();
    expected.push_back(Large(fill));
  }
  EXPECT_GT(log.engine().GetStats().body_bytes_written, 0u);
  EXPECT_EQ(log.Data("k"), expected);
}

TEST(BodyTest, AFailedWriteOfABodyStopsTheLogAndLosesNothingAcknowledged) {
  Prepared made;
  made.disk.FailNext(test::FaultKind::kWrite, 1, EIO);
  EXPECT_EQ(made.log.Append("k", Large('b')).status.code(), Code::kFailed);
  EXPECT_EQ(made.log.Data("k"), made.expected);
  made.disk.ClearFaults();
  made.ExpectEverythingIn(made.disk.DurableImage(), RecoveryStatus::kRecovered);
}

TEST(BodyTest, AFailedSyncOfABodyStopsTheLog) {
  Prepared made;
  made.disk.FailNext(test::FaultKind::kSync, 1, EIO);
  EXPECT_EQ(made.log.Append("k", Large('b')).status.code(), Code::kFailed);
  EXPECT_EQ(made.log.Data("k"), made.expected);
  made.ExpectEverythingIn(made.disk.DurableImage(), RecoveryStatus::kRecovered);
}

TEST(BodyTest, UnsyncedBodiesAreBounded) {
  Options options = BodyOptions();
  options.journal_file_bytes = options.journal_first_bytes = 64 * 1024;
  options.journal_live_bytes_max = 128 * 1024;
  options.carry_bytes_max = 8 * 1024;
  Prepared made(options);
  const std::uint64_t before = made.log.engine().GetStats().syncs;
  for (char fill = 'b'; fill < 'n'; ++fill) made.Append(Large(fill), Durability::kNone);
  made.log.RunCommitter();
  EXPECT_GE(made.log.engine().GetStats().syncs, before + 1);
  EXPECT_EQ(made.log.Data("k"), made.expected);
}

TEST(BodyTest, ClosingGivesBackTheRoom) {
  Prepared made;
  made.Append(Large('b'));
  const std::string path = made.Path();
  EXPECT_GT(made.disk.CurrentImage().SizeOf(path), 500'000u);
  const std::uint64_t destaged = made.Open().row.destaged;
  ASSERT_TRUE(made.log.Close().ok());
  EXPECT_EQ(made.disk.CurrentImage().SizeOf(path), destaged);
  made.ExpectEverythingIn(made.disk.DurableImage(), RecoveryStatus::kClean);
}

TEST(BodyTest, NoFileIsMadeForASegmentThatIsNotDurable) {
  SimulatedDisk disk;
  {
    EngineHarness log(&disk, BodyOptions());
    ASSERT_TRUE(log.Open().ok());
    log.Submit("k", Large('a'));
    log.StepCommitter();  // Gathered, not written.
    for (int i = 0; i < 20; ++i) log.StepDestager();
  }
  EXPECT_TRUE(disk.CurrentImage().Files("streams/").empty());
}

TEST(BodyTest, AnUnsyncedCommitThatBeginsASegmentIsSyncedForItsRoom) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BodyOptions());
  ASSERT_TRUE(log.Open().ok());
  for (char fill = 'a'; fill < 'e'; ++fill) {
    ASSERT_TRUE(log.Append("k", Large(fill), Durability::kNone).status.ok());
    log.RunAll();
  }
  EXPECT_GT(log.engine().GetStats().body_bytes_written, 2 * kLarge);
}

TEST(BodyTest, ClosingOnAFullDiskUsesTheRoom) {
  Options options = BodyOptions();
  options.journal_first_bytes = 64 * 1024;
  Prepared made(options);
  made.Append(Large('b'));
  for (int i = 0; i < 60; ++i) made.Append(Large('x', 8000));
  made.log.RunAll();
  const std::uint64_t size = made.disk.CurrentImage().SizeOf(made.Path());
  made.disk.SetQuota(made.disk.AllocatedBytes());
  EXPECT_TRUE(made.log.Close().ok());
  EXPECT_LT(made.disk.CurrentImage().SizeOf(made.Path()), size - 100 * 1024);
}

TEST(BodyTest, AFullDiskTakesIdleRoomFirst) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BodyOptions());
  ASSERT_TRUE(log.Open().ok());
  for (const char* key : {"a", "b", "c", "d"}) {
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(log.Append(key, Large('a')).status.ok());
      log.RunAll();
    }
  }
  disk.SetQuota(disk.AllocatedBytes());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(log.Append("small", Large('x', 10'000)).status.ok()) << i;
    log.RunAll();
    log.clock().Advance(600'000);
  }
}

TEST(BodyTest, WhatAFailedAllocationTookIsGivenBack) {
  Options options = BodyOptions();
  options.segment_bytes = 8u << 20;
  Prepared made(options);
  made.disk.SetQuota(made.disk.AllocatedBytes() + 700 * 1024);
  for (int i = 0; i < 30; ++i) {
    static_cast<void>(made.log.Append("k", Large('b', 60'000)));
    made.log.RunAll();
  }
  EXPECT_LE(made.disk.CurrentImage().SizeOf(made.Path()),
            std::max(made.Open().room_end, made.Open().row.end + kPageBytes));
}

TEST(BodyTest, WithoutRoomTheLogGoesOnWhateverTheReason) {
  for (const int error : {EFBIG, ENOSPC, EINVAL, EIO}) {
    SimulatedDisk disk;
    EngineHarness log(&disk, BodyOptions());
    ASSERT_TRUE(log.Open().ok());
    ASSERT_TRUE(log.Append("k", Large('a')).status.ok());
    disk.FailNext(test::FaultKind::kExtend, 2, error);  // The first is the header's page.
    log.RunAll();
    EXPECT_FALSE(log.state().no_space);
    EXPECT_TRUE(log.Append("k", Large('b')).status.ok());
    EXPECT_EQ(log.Data("k"), (Strings{Large('a'), Large('b')}));
  }
}

TEST(BodyTest, ARoomThatCannotBeBegunIsNoFullDisk) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BodyOptions());
  ASSERT_TRUE(log.Open().ok());
  disk.SetQuota(disk.AllocatedBytes() + 1);
  ASSERT_TRUE(log.Append("k", Large('a')).status.ok());
  log.StepDestager();
  EXPECT_FALSE(log.state().no_space);
}

TEST(BodyTest, FilesWithUnsyncedBodiesAreBounded) {
  Options options = BodyOptions();  // At most 4 open segment files.
  options.out_of_line_bytes = 4096;
  SimulatedDisk disk;
  EngineHarness log(&disk, options);
  ASSERT_TRUE(log.Open().ok());
  const auto append = [&](Durability durability) {
    for (int key = 0; key < 12; ++key) {
      ASSERT_TRUE(log.Append("k" + std::to_string(key), Large('x'), durability).status.ok());
      log.RunCommitter();
    }
  };
  append(Durability::kSync);
  log.RunAll();
  const std::uint64_t syncs = log.engine().GetStats().syncs;
  append(Durability::kNone);
  EXPECT_GT(log.engine().GetStats().body_bytes_written, 10 * kLarge);
  EXPECT_GE(log.engine().GetStats().syncs, syncs + 3);
}

TEST(BodyTest, AWriterOfSmallRecordsIsDestagedAsBefore) {
  Options options = BodyOptions();
  options.destage_bytes = 8 * 1024;
  Prepared made(options);
  made.Append(Large('b'));
  for (int i = 0; i < 40; ++i) made.Append(Large('c', 1'000));
  made.log.RunAll();
  EXPECT_LT(made.log.engine().GetStats().pending_bytes, 3 * kPageBytes);
  EXPECT_EQ(made.log.Data("k"), made.expected);
}

}  // namespace
}  // namespace seglog::log
