// SPDX-License-Identifier: MIT
// One journal file: made (or taken from an earlier life), named, then written block behind block.
// Its name is durable before its first block; a position is issued once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "format/commit_block.h"
#include "io/file_system.h"

namespace seglog::log {

// A file that no snapshot needs any more and that may be given a new generation.
struct FreeJournalFile {
  std::uint64_t generation = 0;  // in its name
  std::uint64_t bytes = 0;
};

// So many of them are kept; the others are removed.
inline constexpr std::size_t kFreeJournalsMax = 4;

// What checkpoints need to know of a file that is live.
struct LiveJournalFile {
  std::uint64_t generation = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_commit = 0;  // 0: no block was issued into it
};

// One thread at a time; the committer's once it is current.
class JournalFile final {
 public:
  // Makes the file durable under its name, with its header, and (a fresh one) its zeros. `recycle`
  // may be null. Blocking.
  static Result<std::unique_ptr<JournalFile>> Prepare(io::FileSystem* fs, bool direct,
                                                      const format::JournalIdentity& identity,
                                                      std::uint64_t bytes,
                                                      const FreeJournalFile* recycle);

  const format::JournalIdentity& identity() const { return identity_; }
  std::uint64_t generation() const { return identity_.generation; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t write_offset() const { return write_offset_; }
  std::uint64_t room() const { return bytes_ - write_offset_; }
  // The next file is prepared from here on, so that no commit waits for it.
  bool HalfFull() const { return room() < bytes_ / 2; }
  std::uint64_t first_commit() const { return first_commit_; }
  const char* write_method() const { return file_->write_method(); }

  // Reserves the place of the next block. A place is never given twice.
  std::uint64_t Issue(std::uint64_t commit, std::uint64_t block_bytes);
  // Writes a block that was issued. In a recycled file `block` must be followed in memory by a page
  // of zeros, which is written too when it fits: so what lies behind the last block is known to be
  // of no later commit.
  Status Write(std::uint64_t offset, AlignedBuffer* block, io::WriteMode mode);
  Status Sync() { return file_->SyncData(); }

 private:
  JournalFile() = default;

  format::JournalIdentity identity_;
  std::unique_ptr<io::File> file_;
  std::uint64_t bytes_ = 0;
  std::uint64_t write_offset_ = format::kJournalBlocksOffset;
  std::uint64_t first_commit_ = 0;
  bool recycled_ = false;
};

}  // namespace seglog::log
