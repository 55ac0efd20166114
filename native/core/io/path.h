// SPDX-License-Identifier: MIT
// What paths may look like and how their failures are coded: shared by every FileSystem, so that
// they answer alike.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"

namespace seglog::io {

// Ok for "" and for relative paths without empty components, ".", ".." and zero bytes.
Status CheckPath(std::string_view path);

// Status::FromErrno, except that EEXIST is kExists, and ELOOP, ENOTDIR and EISDIR, which say that
// something else stands where the log expects its own, are kNotALog.
Status PathStatus(int error_number, const char* syscall, std::string_view path);

// Ok when a transfer of `bytes` at `offset` is aligned as a direct file demands.
Status CheckDirectTransfer(std::uint64_t offset, ByteSpan bytes);

struct SplitPath {
  std::string_view parent;  // "" for the log's directory
  std::string_view name;
};

// `path` must be valid and not empty. Borrows from `path`.
SplitPath Split(std::string_view path);

// What the holder of a lock wrote into it, as one printable line for a message.
std::string OneLine(std::string_view text);

}  // namespace seglog::io
