// SPDX-License-Identifier: MIT
// What every FileSystem must do, as tests: PosixFileSystem and SimulatedFileSystem both run them. A
// test file includes this and instantiates FileSystemConformanceTest.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/aligned_buffer.h"
#include "io/file_system.h"

namespace seglog::test {

// An empty directory with a file system in it; gone when destroyed.
class FileSystemUnderTest {
 public:
  virtual ~FileSystemUnderTest() = default;
  virtual io::FileSystem& files() = 0;
  // Another one in the same directory, as another process would open it.
  virtual std::unique_ptr<io::FileSystem> OpenAgain(bool read_only) = 0;
};

struct ConformanceCase {
  const char* name;
  std::unique_ptr<FileSystemUnderTest> (*make)();
};

inline std::string CaseName(const ::testing::TestParamInfo<ConformanceCase>& info) {
  return info.param.name;
}

inline AlignedBuffer Pattern(std::size_t bytes, unsigned seed) {
  AlignedBuffer buffer;
  buffer.Resize(bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    buffer.data()[i] = static_cast<std::byte>((i * 31 + i / 251 + seed) & 0xFF);
  }
  return buffer;
}

inline bool SameBytes(ByteSpan a, ByteSpan b) { return AsText(a) == AsText(b); }

class FileSystemConformanceTest : public ::testing::TestWithParam<ConformanceCase> {
 protected:
  FileSystemConformanceTest() : subject_(GetParam().make()) {}

  io::FileSystem& files() { return subject_->files(); }
  FileSystemUnderTest& subject() { return *subject_; }

