// SPDX-License-Identifier: MIT
// An open file of a SimulatedFileSystem.
#pragma once

#include <cstdint>
#include <string>

#include "io/file_system.h"
#include "test/support/simulated_disk.h"

namespace seglog::test {

// Any thread. Borrows the disk.
class SimulatedFile final : public io::File {
 public:
  // The disk has counted the handle already; it is given back when the file is destroyed.
  SimulatedFile(SimulatedDisk& disk, InodeId inode, std::string path, bool writable, bool direct)
      : disk_(disk), inode_(inode), path_(std::move(path)), writable_(writable), direct_(direct) {}
  ~SimulatedFile() override;

  Result<std::size_t> ReadAt(std::uint64_t offset, MutableByteSpan out) override;
  Status WriteAt(std::uint64_t offset, ByteSpan bytes, io::WriteMode mode) override;
  Status SyncData() override;
  Status Truncate(std::uint64_t size) override;
  Result<bool> Allocate(std::uint64_t size) override;
  Result<std::uint64_t> Size() override;
  bool direct() const override { return direct_; }
  const char* write_method() const override { return direct_ ? "O_DIRECT+RWF_DSYNC" : "RWF_DSYNC"; }

 private:
  Status WriteAdmitted(std::uint64_t offset, ByteSpan bytes, io::WriteMode mode);
  std::uint64_t BytesThatFit(std::uint64_t offset, std::uint64_t bytes) const;

  SimulatedDisk& disk_;
  const InodeId inode_;
  const std::string path_;
  const bool writable_;
  const bool direct_;
};

}  // namespace seglog::test
