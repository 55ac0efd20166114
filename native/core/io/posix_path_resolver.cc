// SPDX-License-Identifier: MIT
#include "io/posix_path_resolver.h"

#include <fcntl.h>
#include <sys/stat.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "io/path.h"

namespace seglog::io {
namespace {

#if defined(__linux__)

// struct open_how and its flags, as in linux/openat2.h (Linux 5.6), which the headers that release
// builds are made with do not have. The system call has the same number on every architecture.
struct OpenHow {
  std::uint64_t flags;
  std::uint64_t mode;
  std::uint64_t resolve;
};
static_assert(sizeof(OpenHow) == 24);
constexpr long kOpenat2Number = 437;
constexpr std::uint64_t kResolveNoSymlinks = 0x04;
constexpr std::uint64_t kResolveBeneath = 0x08;

int OpenBeneath(int root, const char* path, int flags, mode_t mode) {
  OpenHow how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = kResolveBeneath | kResolveNoSymlinks;
  return static_cast<int>(::syscall(kOpenat2Number, root, path, &how, sizeof(how)));
}

#else

int OpenBeneath(int, const char*, int, mode_t) {
  errno = ENOSYS;
  return -1;
}

#endif

// openat of one component. With O_DIRECTORY and O_NOFOLLOW Linux answers ENOTDIR to a symbolic
// link; it is told apart here, for the message.
int OpenComponent(int directory, const char* name, int flags, mode_t mode) {
  const int fd = RetryInterrupted(
      [&] { return ::openat(directory, name, flags | O_NOFOLLOW | O_CLOEXEC, mode); });
  if (fd >= 0 || errno != ENOTDIR) return fd;
  struct stat info {};
  const bool link =
      ::fstatat(directory, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(info.st_mode);
  errno = link ? ELOOP : ENOTDIR;
  return -1;
}

}  // namespace

Result<FileDescriptor> PosixPathResolver::Open(std::string_view path, int flags,
                                               mode_t mode) const {
  SEGLOG_RETURN_IF_ERROR(CheckPath(path));
  const std::string name(path.empty() ? "." : path);
  flags |= O_CLOEXEC;  // No O_NOFOLLOW: openat2 then says ENOTDIR of a link where ELOOP is meant.
  if (!use_openat2_.load(std::memory_order_relaxed)) return OpenByComponents(name, flags, mode);

  const int fd = RetryInterrupted([&] { return OpenBeneath(root(), name.c_str(), flags, mode); });
  if (fd >= 0) return FileDescriptor(fd);
  const int error_number = errno;
  if (error_number == ENOSYS || error_number == EPERM) {
    // EPERM is either a filter that forbids the call or the true answer: the other way tells.
    Result<FileDescriptor> opened = OpenByComponents(name, flags, mode);
    if (error_number == ENOSYS || opened.ok()) {
      use_openat2_.store(false, std::memory_order_relaxed);
    }
    return opened;
  }
  return PathStatus(error_number, "openat2", path);
}

Result<FileDescriptor> PosixPathResolver::OpenDirectory(std::string_view path) const {
  return Open(path, O_RDONLY | O_DIRECTORY, 0);
}

Result<ParentDirectory> PosixPathResolver::OpenParent(std::string_view path) const {
  SEGLOG_RETURN_IF_ERROR(CheckPath(path));
  if (path.empty()) {
    return Status(Code::kInvalidArgument, "The log's own directory cannot be made or removed");
  }
  const SplitPath split = Split(path);
  ParentDirectory parent;
  parent.name = split.name;
  parent.fd = root();
  if (!split.parent.empty()) {
    Result<FileDescriptor> opened = OpenDirectory(split.parent);
    if (!opened.ok()) return opened.status();
    parent.owned = std::move(opened).value();
    parent.fd = parent.owned.get();
  }
  return parent;
}

Result<FileDescriptor> PosixPathResolver::OpenByComponents(const std::string& path, int flags,
                                                           mode_t mode) const {
  FileDescriptor owned;
  int directory = root();
  std::size_t begin = 0;
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', begin)) {
    const std::string name = path.substr(begin, slash - begin);
    const int fd = OpenComponent(directory, name.c_str(), O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return PathStatus(errno, "openat", path);
    owned = FileDescriptor(fd);
    directory = fd;
    begin = slash + 1;
  }
  const int fd = OpenComponent(directory, path.c_str() + begin, flags, mode);
  if (fd < 0) return PathStatus(errno, "openat", path);
  return FileDescriptor(fd);
}

}  // namespace seglog::io
