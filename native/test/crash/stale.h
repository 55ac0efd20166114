// SPDX-License-Identifier: MIT
// Blocks that were never issued here: what an earlier life of a recycled file left behind the last
// block, and what a record carries that holds a journal of another log. None of them may be taken
// for a block of this log, neither as a commit nor for its mark. And footers that nobody wrote so.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "format/commit_block.h"
#include "test/crash/enumeration.h"

namespace seglog::crash {

struct StaleTotals {
  std::uint64_t blocks_behind_the_end = 0;
  std::uint64_t blocks_in_records = 0;
  std::uint64_t torn_truncations = 0;
  std::uint64_t footers = 0;  // of sealed segments, changed
};

class StalePhase final {
 public:
  StalePhase(Totals* totals, StaleTotals* stale) : totals_(totals), stale_(stale) {}

  std::optional<Failure> Run(std::uint64_t seed);

 private:
  struct RunningLog;

  std::optional<Failure> BehindTheEnd(std::uint64_t seed, RunningLog* log);
  std::optional<Failure> InFooter(std::uint64_t seed, const RunningLog& log);
  std::optional<Failure> TornTruncation(std::uint64_t seed, RunningLog* log);
  std::optional<Failure> InRecord(std::uint64_t seed, RunningLog* log);
  std::optional<Failure> Look(const test::DiskImage& image, const RunningLog& log,
                              const std::string& where);

  Totals* const totals_;
  StaleTotals* const stale_;
};

}  // namespace seglog::crash
