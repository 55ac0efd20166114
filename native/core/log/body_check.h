// SPDX-License-Identifier: MIT
// Bodies are written straight to their segments' files, and nobody knows whether those above the
// mark arrived whole before the power went. So recovery reads these, and accepts a commit only with
// all of its bodies; and it writes them again, since what it read may be known to no more than the
// page cache. Bodies at or below the mark were synced: the reads that need them verify them.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/aligned_buffer.h"
#include "format/catalog.h"
#include "log/journal_scan.h"
#include "log/segment_files.h"

namespace seglog::log {

// Single use: of one recovery.
class BodyCheck final {
 public:
  // `skips_damage`: a segment may have begun in a block that was passed over; its bodies count as
  // there.
  BodyCheck(io::FileSystem* fs, const format::Catalog& catalog, bool skips_damage)
      : fs_(fs), catalog_(catalog), skips_damage_(skips_damage) {}

  // The number of the first commit above `mark` with a body that fails its check, 0 if there is
  // none. Changes nothing.
  Result<std::uint64_t> FirstTorn(const std::vector<AcceptedCommit>& commits, std::uint64_t mark);
  // Writes and syncs the bodies of the commits above `mark` again, all of which passed.
  Status Rewrite(const std::vector<AcceptedCommit>& commits, std::uint64_t mark,
                 SegmentFiles* files);

 private:
  void NameSegments(const std::vector<AcceptedCommit>& commits);
  // False where the file has no such body.
  Result<bool> Read(const format::BodyItem& item);

  io::FileSystem* const fs_;
  const format::Catalog& catalog_;
  const bool skips_damage_;
  std::unordered_map<std::uint64_t, std::string> paths_;  // by segment id
  AlignedBuffer body_;
};

}  // namespace seglog::log