  std::unique_ptr<io::File> Open(std::string_view path, io::OpenMode mode, bool direct = false) {
    Result<std::unique_ptr<io::File>> file = files().Open(path, {mode, direct});
    EXPECT_TRUE(file.ok()) << file.status().ToString();
    return file.ok() ? std::move(file).value() : nullptr;
  }
  std::unique_ptr<io::File> Create(std::string_view path, std::string_view text = "") {
    std::unique_ptr<io::File> file = Open(path, io::OpenMode::kCreateExclusive);
    if (file != nullptr) {
      EXPECT_TRUE(file->WriteAt(0, AsBytes(text), io::WriteMode::kUnsynced).ok());
    }
    return file;
  }
  Code OpenCode(std::string_view path, io::OpenMode mode) {
    return files().Open(path, {mode, false}).status().code();
  }
  std::string Text(std::string_view path) {
    const std::unique_ptr<io::File> file = Open(path, io::OpenMode::kRead);
    return file == nullptr ? "" : Text(*file);
  }
  static std::string Text(io::File& file) {
    std::string text(10'000, '\0');
    const Result<std::size_t> count =
        file.ReadAt(0, std::as_writable_bytes(std::span(text.data(), text.size())));
    EXPECT_TRUE(count.ok()) << count.status().ToString();
    text.resize(count.ok() ? count.value() : 0);
    return text;
  }

 private:
  std::unique_ptr<FileSystemUnderTest> subject_;
};

TEST_P(FileSystemConformanceTest, AFileIsCreatedOnce) {
  Create("one", "first");
  EXPECT_EQ(OpenCode("one", io::OpenMode::kCreateExclusive), Code::kExists);
  EXPECT_EQ(Text("one"), "first");
}

TEST_P(FileSystemConformanceTest, OpeningWhatIsMissingIsNotFound) {
  EXPECT_EQ(OpenCode("none", io::OpenMode::kRead), Code::kNotFound);
  EXPECT_EQ(OpenCode("none", io::OpenMode::kReadWrite), Code::kNotFound);
  EXPECT_EQ(OpenCode("none/file", io::OpenMode::kCreateExclusive), Code::kNotFound);
  EXPECT_EQ(files().Remove("none").code(), Code::kNotFound);
  EXPECT_EQ(files().Rename("none", "other").code(), Code::kNotFound);
  EXPECT_EQ(files().List("none").status().code(), Code::kNotFound);
  EXPECT_EQ(files().SyncDirectory("none").code(), Code::kNotFound);
  const Result<bool> exists = files().Exists("none/deeper");
  ASSERT_TRUE(exists.ok());
  EXPECT_FALSE(exists.value());
}

TEST_P(FileSystemConformanceTest, AFailureNamesCallPathAndErrno) {
  const Status status = files().Open("none", {}).status();
  EXPECT_EQ(status.error_number(), ENOENT);
  EXPECT_EQ(status.path(), "none");
  EXPECT_STRNE(status.syscall(), "");
}

TEST_P(FileSystemConformanceTest, WritesAreReadBackAtTheirOffsets) {
  const std::unique_ptr<io::File> file = Open("data", io::OpenMode::kCreateExclusive);
  const AlignedBuffer first = Pattern(3'000'001, 1);
  const AlignedBuffer second = Pattern(777, 2);
  ASSERT_TRUE(file->WriteAt(0, first.bytes(), io::WriteMode::kUnsynced).ok());
  ASSERT_TRUE(file->WriteAt(4090, second.bytes(), io::WriteMode::kSynced).ok());
  EXPECT_EQ(file->Size().value(), first.size());

  AlignedBuffer out;
  out.Resize(first.size());
  ASSERT_EQ(file->ReadAt(0, out.mutable_bytes()).value(), first.size());
  EXPECT_TRUE(SameBytes(out.bytes().first(4090), first.bytes().first(4090)));
  EXPECT_TRUE(SameBytes(out.bytes().subspan(4090, 777), second.bytes()));
  EXPECT_TRUE(SameBytes(out.bytes().subspan(4867), first.bytes().subspan(4867)));
}

TEST_P(FileSystemConformanceTest, AnEmptyWriteChangesNothing) {
  const std::unique_ptr<io::File> file = Create("data", "abc");
  EXPECT_TRUE(file->WriteAt(100, {}, io::WriteMode::kUnsynced).ok());
  EXPECT_TRUE(file->WriteAt(100, {}, io::WriteMode::kSynced).ok());
  EXPECT_EQ(file->Size().value(), 3u);
}

TEST_P(FileSystemConformanceTest, AReadAtTheEndIsShort) {
  const std::unique_ptr<io::File> file = Create("data", "0123456789");
  AlignedBuffer out;
  out.Resize(100);
  EXPECT_EQ(file->ReadAt(7, out.mutable_bytes()).value(), 3u);
  EXPECT_EQ(AsText(out.bytes().first(3)), "789");
  EXPECT_EQ(file->ReadAt(10, out.mutable_bytes()).value(), 0u);
  EXPECT_EQ(file->ReadAt(5000, out.mutable_bytes()).value(), 0u);
}

TEST_P(FileSystemConformanceTest, AGapReadsAsZeros) {
  const std::unique_ptr<io::File> file = Create("data", "x");
  ASSERT_TRUE(file->WriteAt(9000, AsBytes("y"), io::WriteMode::kUnsynced).ok());
  AlignedBuffer out;
  out.Resize(9001);
  ASSERT_EQ(file->ReadAt(0, out.mutable_bytes()).value(), 9001u);
  EXPECT_TRUE(IsAllZero(out.bytes().subspan(1, 8999)));
  EXPECT_EQ(AsText(out.bytes().last(1)), "y");
}

TEST_P(FileSystemConformanceTest, TruncateCutsAndGrowsWithZeros) {
  const std::unique_ptr<io::File> file = Create("data", "0123456789");
  ASSERT_TRUE(file->Truncate(4).ok());
  EXPECT_EQ(Text("data"), "0123");
  ASSERT_TRUE(file->Truncate(6).ok());
  EXPECT_EQ(Text("data"), std::string("0123\0\0", 6));
  EXPECT_TRUE(file->SyncData().ok());
}

TEST_P(FileSystemConformanceTest, TwoHandlesSeeEachOthersWrites) {
  const std::unique_ptr<io::File> writer = Create("data", "old");
  const std::unique_ptr<io::FileSystem> other = subject().OpenAgain(/*read_only=*/true);
  Result<std::unique_ptr<io::File>> reader = other->Open("data", {});
  ASSERT_TRUE(reader.ok());
  ASSERT_TRUE(writer->WriteAt(0, AsBytes("new"), io::WriteMode::kUnsynced).ok());
  EXPECT_EQ(Text(*reader.value()), "new");
}

TEST_P(FileSystemConformanceTest, AHandleForReadingDoesNotWrite) {
  Create("data", "abc");
  const std::unique_ptr<io::File> file = Open("data", io::OpenMode::kRead);
  EXPECT_EQ(file->WriteAt(0, AsBytes("x"), io::WriteMode::kUnsynced).code(), Code::kIoError);
  EXPECT_EQ(file->WriteAt(0, AsBytes("x"), io::WriteMode::kSynced).code(), Code::kIoError);
  EXPECT_EQ(file->Truncate(0).code(), Code::kIoError);
  EXPECT_EQ(Text("data"), "abc");
}

TEST_P(FileSystemConformanceTest, ADirectFileTakesWholePagesOnly) {
  const std::unique_ptr<io::File> file = Open("data", io::OpenMode::kCreateExclusive, true);
  AlignedBuffer pages = Pattern(3 * kPageBytes, 3);
  const auto write = [&](std::uint64_t offset, std::size_t begin, std::size_t bytes) {
    return file->WriteAt(offset, pages.bytes().subspan(begin, bytes), io::WriteMode::kSynced)
        .code();
  };
  EXPECT_EQ(write(0, 0, 3 * kPageBytes), Code::kOk);
  const Code expected = file->direct() ? Code::kInvalidArgument : Code::kOk;
  EXPECT_EQ(write(0, 0, 512), expected);
  EXPECT_EQ(write(512, 512, kPageBytes), expected);
  EXPECT_EQ(write(kPageBytes, kPageBytes + 8, kPageBytes), expected);
  AlignedBuffer out;
  out.Resize(2 * kPageBytes);
  EXPECT_EQ(file->ReadAt(0, out.mutable_bytes().subspan(8, kPageBytes)).status().code(), expected);
}

TEST_P(FileSystemConformanceTest, ADirectFileReadsBackWhatItWrote) {
  const std::unique_ptr<io::File> file = Open("data", io::OpenMode::kCreateExclusive, true);
  const AlignedBuffer pages = Pattern(64 * kPageBytes, 4);
  ASSERT_TRUE(file->WriteAt(kPageBytes, pages.bytes(), io::WriteMode::kUnsynced).ok());
  ASSERT_TRUE(file->WriteAt(0, pages.bytes().first(kPageBytes), io::WriteMode::kSynced).ok());
  ASSERT_TRUE(file->SyncData().ok());
  AlignedBuffer out;
  out.Resize(66 * kPageBytes);
  ASSERT_EQ(file->ReadAt(0, out.mutable_bytes()).value(), 65 * kPageBytes);
  EXPECT_TRUE(SameBytes(out.bytes().first(kPageBytes), pages.bytes().first(kPageBytes)));
  EXPECT_TRUE(SameBytes(out.bytes().subspan(kPageBytes, pages.size()), pages.bytes()));
}

TEST_P(FileSystemConformanceTest, ADirectReadEndsWithAPartialLastPage) {
  Create("data", std::string(kPageBytes + 100, 'a'));
  const std::unique_ptr<io::File> file = Open("data", io::OpenMode::kRead, true);
  AlignedBuffer out;
  out.Resize(4 * kPageBytes);
  EXPECT_EQ(file->ReadAt(0, out.mutable_bytes()).value(), kPageBytes + 100);
  EXPECT_EQ(file->ReadAt(kPageBytes, out.mutable_bytes()).value(), 100u);
}

TEST_P(FileSystemConformanceTest, TheWriteMethodTellsWhetherTheFileIsDirect) {
  const std::unique_ptr<io::File> file = Open("data", io::OpenMode::kCreateExclusive, true);
  const AlignedBuffer page = Pattern(kPageBytes, 1);
  ASSERT_TRUE(file->WriteAt(0, page.bytes(), io::WriteMode::kSynced).ok());
  const bool named = std::string_view(file->write_method()).starts_with("O_DIRECT+");
  EXPECT_EQ(named, file->direct());
  const std::unique_ptr<io::File> buffered = Open("data", io::OpenMode::kRead);
  EXPECT_FALSE(buffered->direct());
  EXPECT_FALSE(std::string_view(buffered->write_method()).starts_with("O_DIRECT"));
}

TEST_P(FileSystemConformanceTest, ADirectoryIsListedSortedWithSizes) {
  ASSERT_TRUE(files().CreateDirectory("b").ok());
  Create("c", "12345");
  Create("a");
  Create("b/inner", "x");
  const Result<std::vector<io::DirectoryEntry>> listed = files().List("");
  ASSERT_TRUE(listed.ok()) << listed.status().ToString();
  const std::vector<io::DirectoryEntry>& entries = listed.value();
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].name, "a");
  EXPECT_EQ(entries[1].name, "b");
  EXPECT_TRUE(entries[1].is_directory);
  EXPECT_EQ(entries[2].name, "c");
  EXPECT_FALSE(entries[2].is_directory);
  EXPECT_EQ(entries[2].size, 5u);
  EXPECT_EQ(files().List("b").value().size(), 1u);
}

