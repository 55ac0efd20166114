// SPDX-License-Identifier: MIT
#include "io/posix_root.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <string_view>
#include <utility>

#include "io/path.h"

namespace seglog::io {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

Result<FileDescriptor> OpenDirectoryAt(int parent, const std::string& name, std::string_view path) {
  const int fd = RetryInterrupted([&] { return ::openat(parent, name.c_str(), kDirectoryFlags); });
  if (fd < 0) return PathStatus(errno, "openat", path);
  return FileDescriptor(fd);
}

// Makes the entry of a directory that was already there durable: whoever made it may have been
// killed before the sync. A parent that cannot be opened or synced is not ours, and left to its
// owner.
Status SyncParentOfExisting(int directory, std::string_view path) {
  const Result<FileDescriptor> parent = OpenDirectoryAt(directory, "..", path);
  if (!parent.ok()) return Status::Ok();
  const Status status = SyncDirectoryDescriptor(parent.value().get(), path);
  return status.error_number() == EIO ? status : Status::Ok();
}

// `path` without its last component and the slashes around it: "." or "/" where nothing is left.
std::string ParentOf(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  const std::size_t last = path.find_last_not_of('/', slash);
  return last == std::string_view::npos ? "/" : std::string(path.substr(0, last + 1));
}

Result<FileDescriptor> MakeDirectory(int parent, const std::string& path, mode_t mode) {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  // Another process may have made it just now.
  if (::mkdirat(parent, name.c_str(), mode) != 0 && errno != EEXIST) {
    return PathStatus(errno, "mkdirat", path);
  }
  SEGLOG_RETURN_IF_ERROR(SyncDirectoryDescriptor(parent, path));
  return OpenDirectoryAt(parent, name, path);
}

}  // namespace

Result<FileDescriptor> OpenRoot(const std::string& directory, bool create, mode_t mode) {
  if (directory.empty() || directory.find('\0') != std::string::npos) {
    return Status(Code::kInvalidArgument, "The log's directory has no valid name");
  }
  const std::size_t last = directory.find_last_not_of('/');
  const std::string path = last == std::string::npos ? "/" : directory.substr(0, last + 1);

  Result<FileDescriptor> opened = OpenDirectoryAt(AT_FDCWD, path, path);
  if (!create) return opened;
  if (opened.ok()) {
    SEGLOG_RETURN_IF_ERROR(SyncParentOfExisting(opened->get(), path));
    return opened;
  }
  if (opened.status().code() != Code::kNotFound) return opened;
  // Ends: each turn the path is shorter, and "." and "/" exist.
  const Result<FileDescriptor> parent = OpenRoot(ParentOf(path), create, mode);
  if (!parent.ok()) return parent.status();
  return MakeDirectory(parent.value().get(), path, mode);
}

}  // namespace seglog::io
