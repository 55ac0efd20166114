// SPDX-License-Identifier: MIT
// Which directory a path leads to, however it is written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace seglog::io {

struct DirectoryIdentity {
  std::uint64_t device = 0, inode = 0;
  bool operator==(const DirectoryIdentity&) const = default;
};

// Nothing where there is none, or none that can be looked at. Any thread.
std::optional<DirectoryIdentity> IdentityOf(const std::string& directory);

}  // namespace seglog::io