TEST_P(FileSystemConformanceTest, CreatingADirectoryAgainSucceeds) {
  ASSERT_TRUE(files().CreateDirectory("a").ok());
  ASSERT_TRUE(files().CreateDirectory("a/b").ok());
  EXPECT_TRUE(files().CreateDirectory("a").ok());
  EXPECT_TRUE(files().Exists("a/b").value());
  EXPECT_TRUE(files().SyncDirectory("a").ok());
  EXPECT_TRUE(files().SyncDirectory("").ok());
}

TEST_P(FileSystemConformanceTest, AFileWhereADirectoryIsExpectedIsNotALog) {
  Create("file");
  EXPECT_EQ(files().CreateDirectory("file").code(), Code::kNotALog);
  EXPECT_EQ(files().CreateDirectory("file/below").code(), Code::kNotALog);
  EXPECT_EQ(files().List("file").status().code(), Code::kNotALog);
  EXPECT_EQ(files().SyncDirectory("file").code(), Code::kNotALog);
  EXPECT_EQ(OpenCode("file/below", io::OpenMode::kRead), Code::kNotALog);
  EXPECT_EQ(files().Exists("file/below").status().code(), Code::kNotALog);
}

TEST_P(FileSystemConformanceTest, ADirectoryWhereAFileIsExpectedIsNotALog) {
  ASSERT_TRUE(files().CreateDirectory("directory").ok());
  Create("file");
  EXPECT_EQ(OpenCode("directory", io::OpenMode::kRead), Code::kNotALog);
  EXPECT_EQ(OpenCode("directory", io::OpenMode::kReadWrite), Code::kNotALog);
  EXPECT_EQ(OpenCode("directory", io::OpenMode::kCreateExclusive), Code::kExists);
  EXPECT_EQ(files().Rename("file", "directory").code(), Code::kNotALog);
  EXPECT_EQ(files().Lock("directory", "me").status().code(), Code::kNotALog);
}

