// SPDX-License-Identifier: MIT
#include "io/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

namespace seglog::io {

void FileDescriptor::Reset() {
  // Nothing to report: what must be durable was synced, and close is never retried (Linux frees the
  // descriptor even when it fails).
  if (fd_ >= 0) static_cast<void>(::close(fd_));
  fd_ = -1;
}

#if defined(__APPLE__)

Status SyncFile(int fd, std::string_view path) {
  if (::fcntl(fd, F_FULLFSYNC) == 0) return Status::Ok();
  const int error_number = errno;
  Status status = Status::FromErrno(error_number, "fcntl(F_FULLFSYNC)", path);
  // Falling back to fsync would promise what it does not keep.
  if (error_number == ENOTSUP || error_number == ENOTTY) {
    return status.WithCode(Code::kUnsupported, "The file system cannot flush the device: ");
  }
  return status;
}

Status SyncDirectoryDescriptor(int fd, std::string_view path) { return SyncFile(fd, path); }

#else

Status SyncFile(int fd, std::string_view path) {
  if (::fdatasync(fd) == 0) return Status::Ok();
  return Status::FromErrno(errno, "fdatasync", path);
}

Status SyncDirectoryDescriptor(int fd, std::string_view path) {
  if (::fsync(fd) == 0) return Status::Ok();
  return Status::FromErrno(errno, "fsync", path);
}

#endif

}  // namespace seglog::io
