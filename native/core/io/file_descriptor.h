// SPDX-License-Identifier: MIT
// A file descriptor that closes itself, and the one way to make what it holds survive a power cut.
#pragma once

#include <cerrno>
#include <string_view>
#include <utility>

#include "base/status.h"

namespace seglog::io {

// One thread at a time; calls on the descriptor itself are the caller's matter.
class FileDescriptor final {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~FileDescriptor() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  // Gives the descriptor away: the caller closes it.
  int Release() { return std::exchange(fd_, -1); }
  void Reset();

 private:
  int fd_ = -1;
};

// fdatasync for files, fsync for directories; F_FULLFSYNC for both on macOS, whose fsync leaves the
// bytes in the device's cache. Never retried: after a failure the kernel may have dropped the
// pages.
Status SyncFile(int fd, std::string_view path);
Status SyncDirectoryDescriptor(int fd, std::string_view path);

// Repeats a system call while it is interrupted. Not for close, whose descriptor is gone after
// EINTR, and not for syncs.
template <typename Call>
auto RetryInterrupted(const Call& call) -> decltype(call()) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace seglog::io
