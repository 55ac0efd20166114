// SPDX-License-Identifier: MIT
// SimulatedDisk as a FileSystem. It answers as PosixFileSystem does (the conformance suite holds
// both to it), and asks the disk before each call how far that call may go.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/file_system.h"
#include "test/support/simulated_disk.h"

namespace seglog::test {

// Any thread. Borrows the disk.
class SimulatedFileSystem final : public io::FileSystem {
 public:
  SimulatedFileSystem(SimulatedDisk& disk, bool read_only) : disk_(disk), read_only_(read_only) {}

  Result<std::unique_ptr<io::File>> Open(std::string_view path,
                                         const io::OpenOptions& options) override;
  Status CreateDirectory(std::string_view path) override;
  Status Rename(std::string_view from, std::string_view to) override;
  Status Remove(std::string_view path) override;
  Status SyncDirectory(std::string_view path) override;
  Result<std::vector<io::DirectoryEntry>> List(std::string_view path) override;
  Result<bool> Exists(std::string_view path) override;
  Result<std::unique_ptr<io::FileLock>> Lock(std::string_view path,
                                             std::string_view owner) override;
  Status CheckUnlocked(std::string_view path) override;
  bool read_only() const override { return read_only_; }
  std::string_view description() const override { return "simulated"; }

 private:
  struct Place {
    InodeId directory = kNoInode;
    std::string_view name;
    InodeId inode = kNoInode;  // kNoInode: nothing has that name
  };
  using Admission = SimulatedDisk::Admission;

  Status CheckWritable(std::string_view path) const;
  // With the disk's mutex held, all of them.
  Result<InodeId> FindDirectory(std::string_view path, const char* syscall) const;
  Result<Place> Find(std::string_view path, const char* syscall) const;
  Status CheckRename(const Place& from, const Place& to, std::string_view path) const;

  SimulatedDisk& disk_;
  const bool read_only_;
};

}  // namespace seglog::test