TEST_P(FileSystemConformanceTest, RenameReplacesItsTarget) {
  Create("new", "new");
  Create("old", "old");
  ASSERT_TRUE(files().Rename("new", "old").ok());
  EXPECT_EQ(Text("old"), "new");
  EXPECT_FALSE(files().Exists("new").value());
  EXPECT_TRUE(files().Rename("old", "old").ok());
  EXPECT_EQ(Text("old"), "new");
}

TEST_P(FileSystemConformanceTest, RenameMovesBetweenDirectoriesAndOpenFilesFollow) {
  ASSERT_TRUE(files().CreateDirectory("pool").ok());
  ASSERT_TRUE(files().CreateDirectory("live").ok());
  const std::unique_ptr<io::File> file = Create("pool/f", "before");
  ASSERT_TRUE(files().Rename("pool/f", "live/g").ok());
  ASSERT_TRUE(file->WriteAt(0, AsBytes("after!"), io::WriteMode::kSynced).ok());
  EXPECT_EQ(Text("live/g"), "after!");
  EXPECT_TRUE(files().List("pool").value().empty());
  ASSERT_TRUE(files().Rename("live", "dead").ok());
  EXPECT_EQ(Text("dead/g"), "after!");
  EXPECT_EQ(files().Rename("dead", "dead/inside").error_number(), EINVAL);
}

TEST_P(FileSystemConformanceTest, ARemovedFileStaysReadableWhileOpen) {
  const std::unique_ptr<io::File> file = Create("data", "still here");
  ASSERT_TRUE(files().Remove("data").ok());
  EXPECT_FALSE(files().Exists("data").value());
  EXPECT_EQ(Text(*file), "still here");
  Create("data", "another");
  EXPECT_EQ(Text(*file), "still here");
}

TEST_P(FileSystemConformanceTest, OnlyAnEmptyDirectoryIsRemoved) {
  ASSERT_TRUE(files().CreateDirectory("d").ok());
  Create("d/f");
  EXPECT_EQ(files().Remove("d").error_number(), ENOTEMPTY);
  ASSERT_TRUE(files().Remove("d/f").ok());
  EXPECT_TRUE(files().Remove("d").ok());
  EXPECT_FALSE(files().Exists("d").value());
}

