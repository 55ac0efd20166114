// SPDX-License-Identifier: MIT
// An open file of PosixFileSystem: transfers at offsets, finished when the kernel stops half way,
// and synced writes by the best means that the kernel has.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "io/file_descriptor.h"
#include "io/file_system.h"

namespace seglog::io {

// Any thread; the order of overlapping transfers is the caller's matter.
class PosixFile final : public File {
 public:
  // Without `allow_dsync_writes` a synced write is a write and a sync of the file.
  PosixFile(FileDescriptor fd, std::string path, bool direct, bool allow_dsync_writes);

  Result<std::size_t> ReadAt(std::uint64_t offset, MutableByteSpan out) override;
  Status WriteAt(std::uint64_t offset, ByteSpan bytes, WriteMode mode) override;
  Status SyncData() override;
  Status Truncate(std::uint64_t size) override;
  Result<bool> Allocate(std::uint64_t size) override;
  Result<std::uint64_t> Size() override;
  bool direct() const override { return direct_; }
  const char* write_method() const override;

 private:
  Status WriteAll(std::uint64_t offset, ByteSpan bytes, bool dsync, bool* dsync_refused);

  const FileDescriptor fd_;
  const std::string path_;
  const bool direct_;
  std::atomic<bool> dsync_writes_;  // RWF_DSYNC; cleared for good when the kernel refuses it
};

}  // namespace seglog::io
