// SPDX-License-Identifier: MIT
// The FileSystem of Linux and macOS: everything below one directory descriptor, opened once.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "io/file_system.h"
#include "io/posix_path_resolver.h"

namespace seglog::io {

struct PosixOptions {
  std::string directory;  // may lie behind symbolic links; what is below it may not
  bool create = false;    // makes the directory and missing parents, durably
  bool read_only = false;
  mode_t directory_mode = 0700;
  mode_t file_mode = 0600;
  bool allow_direct = true;
  // Off: the ways of older kernels. For tests.
  bool allow_openat2 = true;
  bool allow_dsync_writes = true;
};

// Any thread.
class PosixFileSystem final : public FileSystem {
 public:
  // kNotFound where the directory is not there and not to be made, kNotALog where it is a file.
  static Result<std::unique_ptr<FileSystem>> Open(const PosixOptions& options);

  Result<std::unique_ptr<File>> Open(std::string_view path, const OpenOptions& options) override;
  Status CreateDirectory(std::string_view path) override;
  Status Rename(std::string_view from, std::string_view to) override;
  Status Remove(std::string_view path) override;
  Status SyncDirectory(std::string_view path) override;
  Result<std::vector<DirectoryEntry>> List(std::string_view path) override;
  Result<bool> Exists(std::string_view path) override;
  Result<std::unique_ptr<FileLock>> Lock(std::string_view path, std::string_view owner) override;
  Status CheckUnlocked(std::string_view path) override;
  bool read_only() const override;
  std::string_view description() const override { return "posix"; }

 private:
  PosixFileSystem(const PosixOptions& options, FileDescriptor root);

  Status CheckWritable(std::string_view path) const;

  const PosixOptions options_;
  const PosixPathResolver resolver_;
};

}  // namespace seglog::io
