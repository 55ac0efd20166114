// SPDX-License-Identifier: MIT
#include "io/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "io/path.h"
#include "io/posix_file.h"
#include "io/posix_lock.h"
#include "io/posix_root.h"

namespace seglog::io {
namespace {

int OpenFlags(OpenMode mode) {
  // O_NONBLOCK keeps a planted FIFO from holding the opening thread; SetFileFlags takes it back.
  constexpr int kAlways = O_NONBLOCK | O_NOCTTY;
  switch (mode) {
    case OpenMode::kRead:
      return kAlways | O_RDONLY;
    case OpenMode::kReadWrite:
      return kAlways | O_RDWR;
    case OpenMode::kCreateExclusive:
      return kAlways | O_RDWR | O_CREAT | O_EXCL;
  }
  SEGLOG_ASSERT(false);
  return 0;
}

// Leaves the file in blocking mode and tells whether it is direct now. O_DIRECT is set on the open
// file: asked for in open(2), a file system without it may create the file and refuse all the same.
Result<bool> SetFileFlags(int fd, bool direct, std::string_view path) {
#if defined(O_DIRECT)
  if (direct) {
    if (::fcntl(fd, F_SETFL, O_DIRECT) == 0) return true;
    if (errno != EINVAL) return Status::FromErrno(errno, "fcntl", path);
  }
#else
  static_cast<void>(direct);
#endif
  if (::fcntl(fd, F_SETFL, 0) != 0) return Status::FromErrno(errno, "fcntl", path);
  return false;
}

Status CheckRegularFile(int fd, std::string_view path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return Status::FromErrno(errno, "fstat", path);
  if (S_ISREG(info.st_mode)) return Status::Ok();
  if (S_ISDIR(info.st_mode)) return PathStatus(EISDIR, "openat", path);
  return Status(Code::kNotALog, "A file is expected: Not a regular file").WithPath(path);
}

struct CloseDirectory {
  void operator()(DIR* directory) const { static_cast<void>(::closedir(directory)); }
};

}  // namespace

Result<std::unique_ptr<FileSystem>> PosixFileSystem::Open(const PosixOptions& options) {
  const bool create = options.create && !options.read_only;
  Result<FileDescriptor> root = OpenRoot(options.directory, create, options.directory_mode);
  if (!root.ok()) return root.status();
  return std::unique_ptr<FileSystem>(new PosixFileSystem(options, std::move(root).value()));
}

PosixFileSystem::PosixFileSystem(const PosixOptions& options, FileDescriptor root)
    : options_(options), resolver_(std::move(root), options.allow_openat2) {}

Result<std::unique_ptr<File>> PosixFileSystem::Open(std::string_view path,
                                                    const OpenOptions& options) {
  if (options.mode != OpenMode::kRead) SEGLOG_RETURN_IF_ERROR(CheckWritable(path));
  Result<FileDescriptor> opened = resolver_.Open(path, OpenFlags(options.mode), options_.file_mode);
  if (!opened.ok()) return opened.status();
  const int fd = opened->get();
  SEGLOG_RETURN_IF_ERROR(CheckRegularFile(fd, path));
  const Result<bool> direct = SetFileFlags(fd, options.direct && options_.allow_direct, path);
  if (!direct.ok()) return direct.status();
  return std::unique_ptr<File>(new PosixFile(std::move(opened).value(), std::string(path),
                                             direct.value(), options_.allow_dsync_writes));
}

Status PosixFileSystem::CreateDirectory(std::string_view path) {
  SEGLOG_RETURN_IF_ERROR(CheckWritable(path));
  Result<ParentDirectory> parent = resolver_.OpenParent(path);
  if (!parent.ok()) return parent.status();
  if (::mkdirat(parent->fd, parent->name.c_str(), options_.directory_mode) == 0) {
    return Status::Ok();
  }
  if (errno != EEXIST) return PathStatus(errno, "mkdirat", path);
  // Whatever stands there already must be a directory, and no link to one.
  return resolver_.OpenDirectory(path).status();
}

Status PosixFileSystem::Rename(std::string_view from, std::string_view to) {
  SEGLOG_RETURN_IF_ERROR(CheckWritable(from));
  Result<ParentDirectory> source = resolver_.OpenParent(from);
  if (!source.ok()) return source.status();
  Result<ParentDirectory> target = resolver_.OpenParent(to);
  if (!target.ok()) return target.status();
  const int result = ::renameat(source->fd, source->name.c_str(), target->fd, target->name.c_str());
  return result == 0 ? Status::Ok() : PathStatus(errno, "renameat", from);
}

Status PosixFileSystem::Remove(std::string_view path) {
  SEGLOG_RETURN_IF_ERROR(CheckWritable(path));
  Result<ParentDirectory> parent = resolver_.OpenParent(path);
  if (!parent.ok()) return parent.status();
  const char* const name = parent->name.c_str();
  if (::unlinkat(parent->fd, name, 0) == 0) return Status::Ok();
  const int error_number = errno;
  // What unlink answers to a directory: EISDIR on Linux, EPERM by POSIX.
  if (error_number == EISDIR || error_number == EPERM) {
    if (::unlinkat(parent->fd, name, AT_REMOVEDIR) == 0) return Status::Ok();
    if (errno != ENOTDIR) return Status::FromErrno(errno, "unlinkat", path);
  }
  return PathStatus(error_number, "unlinkat", path);
}

Status PosixFileSystem::SyncDirectory(std::string_view path) {
  SEGLOG_RETURN_IF_ERROR(CheckWritable(path));
  const Result<FileDescriptor> directory = resolver_.OpenDirectory(path);
  if (!directory.ok()) return directory.status();
  return SyncDirectoryDescriptor(directory.value().get(), path);
}

Result<std::vector<DirectoryEntry>> PosixFileSystem::List(std::string_view path) {
  Result<FileDescriptor> opened = resolver_.OpenDirectory(path);
  if (!opened.ok()) return opened.status();
  const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(opened->get()));
  if (directory == nullptr) return Status::FromErrno(errno, "fdopendir", path);
  const int fd = opened->Release();  // The DIR closes it.

