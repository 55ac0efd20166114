// SPDX-License-Identifier: MIT
// Opens, and where asked makes, the directory that a PosixFileSystem lives in.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/status.h"
#include "io/file_descriptor.h"

namespace seglog::io {

// With `create`, missing directories are made one by one, each made durable in its parent before
// anything is made in it.
Result<FileDescriptor> OpenRoot(const std::string& directory, bool create, mode_t mode);

}  // namespace seglog::io
