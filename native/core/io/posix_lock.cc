// SPDX-License-Identifier: MIT
#include "io/posix_lock.h"

#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "io/path.h"

namespace seglog::io {
namespace {

constexpr std::size_t kOwnerTextBytesMax = 4096;

// Closing the descriptor releases the lock. The file stays: removing it would let two writers lock
// two files of one name.
class PosixLock final : public FileLock {
 public:
  explicit PosixLock(FileDescriptor fd) : fd_(std::move(fd)) {}

 private:
  const FileDescriptor fd_;
};

Status LockedBy(int fd, std::string_view path) {
  std::array<char, kOwnerTextBytesMax> text;
  const ssize_t count = RetryInterrupted([&] { return ::pread(fd, text.data(), text.size(), 0); });
  if (count < 0) return Status::FromErrno(errno, "pread", path);
  const std::string_view stored(text.data(), static_cast<std::size_t>(count));
  const std::string holder = OneLine(stored);
  std::string message = "Another writer has the log open";
  if (!holder.empty()) message += ": " + holder;
  return Status(Code::kLocked, message).WithPath(path).WithDetail(std::string(stored));
}

// Written before the rest is cut off, so that the file keeps its block on a full disk.
Status WriteOwner(int fd, std::string_view path, std::string_view owner) {
  const ssize_t count =
      RetryInterrupted([&] { return ::pwrite(fd, owner.data(), owner.size(), 0); });
  if (count < 0) return Status::FromErrno(errno, "pwrite", path);
  const int result = RetryInterrupted([&] { return ::ftruncate(fd, static_cast<off_t>(count)); });
  return result == 0 ? Status::Ok() : Status::FromErrno(errno, "ftruncate", path);
}

}  // namespace

Result<std::unique_ptr<FileLock>> TakeLock(FileDescriptor fd, std::string_view path,
                                           std::string_view owner) {
  if (owner.size() > kOwnerTextBytesMax) {
    return Status(Code::kInvalidArgument, "The lock owner's text is too long").WithPath(path);
  }
  if (RetryInterrupted([&] { return ::flock(fd.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno == EWOULDBLOCK) return LockedBy(fd.get(), path);
    return Status::FromErrno(errno, "flock", path);
  }
  const Status written = WriteOwner(fd.get(), path, owner);
  // The text only informs. A full disk is a normal state, and must not keep the log from opening.
  if (!written.ok() && written.code() != Code::kNoSpace) return written;
  return std::unique_ptr<FileLock>(new PosixLock(std::move(fd)));
}

// Closing the descriptor gives the shared lock back, which lasts as long as this look.
Status CheckLockIsFree(const FileDescriptor& fd, std::string_view path) {
  if (RetryInterrupted([&] { return ::flock(fd.get(), LOCK_SH | LOCK_NB); }) == 0) {
    return Status::Ok();
  }
  if (errno == EWOULDBLOCK) return LockedBy(fd.get(), path);
  return Status::FromErrno(errno, "flock", path);
}

}  // namespace seglog::io
