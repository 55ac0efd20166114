// SPDX-License-Identifier: MIT
// What a power cut may leave of the simulated disk, rule by rule: never less than Linux promises,
// and everything that it does not exclude.
#include "test/support/crash_images.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "test/support/simulated_disk.h"

namespace seglog::test {
namespace {

using io::OpenMode;
using io::WriteMode;
using Outcomes = std::set<std::string>;

constexpr std::size_t kBound = 2000;  // more than any of these states has

class CrashImagesTest : public ::testing::Test {
 protected:
  CrashImagesTest() : CrashImagesTest(MetadataModel::kStrictPosix) {}
  explicit CrashImagesTest(MetadataModel model)
      : disk_({.metadata = model}), files_(disk_.Mount()) {}

  std::unique_ptr<io::File> Create(std::string_view path, std::string_view text = "") {
    Result<std::unique_ptr<io::File>> file =
        files_->Open(path, {OpenMode::kCreateExclusive, false});
    EXPECT_TRUE(file.ok()) << file.status().ToString();
    Write(*file.value(), 0, text);
    return std::move(file).value();
  }
  // A file that survives a cut, with its name; `path` lies in the root.
  std::unique_ptr<io::File> Durable(std::string_view path, std::string_view text = "") {
    std::unique_ptr<io::File> file = Create(path, text);
    Sync(*file);
    SyncDirectory("");
    return file;
  }
  static void Write(io::File& file, std::uint64_t offset, std::string_view text,
                    WriteMode mode = WriteMode::kUnsynced) {
    const Status status = file.WriteAt(offset, AsBytes(text), mode);
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  static void Sync(io::File& file) { EXPECT_TRUE(file.SyncData().ok()); }
  void SyncDirectory(std::string_view path) { EXPECT_TRUE(files_->SyncDirectory(path).ok()); }
  void MakeDirectory(std::string_view path) { EXPECT_TRUE(files_->CreateDirectory(path).ok()); }

  static std::string Text(const DiskImage& image, std::string_view path) {
    if (!image.Has(path)) return "(none)";
    return std::string(AsText(image.ReadFile(path)));
  }
  // All that a cut may make of one file; nothing torn or garbled unless asked for.
  Outcomes TextsOf(std::string_view path, bool with_tears = false, bool garbage = false) {
    Outcomes texts;
    for (const DiskImage& image :
         disk_.Images({.bound = kBound, .tears_within_sectors = with_tears, .garbage = garbage})) {
      texts.insert(Text(image, path));
    }
    return texts;
  }
  // All sets of files that a cut may leave, as "a b c".
  Outcomes NamesLeft() {
    Outcomes names;
    for (const DiskImage& image : disk_.Images({.bound = kBound})) {
      std::string line;
      for (const std::string& path : image.Files()) line += (line.empty() ? "" : " ") + path;
      names.insert(line);
    }
    return names;
  }

  SimulatedDisk disk_;
  std::unique_ptr<io::FileSystem> files_;
};

class OrderedJournalTest : public CrashImagesTest {
 protected:
  OrderedJournalTest() : CrashImagesTest(MetadataModel::kOrderedJournal) {}
};

TEST_F(CrashImagesTest, WhatIsSyncedWithItsNameIsInEveryImage) {
  const auto file = Durable("f", "kept");
  EXPECT_EQ(TextsOf("f", true, true), Outcomes{"kept"});
  EXPECT_EQ(disk_.Images({.bound = kBound}).size(), 1u);
}

TEST_F(CrashImagesTest, UnsyncedWriteMayBeLostOrKept) {
  const auto file = Durable("f", "old");
  Write(*file, 0, "new");
  EXPECT_EQ(TextsOf("f"), (Outcomes{"old", "new"}));
}

TEST_F(CrashImagesTest, UnsyncedWriteMayBeTornAtAnyByte) {
  const auto file = Durable("f", "old");
  Write(*file, 0, "new");
  EXPECT_EQ(TextsOf("f", true), (Outcomes{"old", "new", "nld", "ned", "oew", "olw"}));
}

TEST_F(CrashImagesTest, WritesMayReachTheDiskInAnyOrder) {
  const auto file = Durable("f", "....");
  Write(*file, 0, "1");
  Write(*file, 1, "2");
  Write(*file, 2, "3");
  EXPECT_EQ(TextsOf("f"),
            (Outcomes{"....", "1...", ".2..", "..3.", "12..", "1.3.", ".23.", "123."}));
}

TEST_F(CrashImagesTest, OverlappingWritesKeepTheirOrder) {
  const auto file = Durable("f", ".");
  Write(*file, 0, "1");
  Write(*file, 0, "2");
  EXPECT_EQ(TextsOf("f"), (Outcomes{".", "1", "2"}));
}

TEST_F(CrashImagesTest, TearsFollowSectorsAndPages) {
  const std::size_t bytes = 3 * kPageBytes;
  const auto file = Durable("f", std::string(bytes, 'o'));
  Write(*file, 0, std::string(bytes, 'n'));
  std::set<std::size_t> prefixes;
  std::size_t scattered = 0;
  for (const std::string& text : TextsOf("f")) {
    ASSERT_EQ(text.size(), bytes);
    std::size_t changes = 0;
    for (std::size_t i = 1; i < bytes; ++i) {
      if (text[i] == text[i - 1]) continue;
      ++changes;
      EXPECT_EQ(i % 512, 0u);
      if (text[0] == 'n') prefixes.insert(i);
    }
    scattered += changes > 1 ? 1 : 0;
  }
  EXPECT_TRUE(prefixes.contains(kPageBytes));
  EXPECT_TRUE(prefixes.contains(2 * kPageBytes));
  EXPECT_GE(prefixes.size(), 16u);
  EXPECT_GE(scattered, 8u);
}

TEST_F(CrashImagesTest, TearsWithinSectorsComeWhenAskedFor) {
  const auto file = Durable("f", std::string(kPageBytes, 'o'));
  Write(*file, 0, std::string(kPageBytes, 'n'));
  const auto within_sector = [](const std::string& text) {
    for (std::size_t i = 1; i < text.size(); ++i) {
      if (text[i] != text[i - 1] && i % 512 != 0) return true;
    }
    return false;
  };
  const Outcomes torn = TextsOf("f", true);
  EXPECT_GE(std::count_if(torn.begin(), torn.end(), within_sector), 10);
}

TEST_F(CrashImagesTest, AWriteMayRuinThePageThatItWasAtWhenAskedFor) {
  const std::size_t bytes = 2 * kPageBytes;
  const auto file = Durable("f", std::string(bytes, 'o'));
  Write(*file, 0, std::string(bytes, 'n'));
  const auto ruined = [](const std::string& text, std::size_t page) {
    return text.substr(page * kPageBytes, kPageBytes).find_first_not_of("on") != std::string::npos;
  };
  std::size_t first_page = 0;
  std::size_t second_page = 0;
  for (const DiskImage& image : disk_.Images({.bound = kBound, .ruins_pages = true})) {
    const std::string text = Text(image, "f");
    ASSERT_EQ(text.size(), bytes);
    if (ruined(text, 0)) {
      ++first_page;
      EXPECT_EQ(text.substr(kPageBytes), std::string(kPageBytes, 'o'));
    } else if (ruined(text, 1)) {
      ++second_page;
      EXPECT_EQ(text.substr(0, kPageBytes), std::string(kPageBytes, 'n'));
    }
  }
  EXPECT_GE(first_page, 1u);
  EXPECT_GE(second_page, 1u);
}

TEST_F(CrashImagesTest, DsyncWriteLeavesEarlierWritesUnsynced) {
  const auto file = Durable("f", "....");
  Write(*file, 0, "1");
  Write(*file, 2, "S", WriteMode::kSynced);
  EXPECT_EQ(TextsOf("f"), (Outcomes{"..S.", "1.S."}));
}

TEST_F(CrashImagesTest, DsyncWriteIsNotReplacedByAnOlderWriteThatArrivesLate) {
  const auto file = Durable("f", "....");
  Write(*file, 0, "1111");
  Write(*file, 1, "SS", WriteMode::kSynced);
  EXPECT_EQ(TextsOf("f"), (Outcomes{".SS.", "1SS.", ".SS1", "1SS1"}));
}

TEST_F(CrashImagesTest, DsyncWriteIsDurableBeyondAnUnsyncedEnd) {
  const auto file = Durable("f", "a");
  Write(*file, 1, "b");
  Write(*file, 2, "S", WriteMode::kSynced);
  EXPECT_EQ(TextsOf("f"), (Outcomes{"abS", std::string("a\0S", 3)}));
}

TEST_F(CrashImagesTest, DsyncWriteSurvivesAnOlderUnsyncedTruncate) {
  const auto file = Durable("f", "abcdef");
  ASSERT_TRUE(file->Truncate(2).ok());
  Write(*file, 2, "S", WriteMode::kSynced);
  EXPECT_EQ(TextsOf("f"), Outcomes{"abS"});
}

TEST_F(CrashImagesTest, ADurableTruncateCutsOlderUnsyncedWritesOffForGood) {
  const auto file = Durable("f", "a");
  Write(*file, 1, "bcdef");
  ASSERT_TRUE(file->Truncate(2).ok());
  Write(*file, 2, "S", WriteMode::kSynced);
  EXPECT_EQ(TextsOf("f"), (Outcomes{"abS", std::string("a\0S", 3)}));
}

TEST_F(CrashImagesTest, UnsyncedTruncateMayBeLostOrKept) {
  const auto file = Durable("f", "abcdef");
  ASSERT_TRUE(file->Truncate(2).ok());
  EXPECT_EQ(TextsOf("f", true, true), (Outcomes{"abcdef", "ab"}));
  Write(*file, 2, "xy");
  EXPECT_EQ(TextsOf("f"), (Outcomes{"abcdef", "ab", "abxyef", "abxy", std::string("ab\0\0", 4)}));
  Sync(*file);
  EXPECT_EQ(TextsOf("f", true, true), Outcomes{"abxy"});
}

TEST_F(CrashImagesTest, SizeMayGrowWithoutItsBytes) {
  const auto file = Durable("f", "a");
  Write(*file, kPageBytes, "new");
  const std::string gap = "a" + std::string(kPageBytes - 1, '\0');
  const std::string zeros(3, '\0');
  EXPECT_EQ(TextsOf("f"), (Outcomes{"a", gap + "new", gap + zeros}));

  std::size_t garbage = 0;
  for (const std::string& text : TextsOf("f", false, true)) {
    if (text.size() == 1) continue;
    ASSERT_EQ(text.substr(0, kPageBytes), gap);  // a gap has no blocks that could hold anything
    const std::string rest = text.substr(kPageBytes);
    garbage += rest != "new" && rest != zeros ? 1 : 0;
  }
  EXPECT_GE(garbage, 1u);
}

TEST_F(CrashImagesTest, GarbageNeverStandsInBlocksThatWereWrittenBefore) {
  const auto file = Durable("f", std::string(10, 'a'));
  Write(*file, 0, std::string(20, 'b'));  // overwrites, and grows within its block
  for (const std::string& text : TextsOf("f", false, true)) {
    EXPECT_EQ(text.find_first_not_of(std::string("ab\0", 3)), std::string::npos);
  }
}

TEST_F(CrashImagesTest, GarbageMayBeWhatARemovedFileHeld) {
  const std::string secret = "a commit block of an earlier life";
  Durable("old", secret);
  ASSERT_TRUE(files_->Remove("old").ok());
  SyncDirectory("");
  const auto file = Durable("f");
  Write(*file, 0, std::string(secret.size(), 'n'));
  EXPECT_TRUE(TextsOf("f", false, true).contains(secret));
}

TEST_F(CrashImagesTest, SyncedDataWithoutASyncedNameMayBeLost) {
  const auto file = Create("f", "data");
  Sync(*file);
  EXPECT_EQ(TextsOf("f", true, true), (Outcomes{"(none)", "data"}));
}

TEST_F(CrashImagesTest, ASyncedNameSaysNothingAboutTheBytes) {
  const auto file = Create("f", "data");
  SyncDirectory("");
  EXPECT_EQ(TextsOf("f"), (Outcomes{"", "data", std::string(4, '\0')}));
}

TEST_F(CrashImagesTest, UnsyncedRenameMayBeLostOrKept) {
  Durable("target", "old");
  Durable("new", "new");
  ASSERT_TRUE(files_->Rename("new", "target").ok());
  Outcomes states;
  for (const DiskImage& image : disk_.Images({.bound = kBound})) {
    states.insert(Text(image, "target") + "/" + Text(image, "new"));
  }
  EXPECT_EQ(states, (Outcomes{"old/new", "new/(none)"}));
  SyncDirectory("");
  EXPECT_EQ(TextsOf("target"), Outcomes{"new"});
}

TEST_F(CrashImagesTest, UnsyncedRemoveMayBeLostOrKept) {
  const auto file = Durable("f", "data");
  ASSERT_TRUE(files_->Remove("f").ok());
  EXPECT_EQ(TextsOf("f"), (Outcomes{"data", "(none)"}));
  SyncDirectory("");
  EXPECT_EQ(TextsOf("f"), Outcomes{"(none)"});
}

TEST_F(CrashImagesTest, StrictPosixKeepsAnySubsetOfNames) {
  Create("a");
  Create("b");
  Create("c");
  EXPECT_EQ(NamesLeft(), (Outcomes{"", "a", "b", "c", "a b", "a c", "b c", "a b c"}));
}

TEST_F(CrashImagesTest, AFileWhoseCreationIsLostIsGoneUnderItsNewNameToo) {
  Create("a");
  ASSERT_TRUE(files_->Rename("a", "b").ok());
  EXPECT_EQ(NamesLeft(), (Outcomes{"", "a", "b"}));
}

TEST_F(CrashImagesTest, ANameIsNotReusedWhileTheRenameThatFreedItIsLost) {
  Durable("a", "old");
  ASSERT_TRUE(files_->Rename("a", "b").ok());
  const auto file = Create("a", "new");
  Sync(*file);
  Outcomes states;
  for (const DiskImage& image : disk_.Images({.bound = kBound})) {
    states.insert(Text(image, "a") + "/" + Text(image, "b"));
  }
  EXPECT_EQ(states, (Outcomes{"old/(none)", "(none)/old", "new/old"}));
}

TEST_F(CrashImagesTest, ASyncedRenameIsNotUndoneByACreationWhoseSyncFailed) {
  Create("a");
  disk_.FailNext(FaultKind::kSyncDirectory, 1, EIO);
  EXPECT_FALSE(files_->SyncDirectory("").ok());
  ASSERT_TRUE(files_->Rename("a", "b").ok());
  SyncDirectory("");
  EXPECT_EQ(NamesLeft(), Outcomes{"b"});
}

TEST_F(CrashImagesTest, ALostDirectoryTakesItsFilesAlong) {
  MakeDirectory("d");
  const auto file = Create("d/f", "data");
  Sync(*file);
  SyncDirectory("d");
  EXPECT_EQ(NamesLeft(), (Outcomes{"", "d/f"}));
  SyncDirectory("");
  EXPECT_EQ(TextsOf("d/f"), Outcomes{"data"});
}

TEST_F(CrashImagesTest, SyncingOneDirectoryLeavesTheOtherUnsynced) {
  MakeDirectory("d");
  MakeDirectory("e");
  SyncDirectory("");
  Create("d/f");
  Create("e/g");
  SyncDirectory("d");
  EXPECT_EQ(NamesLeft(), (Outcomes{"d/f", "d/f e/g"}));
}

TEST_F(CrashImagesTest, ARenameBetweenDirectoriesMayBeDoneByHalves) {
  MakeDirectory("d");
  MakeDirectory("e");
  Create("d/f");
  SyncDirectory("d");
  SyncDirectory("");
  ASSERT_TRUE(files_->Rename("d/f", "e/f").ok());
  EXPECT_EQ(NamesLeft(), (Outcomes{"d/f", "e/f", "d/f e/f", ""}));
  SyncDirectory("e");
  EXPECT_EQ(NamesLeft(), (Outcomes{"e/f", "d/f e/f"}));
  SyncDirectory("d");
  EXPECT_EQ(NamesLeft(), Outcomes{"e/f"});
}

TEST_F(CrashImagesTest, WhatAFailedSyncDroppedMayHaveArrivedAllTheSame) {
  const auto file = Durable("f", "old");
  Write(*file, 0, "new");
  disk_.FailNext(FaultKind::kSync, 1, EIO);
  EXPECT_FALSE(file->SyncData().ok());
  Sync(*file);
  EXPECT_EQ(TextsOf("f"), (Outcomes{"old", "new"}));
}

TEST_F(CrashImagesTest, TheWriteThatTheCutHitsIsTornLikeTheOthers) {
  const auto file = Durable("f", "old");
  disk_.CrashAt(1, CutEffect::kWhole);
  EXPECT_FALSE(file->WriteAt(0, AsBytes("new"), WriteMode::kSynced).ok());
  EXPECT_EQ(TextsOf("f", true), (Outcomes{"old", "new", "nld", "ned", "oew", "olw"}));
}

TEST_F(OrderedJournalTest, NamesAreLostFromTheLastOn) {
  Create("a");
  Create("b");
  ASSERT_TRUE(files_->Rename("a", "c").ok());
  EXPECT_EQ(NamesLeft(), (Outcomes{"", "a", "a b", "b c"}));
}

TEST_F(OrderedJournalTest, ARenameBetweenDirectoriesIsAtomic) {
  MakeDirectory("d");
  Create("d/f");
  SyncDirectory("d");
  EXPECT_EQ(NamesLeft(), Outcomes{"d/f"});
  ASSERT_TRUE(files_->Rename("d/f", "g").ok());
  EXPECT_EQ(NamesLeft(), (Outcomes{"d/f", "g"}));
}

TEST_F(OrderedJournalTest, SyncingAFileCommitsItsNameAndAllThatCameBefore) {
  Create("a");
  const auto file = Create("b", "data");
  Create("c");
  Sync(*file);
  EXPECT_EQ(NamesLeft(), (Outcomes{"a b", "a b c"}));
  EXPECT_EQ(TextsOf("b", true), Outcomes{"data"});
}

TEST_F(OrderedJournalTest, OverwritingDurablyCommitsNoNames) {
  const auto file = Durable("f", "data");
  Create("a");
  Write(*file, 0, "DA", WriteMode::kSynced);
  Write(*file, 2, "TA");
  Sync(*file);
  EXPECT_EQ(NamesLeft(), (Outcomes{"f", "a f"}));
  EXPECT_EQ(TextsOf("f"), Outcomes{"DATA"});
}

TEST_F(OrderedJournalTest, GrowingDurablyCommitsTheNamesBefore) {
  const auto file = Durable("f", "data");
  Create("a");
  Write(*file, 4, "more", WriteMode::kSynced);
  Create("b");
  EXPECT_EQ(NamesLeft(), (Outcomes{"a f", "a b f"}));
}

TEST_F(OrderedJournalTest, SizeGrowsWithItsBytesOnly) {
  const auto file = Durable("f", "a");
  Write(*file, 1, "bc");
  EXPECT_EQ(TextsOf("f", false, true), (Outcomes{"a", "abc"}));
}

TEST_F(CrashImagesTest, TheSameSeedGivesTheSameImages) {
  const auto file = Durable("f", std::string(2 * kPageBytes, 'a'));
  for (std::uint64_t i = 0; i < 10; ++i) Write(*file, i * 1000, std::string(1500, 'b'));
  Create("g", "x");
  const auto hashes = [&](std::uint64_t seed) {
    std::vector<std::uint64_t> found;
    for (const DiskImage& image : disk_.Images({.seed = seed, .bound = 200})) {
      found.push_back(image.Hash());
    }
    return found;
  };
  EXPECT_EQ(hashes(1), hashes(1));
  EXPECT_NE(hashes(1), hashes(2));
}

TEST_F(CrashImagesTest, ImagesAreDistinctAndBounded) {
  const auto file = Durable("f", std::string(2 * kPageBytes, 'a'));
  for (std::uint64_t i = 0; i < 10; ++i) Write(*file, i * 1000, std::string(1500, 'b'));
  std::set<std::vector<std::byte>> contents;
  const std::vector<DiskImage> images = disk_.Images({.bound = 300});
  EXPECT_EQ(images.size(), 300u);
  for (const DiskImage& image : images) {
    contents.insert(image.ReadFile("f"));
    EXPECT_FALSE(image.note().empty());
  }
  EXPECT_EQ(contents.size(), images.size());
}

TEST_F(CrashImagesTest, TheLostTheKeptAndTheNamesComeFirst) {
  const auto file = Durable("f", "old");
  Write(*file, 0, "new");
  Create("g", "x");
  const std::vector<DiskImage> images = disk_.Images({.bound = 3});
  ASSERT_EQ(images.size(), 3u);
  EXPECT_EQ(images[0].Hash(), disk_.DurableImage().Hash());
  EXPECT_EQ(images[1].Hash(), disk_.CurrentImage().Hash());
  EXPECT_EQ(Text(images[2], "f") + Text(images[2], "g"), "old");
}

// Against a second, much simpler model: for each byte of a file of fixed size, which values a cut
// may leave.
TEST_F(CrashImagesTest, RandomHistoriesLeaveOnlyWhatEachByteMayBe) {
  constexpr std::size_t kBytes = 3 * kPageBytes;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Sequence random(seed);
    const std::string name = "f" + std::to_string(seed);
    const auto file = Durable(name, std::string(kBytes, 'A'));
    std::string current(kBytes, 'A');
    std::vector<std::set<char>> allowed(kBytes, {'A'});
    for (int step = 0; step < 30; ++step) {
      const auto offset = static_cast<std::size_t>(random.Below(kBytes));
      const auto bytes = static_cast<std::size_t>(1 + random.Below(kBytes - offset));
      const auto value = static_cast<char>('a' + random.Below(26));
      const std::uint64_t kind = random.Below(10);
      if (kind == 0) {
        Sync(*file);
        for (std::size_t i = 0; i < kBytes; ++i) allowed[i] = {current[i]};
        continue;
      }
      const bool synced = kind < 4;
      Write(*file, offset, std::string(bytes, value),
            synced ? WriteMode::kSynced : WriteMode::kUnsynced);
      for (std::size_t i = offset; i < offset + bytes; ++i) {
        current[i] = value;
        if (synced) allowed[i].clear();
        allowed[i].insert(value);
      }
    }
    EXPECT_EQ(Text(disk_.CurrentImage(), name), current);
    for (const DiskImage& image : disk_.Images({.seed = seed, .bound = 100})) {
      const std::string text = Text(image, name);
      ASSERT_EQ(text.size(), kBytes);
      for (std::size_t i = 0; i < kBytes; ++i) {
        ASSERT_TRUE(allowed[i].contains(text[i])) << "byte " << i << ", " << image.note();
      }
    }
    Sync(*file);
    EXPECT_EQ(Text(disk_.DurableImage(), name), current);
  }
}

}  // namespace
}  // namespace seglog::test
