// SPDX-License-Identifier: MIT
// The log's lock: flock on a file, so that it ends with its process however that ends, and the
// file's text says who holds it.
#pragma once

#include <memory>
#include <string_view>

#include "io/file_descriptor.h"
#include "io/file_system.h"

namespace seglog::io {

// `fd` is the lock file, open for reading and writing. The text is written after the lock is taken,
// so a refusal in that moment names the holder before; it decides nothing.
Result<std::unique_ptr<FileLock>> TakeLock(FileDescriptor fd, std::string_view path,
                                           std::string_view owner);

// kLocked where somebody holds the lock on `fd`, the lock file, open for reading.
Status CheckLockIsFree(const FileDescriptor& fd, std::string_view path);

}  // namespace seglog::io
