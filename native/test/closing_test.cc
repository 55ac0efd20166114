// SPDX-License-Identifier: MIT
// What closing leaves on disk: a journal no longer than what is pending needs, whatever it was
// before.
#include <gtest/gtest.h>

#include "format/key_name.h"
#include "test/support/engine_harness.h"

namespace seglog::log {
namespace {

using test::BusyOptions;
using test::EngineHarness;
using test::SimulatedDisk;
using Strings = std::vector<std::string>;

std::uint64_t JournalBytes(const test::DiskImage& image) {
  std::uint64_t bytes = 0;
  for (const std::string& path : image.Files("journal/")) bytes += image.SizeOf(path);
  return bytes;
}

// Many small streams, so that something of each is pending, and a large one.
Strings Fill(EngineHarness* log) {
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < 8; ++i) {
      const std::string key = "small " + std::to_string(i);
      EXPECT_TRUE(log->Append(key, key + std::string(60, 's')).status.ok());
    }
  }
  Strings large = test::Payloads(60, 1500);
  for (const std::string& data : large) EXPECT_TRUE(log->Append("large", data).status.ok());
  return large;
}

TEST(ClosingTest, LeavesOneJournalFileThatIsAsLongAsWhatIsPending) {
  SimulatedDisk disk;
  Strings large;
  {
    EngineHarness log(&disk, BusyOptions());
    ASSERT_TRUE(log.Open().ok());
    large = Fill(&log);
    EXPECT_GT(JournalBytes(disk.CurrentImage()), BusyOptions().journal_file_bytes);
    ASSERT_TRUE(log.Close().ok());
  }
  const test::DiskImage closed = disk.CurrentImage();
  ASSERT_EQ(closed.Files("journal/").size(), 1u);
  // Eight streams with 12 frames of 144 bytes, and at most 8 KiB of the large one.
  EXPECT_LT(JournalBytes(closed), 48 * 1024u);
  EngineHarness again(&disk, BusyOptions());
  ASSERT_TRUE(again.Open().ok());
  EXPECT_EQ(again.report().status, RecoveryStatus::kClean);
  EXPECT_EQ(again.Data("large"), large);
  for (int i = 0; i < 8; ++i) EXPECT_EQ(again.Data("small " + std::to_string(i)).size(), 12u);
  EXPECT_EQ(again.Append("large", "next").sequence, 61u);
}

TEST(ClosingTest, LeavesAYoungJournalAsItIs) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BusyOptions());
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Append("orders", "one").status.ok());
  ASSERT_TRUE(log.Close().ok());
  EXPECT_EQ(JournalBytes(disk.CurrentImage()), BusyOptions().journal_first_bytes);
}

TEST(ClosingTest, OnAFullDiskKeepsTheJournalAndSucceedsOnceTheSnapshotFits) {
  SimulatedDisk disk;
  Strings large;
  {
    EngineHarness log(&disk, BusyOptions());
    ASSERT_TRUE(log.Open().ok());
    large = Fill(&log);
    const std::uint64_t journal = JournalBytes(disk.CurrentImage());
    // Room for the snapshot, not for another journal file or segment.
    disk.SetQuota(disk.AllocatedBytes() + 8192);
    ASSERT_TRUE(log.Close().ok());
    EXPECT_LE(JournalBytes(disk.CurrentImage()), journal);
    disk.SetQuota(SimulatedDisk::kNoQuota);
  }
  EngineHarness again(&disk, BusyOptions());
  ASSERT_TRUE(again.Open().ok());
  EXPECT_EQ(again.report().status, RecoveryStatus::kClean);
  EXPECT_EQ(again.Data("large"), large);
}

}  // namespace
}  // namespace seglog::log
