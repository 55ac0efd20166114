// SPDX-License-Identifier: MIT
#include "io/directory_identity.h"

#include <sys/stat.h>

namespace seglog::io {

std::optional<DirectoryIdentity> IdentityOf(const std::string& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) return std::nullopt;
  return DirectoryIdentity{.device = static_cast<std::uint64_t>(info.st_dev),
                           .inode = static_cast<std::uint64_t>(info.st_ino)};
}

}  // namespace seglog::io
