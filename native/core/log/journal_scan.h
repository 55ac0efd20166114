// SPDX-License-Identifier: MIT
// Reads the live journal as recovery needs it: the files' headers, the walk over consecutive
// commits from the snapshot's start, and the highest mark in any block that was ever issued.
// Changes nothing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "format/catalog.h"
#include "format/commit_block.h"
#include "io/file_system.h"
#include "log/journal_file.h"
#include "log/report.h"

namespace seglog::log {

struct ScannedFile {
  std::uint64_t generation = 0;
  std::string path;
  format::JournalHeader header;
  bool usable = false;  // its header is its own; false: a file on its way to another generation
  AlignedBuffer bytes;
};

struct AcceptedCommit {
  format::CommitHeader header;
  const ScannedFile* file = nullptr;
  std::uint64_t offset = 0;
  std::vector<format::Item> items;  // borrow from the file's bytes
};

struct JournalScan {
  std::vector<ScannedFile> files;          // live ones, by generation
  std::vector<FreeJournalFile> all_files;  // every journal file there is, live or not
  std::uint64_t highest_generation = 0;
  std::vector<AcceptedCommit> commits;
  std::uint64_t next_commit = 0;         // the first that was not accepted
  std::uint64_t highest_mark = 0;        // in the snapshot and any block
  std::uint64_t highest_block_mark = 0;  // in any block
  std::uint64_t highest_lsn_limit = 0;   // in any block
  Status unsupported;
  // Where the walk ended.
  const ScannedFile* end_file = nullptr;
  std::uint64_t end_offset = 0;
};

// Whether the file holds a block of any log: a journal without its catalogue.
bool JournalHoldsCommits(io::FileSystem* fs, const std::string& path);

class JournalScanner final {
 public:
  // `skip_corruption`: walk on behind bad blocks, and list what was passed over as damage.
  JournalScanner(io::FileSystem* fs, const format::Catalog& catalog, bool skip_corruption,
                 RecoveryReport* report)
      : fs_(fs), catalog_(catalog), skip_corruption_(skip_corruption), report_(report) {}

  // kCorrupt when acknowledged commits are damaged; the report then names the place.
  Status Run(JournalScan* scan);

 private:
  Status ReadFiles();
  Status ReadFile(std::uint64_t generation);
  Status CheckHeader(ScannedFile* file);
  Status Walk();
  bool AcceptAt(const ScannedFile& file, std::uint64_t offset, std::uint64_t commit,
                std::uint64_t* block_bytes);
  const ScannedFile* NextFile(const ScannedFile& file, std::uint64_t end,
                              std::uint64_t commit) const;
  Status FindHighestMark();
  Status CutTornBodies();
  void DescribeEnd();
  static bool PageIsTouched(const ScannedFile& file, std::uint64_t offset);
  void DescribeVoid(const ScannedFile& file, std::uint64_t offset,
                    const format::CommitHeader& header);
  Status JudgeEnd();
  void DescribeDamagedCommits(Damage* damage) const;
  bool WalkOnBehindDamage(const ScannedFile** file, std::uint64_t* offset,
                          std::uint64_t* commit) const;
  Status Corrupt(RecoveryRow row, const std::string& path, std::uint64_t offset,
                 const std::string& what);

  io::FileSystem* const fs_;
  const format::Catalog& catalog_;
  const bool skip_corruption_;
  RecoveryReport* const report_;
  JournalScan* scan_ = nullptr;
  bool ended_in_damage_ = false;
};

}  // namespace seglog::log
