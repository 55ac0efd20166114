// SPDX-License-Identifier: MIT
#include "io/posix_file_system.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>

#include "io/system_clock.h"
#include "test/file_system_conformance.h"

namespace seglog::test {
namespace {

// A directory of its own, removed with all that is in it.
class TemporaryDirectory final {
 public:
  TemporaryDirectory() {
    std::string name = ::testing::TempDir() + "/seglog-io-XXXXXX";
    SEGLOG_ASSERT(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string Path(const std::string& below) const { return path_ + "/" + below; }

 private:
  std::string path_;
};

class PosixUnderTest final : public FileSystemUnderTest {
 public:
  explicit PosixUnderTest(io::PosixOptions options) : options_(std::move(options)) {
    options_.directory = directory_.Path("log");
    options_.create = true;
    files_ = OpenAgain(false);
  }
  io::FileSystem& files() override { return *files_; }
  std::unique_ptr<io::FileSystem> OpenAgain(bool read_only) override {
    io::PosixOptions options = options_;
    options.read_only = read_only;
    return std::move(io::PosixFileSystem::Open(options)).value();
  }

 private:
  TemporaryDirectory directory_;
  io::PosixOptions options_;
  std::unique_ptr<io::FileSystem> files_;
};

std::unique_ptr<FileSystemUnderTest> MakeDefault() {
  return std::make_unique<PosixUnderTest>(io::PosixOptions{});
}

std::unique_ptr<FileSystemUnderTest> MakeBuffered() {
  io::PosixOptions options;
  options.allow_direct = false;
  return std::make_unique<PosixUnderTest>(options);
}

std::unique_ptr<FileSystemUnderTest> MakeOldKernel() {
  io::PosixOptions options;
  options.allow_openat2 = false;
  options.allow_dsync_writes = false;
  return std::make_unique<PosixUnderTest>(options);
}

INSTANTIATE_TEST_SUITE_P(Posix, FileSystemConformanceTest,
                         ::testing::Values(ConformanceCase{"Default", MakeDefault},
                                           ConformanceCase{"Buffered", MakeBuffered},
                                           ConformanceCase{"OldKernel", MakeOldKernel}),
                         CaseName);

// With openat2 and without.
class PosixFileSystemTest : public ::testing::TestWithParam<bool> {
 protected:
  PosixFileSystemTest() {
    options_.directory = directory_.Path("log");
    options_.create = true;
    options_.allow_openat2 = GetParam();
    files_ = std::move(io::PosixFileSystem::Open(options_)).value();
  }

  std::string Path(const std::string& below) const { return directory_.Path(below); }
  void Link(const std::string& target, const std::string& at) {
    ASSERT_EQ(::symlink(target.c_str(), Path("log/" + at).c_str()), 0);
  }
  static void ExpectLinkRefused(const Status& status) {
    EXPECT_EQ(status.code(), Code::kNotALog) << status.ToString();
    EXPECT_NE(status.message().find("symbolic link"), std::string::npos) << status.ToString();
  }
  mode_t ModeOf(const std::string& below) const {
    struct stat info {};
    EXPECT_EQ(::stat(Path(below).c_str(), &info), 0) << below;
    return info.st_mode & 07777;
  }

  TemporaryDirectory directory_;
  io::PosixOptions options_;
  std::unique_ptr<io::FileSystem> files_;
};

INSTANTIATE_TEST_SUITE_P(Posix, PosixFileSystemTest, ::testing::Values(true, false),
                         [](const auto& test) { return test.param ? "Openat2" : "Components"; });

TEST_P(PosixFileSystemTest, ASymbolicLinkInThePathIsRefused) {
  std::filesystem::create_directory(Path("outside"));
  Link("../outside", "streams");
  ExpectLinkRefused(files_->Open("streams/f", {io::OpenMode::kCreateExclusive, false}).status());
  ExpectLinkRefused(files_->CreateDirectory("streams/d"));
  ExpectLinkRefused(files_->CreateDirectory("streams"));
  ExpectLinkRefused(files_->Rename("streams/a", "b"));
  ExpectLinkRefused(files_->Remove("streams/a"));
  ExpectLinkRefused(files_->List("streams").status());
  ExpectLinkRefused(files_->SyncDirectory("streams"));
  ExpectLinkRefused(files_->Exists("streams/a").status());
  ExpectLinkRefused(files_->Lock("streams/LOCK", "me").status());
  EXPECT_TRUE(std::filesystem::is_empty(Path("outside")));
}

TEST_P(PosixFileSystemTest, ASymbolicLinkInsteadOfAFileIsRefused) {
  ASSERT_TRUE(files_->Open("real", {io::OpenMode::kCreateExclusive, false}).ok());
  Link("real", "link");
  Link("missing", "dangling");
  ExpectLinkRefused(files_->Open("link", {}).status());
  ExpectLinkRefused(files_->Open("link", {io::OpenMode::kReadWrite, false}).status());
  ExpectLinkRefused(files_->Exists("link").status());
  ExpectLinkRefused(files_->Lock("dangling", "me").status());
  EXPECT_EQ(files_->Open("dangling", {io::OpenMode::kCreateExclusive, false}).status().code(),
            Code::kExists);
  EXPECT_FALSE(std::filesystem::exists(Path("log/missing")));
}

TEST_P(PosixFileSystemTest, RemovingALinkLeavesItsTarget) {
  ASSERT_TRUE(files_->Open("real", {io::OpenMode::kCreateExclusive, false}).ok());
  Link("real", "link");
  EXPECT_TRUE(files_->Remove("link").ok());
  EXPECT_TRUE(files_->Exists("real").value());
}

TEST_P(PosixFileSystemTest, APlantedPipeIsRefusedWithoutWaiting) {
  ASSERT_EQ(::mkfifo(Path("log/pipe").c_str(), 0600), 0);
  EXPECT_EQ(files_->Open("pipe", {}).status().code(), Code::kNotALog);
  EXPECT_EQ(files_->Open("pipe", {io::OpenMode::kReadWrite, false}).status().code(),
            Code::kNotALog);
}

TEST_P(PosixFileSystemTest, TheDirectoryStaysTheSameWhenItsPathIsMoved) {
  ASSERT_EQ(::rename(Path("log").c_str(), Path("moved").c_str()), 0);
  ASSERT_TRUE(files_->Open("f", {io::OpenMode::kCreateExclusive, false}).ok());
  EXPECT_TRUE(std::filesystem::exists(Path("moved/f")));
}

TEST_P(PosixFileSystemTest, MissingParentsAreMadeWithTheGivenMode) {
  io::PosixOptions options = options_;
  options.directory = Path("a/b//c/");
  const auto opened = io::PosixFileSystem::Open(options);
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  EXPECT_EQ(ModeOf("a"), 0700u);
  EXPECT_EQ(ModeOf("a/b"), 0700u);
  EXPECT_EQ(ModeOf("a/b/c"), 0700u);
  EXPECT_TRUE(io::PosixFileSystem::Open(options).ok());
}

TEST_P(PosixFileSystemTest, FilesAndDirectoriesHaveTheGivenModes) {
  ASSERT_TRUE(files_->CreateDirectory("d").ok());
  ASSERT_TRUE(files_->Open("d/f", {io::OpenMode::kCreateExclusive, false}).ok());
  EXPECT_EQ(ModeOf("log/d"), 0700u);
  EXPECT_EQ(ModeOf("log/d/f"), 0600u);

  io::PosixOptions options = options_;
  options.directory_mode = 0750;
  options.file_mode = 0640;
  const mode_t mask = ::umask(022);
  const auto wide = io::PosixFileSystem::Open(options);
  ASSERT_TRUE(wide.ok());
  EXPECT_TRUE(wide.value()->CreateDirectory("w").ok());
  EXPECT_TRUE(wide.value()->Open("w/f", {io::OpenMode::kCreateExclusive, false}).ok());
  ::umask(mask);
  EXPECT_EQ(ModeOf("log/w"), 0750u);
  EXPECT_EQ(ModeOf("log/w/f"), 0640u);
}

TEST_P(PosixFileSystemTest, AMissingOrWrongDirectoryIsRefused) {
  const auto open_code = [&](const std::string& path, bool create, bool read_only) {
    io::PosixOptions options = options_;
    options.directory = path;
    options.create = create;
    options.read_only = read_only;
    return io::PosixFileSystem::Open(options).status().code();
  };
  EXPECT_EQ(open_code(Path("none"), false, false), Code::kNotFound);
  EXPECT_EQ(open_code(Path("none"), true, true), Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(Path("none")));
  ASSERT_TRUE(files_->Open("file", {io::OpenMode::kCreateExclusive, false}).ok());
  EXPECT_EQ(open_code(Path("log/file"), true, false), Code::kNotALog);
  EXPECT_EQ(open_code(Path("log/file/below"), true, false), Code::kNotALog);
  EXPECT_EQ(open_code("", true, false), Code::kInvalidArgument);
}

TEST_P(PosixFileSystemTest, ALinkThatLeadsToTheDirectoryIsFollowed) {
  ASSERT_EQ(::symlink("log", Path("alias").c_str()), 0);
  io::PosixOptions options = options_;
  options.directory = Path("alias");
  const auto opened = io::PosixFileSystem::Open(options);
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  EXPECT_TRUE(opened.value()->CreateDirectory("d").ok());
  EXPECT_TRUE(files_->Exists("d").value());
}

TEST_P(PosixFileSystemTest, DirectIsWhatTheKernelSays) {
  const auto file = files_->Open("f", {io::OpenMode::kCreateExclusive, true});
  ASSERT_TRUE(file.ok());
#if defined(O_DIRECT)
  const int probe = ::open(Path("log/f").c_str(), O_RDWR | O_DIRECT | O_CLOEXEC);
  const bool possible = probe >= 0;
  if (possible) ::close(probe);
#else
  const bool possible = false;
#endif
  EXPECT_EQ(file.value()->direct(), possible);
  options_.allow_direct = false;
  const auto buffered = std::move(io::PosixFileSystem::Open(options_)).value();
  EXPECT_FALSE(buffered->Open("f", {io::OpenMode::kReadWrite, true}).value()->direct());
}

#if defined(__linux__)
TEST_P(PosixFileSystemTest, TheWriteMethodFollowsWhatIsAllowed) {
  options_.allow_dsync_writes = false;
  const auto old = std::move(io::PosixFileSystem::Open(options_)).value();
  const auto created = files_->Open("f", {io::OpenMode::kCreateExclusive, false});
  ASSERT_TRUE(created.ok());
  ASSERT_TRUE(created.value()->WriteAt(0, AsBytes("x"), io::WriteMode::kSynced).ok());
  EXPECT_STREQ(created.value()->write_method(), "RWF_DSYNC");
  const auto file = old->Open("f", {io::OpenMode::kReadWrite, false});
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file.value()->WriteAt(0, AsBytes("y"), io::WriteMode::kSynced).ok());
  EXPECT_STREQ(file.value()->write_method(), "buffered+fdatasync");
}

#endif

TEST_P(PosixFileSystemTest, AWriteThatTheKernelCutsShortGoesOnAndTellsWhyItStopped) {
  const auto file = files_->Open("f", {io::OpenMode::kCreateExclusive, false});
  ASSERT_TRUE(file.ok());
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit limit { 10'000, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const AlignedBuffer bytes = Pattern(20'000, 1);
  const Status status = file.value()->WriteAt(0, bytes.bytes(), io::WriteMode::kUnsynced);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, ignored);
  EXPECT_EQ(status.error_number(), EFBIG) << status.ToString();
  EXPECT_EQ(file.value()->Size().value(), 10'000u);
}

TEST_P(PosixFileSystemTest, TheLockOfAnotherProcessIsReportedAndEndsWithIt) {
  std::array<int, 2> locked{};
  std::array<int, 2> release{};
  ASSERT_EQ(::pipe(locked.data()), 0);
  ASSERT_EQ(::pipe(release.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto lock = files_->Lock("LOCK", "pid 42\nhost far\nstarted then\n");
    char byte = lock.ok() ? 'y' : 'n';
    if (::write(locked[1], &byte, 1) != 1) ::_exit(2);
    // The parent never writes: it kills.
    if (::read(release[0], &byte, 1) != 0) ::_exit(3);
    ::_exit(1);
  }
  char byte = 0;
  ASSERT_EQ(::read(locked[0], &byte, 1), 1);
  ASSERT_EQ(byte, 'y');
  const auto refused = files_->Lock("LOCK", "me");
  EXPECT_EQ(refused.status().code(), Code::kLocked);
  EXPECT_NE(refused.status().message().find("pid 42, host far, started then"), std::string::npos)
      << refused.status().message();

  ASSERT_EQ(::kill(child, SIGKILL), 0);
  int result = 0;
  ASSERT_EQ(::waitpid(child, &result, 0), child);
  EXPECT_TRUE(WIFSIGNALED(result));
  EXPECT_TRUE(files_->Lock("LOCK", "me").ok());
  for (const int fd : {locked[0], locked[1], release[0], release[1]}) ::close(fd);
}

TEST_P(PosixFileSystemTest, ALockTextCannotReachATerminal) {
  const auto held = files_->Lock("LOCK", "pid 1\x1b[2J");
  ASSERT_TRUE(held.ok());
  const Status refused = files_->Lock("LOCK", "me").status();
  EXPECT_NE(refused.message().find("pid 1?[2J"), std::string::npos) << refused.message();
  EXPECT_EQ(files_->Lock("OTHER", std::string(5000, 'x')).status().code(), Code::kInvalidArgument);
}

TEST_P(PosixFileSystemTest, DescriptorsAreNotInherited) {
  const auto file = files_->Open("f", {io::OpenMode::kCreateExclusive, true});
  const auto lock = files_->Lock("LOCK", "me");
  ASSERT_TRUE(file.ok() && lock.ok());
  int checked = 0;
  for (int fd = 3; fd < 256; ++fd) {
    struct stat open_file {};
    if (::fstat(fd, &open_file) != 0) continue;
    for (const char* const ours : {"log", "log/f", "log/LOCK"}) {
      struct stat info {};
      ASSERT_EQ(::stat(Path(ours).c_str(), &info), 0);
      if (info.st_ino != open_file.st_ino || info.st_dev != open_file.st_dev) continue;
      ++checked;
      EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << ours;
    }
  }
  EXPECT_EQ(checked, 3);
}

TEST(SystemClockTest, TheClocksGoForwardAndTheBootClockNeverBack) {
  io::SystemClock clock;
  EXPECT_GT(clock.WallMicros(), 1'700'000'000'000'000u);  // it is later than 2023
  std::uint64_t last = clock.BootMicros();
  EXPECT_GT(last, 0u);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t now = clock.BootMicros();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SystemRandomTest, NumbersDiffer) {
  io::SystemRandom random;
  const std::uint64_t first = random.Next();
  EXPECT_NE(first, random.Next());
}

}  // namespace
}  // namespace seglog::test