TEST_P(FileSystemConformanceTest, PathsThatCouldLeaveTheDirectoryAreRefused) {
  ASSERT_TRUE(files().CreateDirectory("d").ok());
  const std::vector<std::string> paths{"..",   "../x", "d/../x", "d/..",
                                       "/etc", "/",    "d//x",   "d/",
                                       ".",    "d/.",  "./d/x",  std::string("a\0b", 3)};
  for (const std::string& path : paths) {
    SCOPED_TRACE(path);
    EXPECT_EQ(OpenCode(path, io::OpenMode::kRead), Code::kInvalidArgument);
    EXPECT_EQ(OpenCode(path, io::OpenMode::kCreateExclusive), Code::kInvalidArgument);
    EXPECT_EQ(files().CreateDirectory(path).code(), Code::kInvalidArgument);
    EXPECT_EQ(files().Remove(path).code(), Code::kInvalidArgument);
    EXPECT_EQ(files().Rename(path, "x").code(), Code::kInvalidArgument);
    EXPECT_EQ(files().Rename("d", path).code(), Code::kInvalidArgument);
    EXPECT_EQ(files().List(path).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(files().Exists(path).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(files().SyncDirectory(path).code(), Code::kInvalidArgument);
    EXPECT_EQ(files().Lock(path, "me").status().code(), Code::kInvalidArgument);
  }
  EXPECT_TRUE(files().Exists("...").ok());
}

TEST_P(FileSystemConformanceTest, TheDirectoryItselfIsNeitherMadeNorRemoved) {
  EXPECT_TRUE(files().Exists("").value());
  EXPECT_TRUE(files().List("").value().empty());
  EXPECT_EQ(files().Remove("").code(), Code::kInvalidArgument);
  EXPECT_EQ(files().CreateDirectory("").code(), Code::kInvalidArgument);
  EXPECT_EQ(files().Rename("", "x").code(), Code::kInvalidArgument);
  EXPECT_EQ(OpenCode("", io::OpenMode::kRead), Code::kNotALog);
}

TEST_P(FileSystemConformanceTest, TheLockIsExclusiveAndTellsItsHolder) {
  const std::unique_ptr<io::FileSystem> other = subject().OpenAgain(/*read_only=*/false);
  {
    EXPECT_TRUE(files().CheckUnlocked("LOCK").ok());
    const auto held = files().Lock("LOCK", "pid 1\nhost a\n");
    ASSERT_TRUE(held.ok()) << held.status().ToString();
    for (io::FileSystem* again : {other.get(), &files()}) {
      const auto refused = again->Lock("LOCK", "pid 2");
      EXPECT_EQ(refused.status().code(), Code::kLocked);
      EXPECT_EQ(again->CheckUnlocked("LOCK").code(), Code::kLocked);
      EXPECT_NE(refused.status().message().find("pid 1, host a"), std::string::npos)
          << refused.status().message();
    }
  }
  EXPECT_TRUE(other->CheckUnlocked("LOCK").ok());
  const auto taken = other->Lock("LOCK", "pid 2");
  ASSERT_TRUE(taken.ok()) << taken.status().ToString();
  EXPECT_EQ(Text("LOCK"), "pid 2");
}

TEST_P(FileSystemConformanceTest, AReadOnlyFileSystemRefusesChanges) {
  Create("data", "abc");
  const std::unique_ptr<io::FileSystem> reader = subject().OpenAgain(/*read_only=*/true);
  EXPECT_TRUE(reader->read_only());
  EXPECT_FALSE(files().read_only());
  EXPECT_TRUE(reader->Open("data", {}).ok());
  const auto open_code = [&](io::OpenMode mode) {
    return reader->Open("data", {mode, false}).status().code();
  };
  EXPECT_EQ(open_code(io::OpenMode::kReadWrite), Code::kReadOnly);
  EXPECT_EQ(open_code(io::OpenMode::kCreateExclusive), Code::kReadOnly);
  EXPECT_EQ(reader->CreateDirectory("d").code(), Code::kReadOnly);
  EXPECT_EQ(reader->Rename("data", "x").code(), Code::kReadOnly);
  EXPECT_EQ(reader->Remove("data").code(), Code::kReadOnly);
  EXPECT_EQ(reader->SyncDirectory("").code(), Code::kReadOnly);
  EXPECT_EQ(reader->Lock("LOCK", "me").status().code(), Code::kReadOnly);
  EXPECT_EQ(files().List("").value().size(), 1u);
}

}  // namespace seglog::test
