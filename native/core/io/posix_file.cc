// SPDX-License-Identifier: MIT
#include "io/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "io/path.h"

namespace seglog::io {
namespace {

// macOS refuses more than INT_MAX bytes at once, Linux cuts at 0x7ffff000.
constexpr std::size_t kTransferBytesMax = std::size_t{1} << 30;
static_assert(kTransferBytesMax % kPageBytes == 0);

#if defined(__linux__) && defined(RWF_DSYNC)

constexpr bool kHasDsyncWrites = true;

ssize_t WriteDsync(int fd, ByteSpan bytes, off_t offset) {
  // pwritev2 does not write through its iovec; the cast is for its type alone.
  const iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  return ::pwritev2(fd, &part, 1, offset, RWF_DSYNC);
}

#else

constexpr bool kHasDsyncWrites = false;

ssize_t WriteDsync(int, ByteSpan, off_t) {
  errno = ENOSYS;
  return -1;
}

#endif

// A kernel before 4.7, a file system without the call, or a filter. EPERM that is none of these
// meets the plain write too.
bool IsRefusal(int error_number) {
  return error_number == ENOSYS || error_number == EOPNOTSUPP || error_number == EPERM;
}

}  // namespace

PosixFile::PosixFile(FileDescriptor fd, std::string path, bool direct, bool allow_dsync_writes)
    : fd_(std::move(fd)),
      path_(std::move(path)),
      direct_(direct),
      dsync_writes_(kHasDsyncWrites && allow_dsync_writes) {
  SEGLOG_ASSERT(fd_.valid());
}

Result<std::size_t> PosixFile::ReadAt(std::uint64_t offset, MutableByteSpan out) {
  if (direct_) SEGLOG_RETURN_IF_ERROR(CheckDirectTransfer(offset, out));
  std::size_t done = 0;
  while (done < out.size()) {
    const std::size_t want = std::min(out.size() - done, kTransferBytesMax);
    const ssize_t count = RetryInterrupted([&] {
      return ::pread(fd_.get(), out.data() + done, want, static_cast<off_t>(offset + done));
    });
    if (count < 0) return Status::FromErrno(errno, "pread", path_);
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
    if (direct_ && done % kPageBytes != 0) {
      // A direct transfer cannot go on within a page. It is the end of the file, unless an error
      // cut the transfer: then the page is read again, so that the error shows itself.
      Result<std::uint64_t> size = Size();
      if (!size.ok()) return size.status();
      if (offset + done >= size.value()) break;
      if (static_cast<std::size_t>(count) < kPageBytes) {
        return Status::FromErrno(EIO, "pread", path_);
      }
      done = AlignDown(done, kPageBytes);
    }
  }
  return done;
}

Status PosixFile::WriteAt(std::uint64_t offset, ByteSpan bytes, WriteMode mode) {
  if (direct_) SEGLOG_RETURN_IF_ERROR(CheckDirectTransfer(offset, bytes));
  bool refused = false;
  if (mode == WriteMode::kUnsynced) return WriteAll(offset, bytes, /*dsync=*/false, &refused);

  if (dsync_writes_.load(std::memory_order_relaxed)) {
    Status status = WriteAll(offset, bytes, /*dsync=*/true, &refused);
    if (!refused) return status;
    dsync_writes_.store(false, std::memory_order_relaxed);
  }
  SEGLOG_RETURN_IF_ERROR(WriteAll(offset, bytes, /*dsync=*/false, &refused));
  return SyncData();
}

Status PosixFile::SyncData() { return SyncFile(fd_.get(), path_); }

Status PosixFile::Truncate(std::uint64_t size) {
  const int result =
      RetryInterrupted([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size)); });
  return result == 0 ? Status::Ok() : Status::FromErrno(errno, "ftruncate", path_);
}

Result<bool> PosixFile::Allocate(std::uint64_t size) {
#if defined(__linux__)
  const int result =
      RetryInterrupted([&] { return ::fallocate(fd_.get(), 0, 0, static_cast<off_t>(size)); });
  if (result == 0) return true;
  if (IsRefusal(errno)) return false;
  return Status::FromErrno(errno, "fallocate", path_);
#else
  (void)size;
  return false;
#endif
}

Result<std::uint64_t> PosixFile::Size() {
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) return Status::FromErrno(errno, "fstat", path_);
  return static_cast<std::uint64_t>(info.st_size);
}

const char* PosixFile::write_method() const {
#if defined(__APPLE__)
  return "buffered+F_FULLFSYNC";
#else
  if (dsync_writes_.load(std::memory_order_relaxed)) {
    return direct_ ? "O_DIRECT+RWF_DSYNC" : "RWF_DSYNC";
  }
  return direct_ ? "O_DIRECT+fdatasync" : "buffered+fdatasync";
#endif
}

// Sets `*dsync_refused`, having written nothing, when the kernel does not know RWF_DSYNC. An
// interrupted synced write is repeated whole: its bytes are handed over again, so nothing depends
// on pages that a failed flush may have dropped.
Status PosixFile::WriteAll(std::uint64_t offset, ByteSpan bytes, bool dsync, bool* dsync_refused) {
  const char* const syscall = dsync ? "pwritev2" : "pwrite";
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ByteSpan rest = bytes.subspan(done, std::min(bytes.size() - done, kTransferBytesMax));
    const auto position = static_cast<off_t>(offset + done);
    const ssize_t count = RetryInterrupted([&] {
      return dsync ? WriteDsync(fd_.get(), rest, position)
                   : ::pwrite(fd_.get(), rest.data(), rest.size(), position);
    });
    if (count < 0) {
      *dsync_refused = dsync && done == 0 && IsRefusal(errno);
      return Status::FromErrno(errno, syscall, path_);
    }
    // Less than a page of a direct transfer leaves nothing that could be tried again.
    const auto written = static_cast<std::size_t>(count);
    if (written == 0 || (direct_ && written < kPageBytes)) {
      return Status::FromErrno(EIO, syscall, path_);
    }
    done += direct_ ? AlignDown(written, kPageBytes) : written;
  }
  return Status::Ok();
}

}  // namespace seglog::io
