// SPDX-License-Identifier: MIT
// Opens paths below one directory descriptor, and nothing else: no path leaves that directory, none
// passes through a symbolic link, whatever another process plants there meanwhile. openat2 (Linux
// 5.6) does it in one call; where it is missing or forbidden, each component is opened by itself.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <string>
#include <string_view>

#include "base/status.h"
#include "io/file_descriptor.h"

namespace seglog::io {

// The directory that holds a path's last component. `fd` is valid while this and the resolver live.
struct ParentDirectory {
  FileDescriptor owned;  // not set where the parent is the root
  int fd = -1;
  std::string name;
};

// Any thread.
class PosixPathResolver final {
 public:
  PosixPathResolver(FileDescriptor root, bool allow_openat2)
      : root_(std::move(root)), use_openat2_(allow_openat2) {}

  int root() const { return root_.get(); }
  // `flags` and `mode` are openat's; O_CLOEXEC is added, links are refused.
  Result<FileDescriptor> Open(std::string_view path, int flags, mode_t mode) const;
  Result<FileDescriptor> OpenDirectory(std::string_view path) const;
  // `path` must not be "".
  Result<ParentDirectory> OpenParent(std::string_view path) const;

 private:
  Result<FileDescriptor> OpenByComponents(const std::string& path, int flags, mode_t mode) const;

  const FileDescriptor root_;
  mutable std::atomic<bool> use_openat2_;  // cleared for good by the first refusal
};

}  // namespace seglog::io
