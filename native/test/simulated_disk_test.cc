// SPDX-License-Identifier: MIT
// The simulated disk: that it answers like a real one, cuts, fails and fills up as asked. What a
// power cut may leave is the subject of crash_images_test.cc.
#include "test/support/simulated_disk.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "test/file_system_conformance.h"
#include "test/support/simulated_clock.h"

namespace seglog::test {
namespace {

class SimulatedUnderTest final : public FileSystemUnderTest {
 public:
  explicit SimulatedUnderTest(const DiskOptions& options) : disk_(options), files_(disk_.Mount()) {}
  io::FileSystem& files() override { return *files_; }
  std::unique_ptr<io::FileSystem> OpenAgain(bool read_only) override {
    return disk_.Mount(read_only);
  }

 private:
  SimulatedDisk disk_;
  std::unique_ptr<io::FileSystem> files_;
};

std::unique_ptr<FileSystemUnderTest> MakeStrict() {
  return std::make_unique<SimulatedUnderTest>(DiskOptions{});
}

std::unique_ptr<FileSystemUnderTest> MakeOrderedBuffered() {
  return std::make_unique<SimulatedUnderTest>(
      DiskOptions{.metadata = MetadataModel::kOrderedJournal, .direct = false});
}

INSTANTIATE_TEST_SUITE_P(Simulated, FileSystemConformanceTest,
                         ::testing::Values(ConformanceCase{"Strict", MakeStrict},
                                           ConformanceCase{"OrderedBuffered", MakeOrderedBuffered}),
                         CaseName);

using io::OpenMode;
using io::WriteMode;

class SimulatedDiskTest : public ::testing::Test {
 protected:
  std::unique_ptr<io::File> Open(std::string_view path, OpenMode mode = OpenMode::kReadWrite) {
    Result<std::unique_ptr<io::File>> file = files_->Open(path, {mode, false});
    EXPECT_TRUE(file.ok()) << file.status().ToString();
    return file.ok() ? std::move(file).value() : nullptr;
  }
  // A file that survives a cut, with its name.
  std::unique_ptr<io::File> DurableFile(std::string_view path, std::string_view text) {
    std::unique_ptr<io::File> file = Open(path, OpenMode::kCreateExclusive);
    EXPECT_TRUE(file->WriteAt(0, AsBytes(text), WriteMode::kUnsynced).ok());
    EXPECT_TRUE(file->SyncData().ok());
    EXPECT_TRUE(files_->SyncDirectory("").ok());
    return file;
  }
  static Status Write(io::File& file, std::string_view text, WriteMode mode = WriteMode::kUnsynced,
                      std::uint64_t offset = 0) {
    return file.WriteAt(offset, AsBytes(text), mode);
  }
  static std::string Text(const DiskImage& image, std::string_view path) {
    if (!image.Has(path)) return "(none)";
    return std::string(AsText(image.ReadFile(path)));
  }
  std::string DurableText(std::string_view path) { return Text(disk_.DurableImage(), path); }
  std::string CurrentText(std::string_view path) { return Text(disk_.CurrentImage(), path); }