  std::vector<DirectoryEntry> entries;
  while (true) {
    errno = 0;
    const dirent* const found = ::readdir(directory.get());
    if (found == nullptr) break;
    const std::string_view name = found->d_name;
    if (name == "." || name == "..") continue;
    struct stat info {};
    if (::fstatat(fd, found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno == ENOENT) continue;  // Removed meanwhile, by a writer that a reader looks at.
      return Status::FromErrno(errno, "fstatat", path);
    }
    const bool is_directory = S_ISDIR(info.st_mode);
    const auto size = is_directory ? 0 : static_cast<std::uint64_t>(info.st_size);
    entries.push_back({std::string(name), is_directory, size});
  }
  if (errno != 0) return Status::FromErrno(errno, "readdir", path);
  std::sort(entries.begin(), entries.end(),
            [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
  return entries;
}

Result<bool> PosixFileSystem::Exists(std::string_view path) {
  SEGLOG_RETURN_IF_ERROR(CheckPath(path));
  if (path.empty()) return true;
  const Result<ParentDirectory> parent = resolver_.OpenParent(path);
  if (!parent.ok()) {
    if (parent.status().code() == Code::kNotFound) return false;
    return parent.status();
  }
  struct stat info {};
  if (::fstatat(parent.value().fd, parent.value().name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return PathStatus(errno, "fstatat", path);
  }
  if (S_ISLNK(info.st_mode)) return PathStatus(ELOOP, "fstatat", path);
  return true;
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::Lock(std::string_view path,
                                                        std::string_view owner) {
  SEGLOG_RETURN_IF_ERROR(CheckWritable(path));
  Result<FileDescriptor> opened =
      resolver_.Open(path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOCTTY, options_.file_mode);
  if (!opened.ok()) return opened.status();
  SEGLOG_RETURN_IF_ERROR(CheckRegularFile(opened->get(), path));
  return TakeLock(std::move(opened).value(), path, owner);
}

Status PosixFileSystem::CheckUnlocked(std::string_view path) {
  const Result<FileDescriptor> opened = resolver_.Open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
  if (opened.ok()) return CheckLockIsFree(opened.value(), path);
  return opened.status().code() == Code::kNotFound ? Status::Ok() : opened.status();
}

bool PosixFileSystem::read_only() const {
  if (options_.read_only) return true;
  struct statvfs info {};
  return ::fstatvfs(resolver_.root(), &info) == 0 && (info.f_flag & ST_RDONLY) != 0;
}

Status PosixFileSystem::CheckWritable(std::string_view path) const {
  if (!options_.read_only) return Status::Ok();
  return Status(Code::kReadOnly, "The log was opened read-only").WithPath(path);
}

}  // namespace seglog::io