  SimulatedDisk disk_;
  std::unique_ptr<io::FileSystem> files_ = disk_.Mount();
};

TEST_F(SimulatedDiskTest, MutatingCallsAndSyncsCountAndReadsDoNot) {
  ASSERT_TRUE(files_->CreateDirectory("d").ok());             // 1
  const auto file = Open("d/f", OpenMode::kCreateExclusive);  // 2
  ASSERT_TRUE(Write(*file, "a").ok());                        // 3
  ASSERT_TRUE(Write(*file, "b", WriteMode::kSynced).ok());    // 4
  ASSERT_TRUE(file->SyncData().ok());                         // 5
  ASSERT_TRUE(file->Truncate(0).ok());                        // 6
  ASSERT_TRUE(files_->Rename("d/f", "d/g").ok());             // 7
  ASSERT_TRUE(files_->SyncDirectory("d").ok());               // 8
  ASSERT_TRUE(files_->Remove("d/g").ok());                    // 9
  ASSERT_TRUE(files_->Lock("LOCK", "me").ok());               // 10
  EXPECT_EQ(disk_.calls(), 10u);
  AlignedBuffer out;
  out.Resize(10);
  ASSERT_TRUE(file->ReadAt(0, out.mutable_bytes()).ok());
  ASSERT_TRUE(file->Size().ok());
  ASSERT_TRUE(files_->List("").ok());
  ASSERT_TRUE(files_->Exists("d").ok());
  ASSERT_TRUE(files_->Open("LOCK", {}).ok());
  EXPECT_EQ(disk_.calls(), 10u);
}

TEST_F(SimulatedDiskTest, TheTraceTellsEachCountedCall) {
  disk_.EnableTrace();
  const auto file = Open("f", OpenMode::kCreateExclusive);
  ASSERT_TRUE(Write(*file, "abc", WriteMode::kSynced, 7).ok());
  ASSERT_TRUE(files_->Rename("f", "g").ok());
  const std::vector<std::string> expected{"1 create f", "2 write synced f 7+3", "3 rename f to g"};
  EXPECT_EQ(disk_.trace(), expected);
}

TEST_F(SimulatedDiskTest, EverythingFailsFromTheCutOn) {
  const auto file = DurableFile("f", "abc");
  disk_.CrashAt(2, CutEffect::kNothing);
  EXPECT_TRUE(Write(*file, "xyz").ok());
  EXPECT_FALSE(disk_.crashed());
  EXPECT_EQ(file->SyncData().code(), Code::kIoError);
  EXPECT_TRUE(disk_.crashed());
  EXPECT_EQ(file->SyncData().message(), "simulated power cut");
  EXPECT_EQ(Write(*file, "1").code(), Code::kIoError);
  EXPECT_EQ(Write(*file, "1", WriteMode::kSynced).code(), Code::kIoError);
  EXPECT_EQ(file->Truncate(0).code(), Code::kIoError);
  EXPECT_EQ(file->Size().status().code(), Code::kIoError);
  AlignedBuffer out;
  out.Resize(3);
  EXPECT_EQ(file->ReadAt(0, out.mutable_bytes()).status().code(), Code::kIoError);
  EXPECT_EQ(files_->Open("f", {}).status().code(), Code::kIoError);
  EXPECT_EQ(files_->CreateDirectory("d").code(), Code::kIoError);
  EXPECT_EQ(files_->Rename("f", "g").code(), Code::kIoError);
  EXPECT_EQ(files_->Remove("f").code(), Code::kIoError);
  EXPECT_EQ(files_->SyncDirectory("").code(), Code::kIoError);
  EXPECT_EQ(files_->List("").status().code(), Code::kIoError);
  EXPECT_EQ(files_->Exists("f").status().code(), Code::kIoError);
  EXPECT_EQ(files_->Lock("LOCK", "me").status().code(), Code::kIoError);
  EXPECT_EQ(disk_.Mount()->Open("f", {}).status().code(), Code::kIoError);
}

TEST_F(SimulatedDiskTest, ThePowerCanBeCutBetweenTwoCalls) {
  const auto file = DurableFile("f", "abc");
  disk_.CutPower();
  EXPECT_TRUE(disk_.crashed());
  EXPECT_EQ(Write(*file, "xyz").code(), Code::kIoError);
  EXPECT_EQ(CurrentText("f"), "abc");
}

TEST_F(SimulatedDiskTest, TheCallThatTheCutHitsHasTheEffectAskedFor) {
  const std::string text(100, 'n');
  for (const CutEffect effect : {CutEffect::kNothing, CutEffect::kWhole, CutEffect::kPart}) {
    SimulatedDisk disk;
    const auto files = disk.Mount();
    const auto file = files->Open("f", {OpenMode::kCreateExclusive, false});
    ASSERT_TRUE(files->SyncDirectory("").ok());
    disk.CrashAt(1, effect);
    EXPECT_EQ(Write(*file.value(), text, WriteMode::kSynced).code(), Code::kIoError);
    // Not durable in any case.
    EXPECT_EQ(Text(disk.DurableImage(), "f"), "");
    const std::string left = Text(disk.CurrentImage(), "f");
    if (effect == CutEffect::kNothing) {
      EXPECT_EQ(left, "");
    }
    if (effect == CutEffect::kWhole) {
      EXPECT_EQ(left, text);
    }
    if (effect == CutEffect::kPart) {
      EXPECT_LT(left.size(), text.size());
    }
    EXPECT_TRUE(text.starts_with(left));
  }
}

TEST_F(SimulatedDiskTest, NamesAreCutWithTheEffectAskedForToo) {
  const auto run = [](CutEffect effect, const auto& call) {
    SimulatedDisk disk;
    const auto files = disk.Mount();
    EXPECT_TRUE(files->CreateDirectory("d").ok());
    EXPECT_TRUE(files->Open("d/f", {OpenMode::kCreateExclusive, false}).ok());
    EXPECT_TRUE(files->SyncDirectory("d").ok());
    EXPECT_TRUE(files->SyncDirectory("").ok());
    disk.CrashAt(1, effect);
    EXPECT_EQ(call(*files).code(), Code::kIoError);
    return disk.CurrentImage().Files();
  };
  using Paths = std::vector<std::string>;
  const auto create = [](io::FileSystem& files) {
    return files.Open("g", {OpenMode::kCreateExclusive, false}).status();
  };
  EXPECT_EQ(run(CutEffect::kNothing, create), Paths{"d/f"});
  EXPECT_EQ(run(CutEffect::kWhole, create), (Paths{"d/f", "g"}));
  const auto rename = [](io::FileSystem& files) { return files.Rename("d/f", "g"); };
  EXPECT_EQ(run(CutEffect::kNothing, rename), Paths{"d/f"});
  EXPECT_EQ(run(CutEffect::kWhole, rename), Paths{"g"});
  EXPECT_EQ(run(CutEffect::kPart, rename), (Paths{"d/f", "g"}));
  const auto remove = [](io::FileSystem& files) { return files.Remove("d/f"); };
  EXPECT_EQ(run(CutEffect::kNothing, remove), Paths{"d/f"});
  EXPECT_EQ(run(CutEffect::kWhole, remove), Paths{});
}

TEST_F(SimulatedDiskTest, ASyncThatTheCutHitsMakesNothingCertain) {
  const auto file = DurableFile("f", "old");
  ASSERT_TRUE(Write(*file, "new").ok());
  disk_.CrashAt(1, CutEffect::kWhole);
  EXPECT_FALSE(file->SyncData().ok());
  EXPECT_EQ(DurableText("f"), "old");
  EXPECT_EQ(CurrentText("f"), "new");
}

TEST_F(SimulatedDiskTest, AKilledProcessLosesNothingButItsLock) {
  {
    const auto files = disk_.Mount();
    const auto lock = files->Lock("LOCK", "me");
    ASSERT_TRUE(lock.ok());
    const auto file = files->Open("f", {OpenMode::kCreateExclusive, false});
    ASSERT_TRUE(Write(*file.value(), "unsynced").ok());
  }
  const auto files = disk_.Mount();
  EXPECT_TRUE(files->Exists("f").value());
  EXPECT_EQ(CurrentText("f"), "unsynced");
  EXPECT_TRUE(files->Lock("LOCK", "again").ok());
}

TEST_F(SimulatedDiskTest, AFaultHitsTheNthCallOfItsKindOnce) {
  const auto file = DurableFile("f", "abc");
  disk_.FailNext(FaultKind::kWrite, 2, EIO);
  EXPECT_TRUE(Write(*file, "1").ok());
  EXPECT_TRUE(file->SyncData().ok());
  EXPECT_EQ(Write(*file, "2").error_number(), EIO);
  EXPECT_TRUE(Write(*file, "3").ok());
  EXPECT_EQ(CurrentText("f"), "3bc");
  EXPECT_EQ(disk_.faults_met(), 1u);
}

TEST_F(SimulatedDiskTest, AStickyFaultLastsUntilCleared) {
  const auto file = DurableFile("f", "abc");
  disk_.Inject({.kind = FaultKind::kRead, .error_number = EIO, .sticky = true});
  AlignedBuffer out;
  out.Resize(3);
  EXPECT_EQ(file->ReadAt(0, out.mutable_bytes()).status().error_number(), EIO);
  EXPECT_EQ(file->ReadAt(0, out.mutable_bytes()).status().code(), Code::kIoError);
  disk_.ClearFaults();
  EXPECT_TRUE(file->ReadAt(0, out.mutable_bytes()).ok());
  EXPECT_EQ(disk_.faults_met(), 2u);
}

TEST_F(SimulatedDiskTest, AFaultMayConcernSomePathsOnly) {
  ASSERT_TRUE(files_->CreateDirectory("streams").ok());
  disk_.Inject({.kind = FaultKind::kWrite, .error_number = ENOSPC, .path_prefix = "streams/"});
  const auto other = Open("journal", OpenMode::kCreateExclusive);
  const auto stream = Open("streams/a", OpenMode::kCreateExclusive);
  EXPECT_TRUE(Write(*other, "x").ok());
  EXPECT_EQ(Write(*stream, "x").code(), Code::kNoSpace);
}

TEST_F(SimulatedDiskTest, AShortWriteLeavesItsFirstHalf) {
  const auto file = DurableFile("f", "");
  disk_.FailNext(FaultKind::kShortWrite, 1, ENOSPC);
  EXPECT_EQ(Write(*file, "0123456789", WriteMode::kSynced).code(), Code::kNoSpace);
  EXPECT_EQ(CurrentText("f"), "01234");
  EXPECT_EQ(DurableText("f"), "");
}

TEST_F(SimulatedDiskTest, OnlyWritesThatAllocateMeetAFullDisk) {
  const auto file = DurableFile("f", std::string(kPageBytes, 'a'));
  ASSERT_TRUE(file->Truncate(3 * kPageBytes).ok());
  disk_.Inject({.kind = FaultKind::kExtend, .error_number = ENOSPC, .sticky = true});
  EXPECT_TRUE(Write(*file, "over").ok());
  EXPECT_EQ(Write(*file, "hole", WriteMode::kUnsynced, kPageBytes).code(), Code::kNoSpace);
  EXPECT_EQ(Write(*file, "end", WriteMode::kUnsynced, 3 * kPageBytes).code(), Code::kNoSpace);
}

TEST_F(SimulatedDiskTest, TheQuotaCutsAWriteWhereThePagesEnd) {
  const auto file = DurableFile("f", std::string(kPageBytes, 'a'));
  EXPECT_EQ(disk_.AllocatedBytes(), kPageBytes);
  disk_.SetQuota(3 * kPageBytes);
  const Status status =
      Write(*file, std::string(4 * kPageBytes, 'b'), WriteMode::kSynced, kPageBytes);
  EXPECT_EQ(status.code(), Code::kNoSpace);
  EXPECT_EQ(file->Size().value(), 3 * kPageBytes);
  EXPECT_TRUE(Write(*file, std::string(3 * kPageBytes, 'c')).ok());
  ASSERT_TRUE(files_->Remove("f").ok());
  EXPECT_EQ(disk_.AllocatedBytes(), 3 * kPageBytes);  // still open
}

TEST_F(SimulatedDiskTest, RemovingFilesGivesTheirPagesBack) {
  disk_.SetQuota(2 * kPageBytes);
  DurableFile("f", std::string(2 * kPageBytes, 'a'));
  const auto other = Open("g", OpenMode::kCreateExclusive);
  EXPECT_EQ(Write(*other, "x").code(), Code::kNoSpace);
  ASSERT_TRUE(files_->Remove("f").ok());
  EXPECT_TRUE(Write(*other, "x").ok());
  EXPECT_EQ(disk_.AllocatedBytes(), kPageBytes);
}

TEST_F(SimulatedDiskTest, FaultsOfNamesLeaveThemAsTheyWere) {
  DurableFile("f", "abc");
  disk_.Inject({.kind = FaultKind::kEntries, .error_number = ENOSPC, .sticky = true});
  EXPECT_EQ(files_->Open("g", {OpenMode::kCreateExclusive, false}).status().code(), Code::kNoSpace);
  EXPECT_EQ(files_->CreateDirectory("d").code(), Code::kNoSpace);
  EXPECT_TRUE(files_->Rename("f", "g").code() == Code::kNoSpace);
  EXPECT_TRUE(files_->Remove("f").code() == Code::kNoSpace);
  EXPECT_EQ(files_->List("").value().size(), 1u);
}

TEST_F(SimulatedDiskTest, AFailedSyncIsNotMadeGoodByALaterOne) {
  const auto file = DurableFile("f", "old");
  ASSERT_TRUE(Write(*file, "new").ok());
  disk_.FailNext(FaultKind::kSync, 1, EIO);
  EXPECT_EQ(file->SyncData().error_number(), EIO);
  EXPECT_EQ(CurrentText("f"), "new");  // still readable: the page cache has it
  EXPECT_TRUE(file->SyncData().ok());
  EXPECT_EQ(DurableText("f"), "old");
  ASSERT_TRUE(Write(*file, "NE").ok());
  EXPECT_TRUE(file->SyncData().ok());
  EXPECT_EQ(DurableText("f"), "NEd");  // what was written anew is durable, the rest is not
}

TEST_F(SimulatedDiskTest, AFailedSyncedWriteIsNotMadeGoodByALaterSync) {
  const auto file = DurableFile("f", "old");
  disk_.FailNext(FaultKind::kSync, 1, EIO);
  EXPECT_EQ(Write(*file, "new", WriteMode::kSynced).error_number(), EIO);
  EXPECT_TRUE(file->SyncData().ok());
  EXPECT_EQ(CurrentText("f"), "new");
  EXPECT_EQ(DurableText("f"), "old");
  ASSERT_TRUE(Write(*file, "N", WriteMode::kSynced).ok());
  EXPECT_EQ(DurableText("f"), "Nld");
}

TEST_F(SimulatedDiskTest, AFailedDirectorySyncIsNotMadeGoodByALaterOne) {
  Open("f", OpenMode::kCreateExclusive);
  disk_.FailNext(FaultKind::kSyncDirectory, 1, EIO);
  EXPECT_EQ(files_->SyncDirectory("").error_number(), EIO);
  EXPECT_TRUE(files_->SyncDirectory("").ok());
  EXPECT_EQ(DurableText("f"), "(none)");
  // A later change that builds on it takes it along.
  ASSERT_TRUE(files_->Rename("f", "g").ok());
  EXPECT_TRUE(files_->SyncDirectory("").ok());
  EXPECT_EQ(DurableText("g"), "");
}

TEST_F(SimulatedDiskTest, ADiskMadeOfAnImageHoldsExactlyTheImage) {
  ASSERT_TRUE(files_->CreateDirectory("a").ok());
  ASSERT_TRUE(files_->CreateDirectory("a/b").ok());
  Open("a/b/f", OpenMode::kCreateExclusive);
  const std::string text(5000, 'q');
  const auto file = Open("a-b", OpenMode::kCreateExclusive);
  ASSERT_TRUE(Write(*file, text).ok());
  const DiskImage image = disk_.CurrentImage();
  const auto copy = SimulatedDisk::FromImage(image);
  EXPECT_EQ(copy->DurableImage().Hash(), image.Hash());
  EXPECT_EQ(copy->CurrentImage().Hash(), image.Hash());
  EXPECT_EQ(copy->Images({}).size(), 1u);

  const auto files = copy->Mount();
  const auto opened = files->Open("a-b", {OpenMode::kReadWrite, false});
  ASSERT_TRUE(opened.ok());
  ASSERT_TRUE(Write(*opened.value(), "changed", WriteMode::kSynced).ok());
  EXPECT_EQ(Text(image, "a-b"), text);
  EXPECT_EQ(CurrentText("a-b"), text);
  EXPECT_TRUE(Text(copy->DurableImage(), "a-b").starts_with("changedq"));
}

TEST_F(SimulatedDiskTest, ImagesAreDamagedIndependently) {
  DurableFile("f", std::string(5000, 'q'));
  const DiskImage sound = disk_.DurableImage();
  DiskImage bad = sound;
  EXPECT_EQ(bad.Hash(), sound.Hash());
  bad.FlipBit("f", 4500, 1);
  EXPECT_NE(bad.Hash(), sound.Hash());
  EXPECT_EQ(Text(bad, "f")[4500], 'q' ^ 2);
  EXPECT_EQ(Text(sound, "f")[4500], 'q');
  bad.FlipBit("f", 4500, 1);
  EXPECT_EQ(bad.Hash(), sound.Hash());
  bad.Overwrite("f", 10, AsBytes("xyz"));
  EXPECT_EQ(Text(bad, "f").substr(9, 5), "qxyzq");
  bad.Resize("f", 12);
  EXPECT_EQ(Text(bad, "f"), "qqqqqqqqqqxy");
  EXPECT_EQ(bad.SizeOf("f"), 12u);
  bad.PutFile("d/e/g", AsBytes("new"));
  EXPECT_EQ(bad.Files(), (std::vector<std::string>{"d/e/g", "f"}));
  EXPECT_EQ(bad.Files("d/"), std::vector<std::string>{"d/e/g"});
  bad.Remove("f");
  EXPECT_FALSE(bad.Has("f"));
  EXPECT_TRUE(bad.Has("d/e"));
  EXPECT_EQ(sound.Files(), std::vector<std::string>{"f"});
  EXPECT_TRUE(SimulatedDisk::FromImage(bad)->Mount()->Exists("d/e/g").value());
}

TEST_F(SimulatedDiskTest, HashesGoByBytesNotByHistory) {
  SimulatedDisk other;
  const auto files = other.Mount();
  const auto hole = files->Open("f", {OpenMode::kCreateExclusive, false});
  ASSERT_TRUE(hole.value()->Truncate(3 * kPageBytes).ok());
  const auto zeros = Open("f", OpenMode::kCreateExclusive);
  ASSERT_TRUE(Write(*zeros, std::string(3 * kPageBytes, 'x')).ok());
  ASSERT_TRUE(Write(*zeros, std::string(3 * kPageBytes, '\0')).ok());
  EXPECT_EQ(disk_.CurrentImage().Hash(), other.CurrentImage().Hash());
  ASSERT_TRUE(hole.value()->Truncate(3 * kPageBytes - 1).ok());
  EXPECT_NE(disk_.CurrentImage().Hash(), other.CurrentImage().Hash());
}

TEST_F(SimulatedDiskTest, SeveralThreadsMayWriteAtOnce) {
  const auto file = DurableFile("f", "");
  constexpr int kThreads = 4;
  constexpr std::uint64_t kWrites = 200;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const std::string text(100, static_cast<char>('a' + i));
      for (std::uint64_t j = 0; j < kWrites; ++j) {
        const std::uint64_t offset = (j * kThreads + static_cast<std::uint64_t>(i)) * 100;
        EXPECT_TRUE(Write(*file, text, WriteMode::kSynced, offset).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::string expected;
  for (std::uint64_t j = 0; j < kWrites; ++j) {
    for (int i = 0; i < kThreads; ++i) expected += std::string(100, static_cast<char>('a' + i));
  }
  EXPECT_EQ(DurableText("f"), expected);
}

TEST(SimulatedClockTest, WallAndBootTimeMoveApart) {
  SimulatedClock clock(1000, 10);
  clock.Advance(5);
  EXPECT_EQ(clock.WallMicros(), 1005u);
  EXPECT_EQ(clock.BootMicros(), 15u);
  clock.SetWall(1);
  clock.AdvanceBoot(2);
  EXPECT_EQ(clock.WallMicros(), 1u);
  EXPECT_EQ(clock.BootMicros(), 17u);
  clock.SetBoot(0);
  EXPECT_EQ(clock.BootMicros(), 0u);
}

TEST(SimulatedRandomTest, TheSeedDecidesTheNumbers) {
  SimulatedRandom a(7);
  SimulatedRandom b(7);
  SimulatedRandom c(8);
  const std::uint64_t first = a.Next();
  EXPECT_EQ(first, b.Next());
  EXPECT_NE(first, c.Next());
  EXPECT_NE(first, a.Next());
}

}  // namespace
}  // namespace seglog::test
