// SPDX-License-Identifier: MIT
#include "log/state.h"

#include <algorithm>

namespace seglog::log {

format::Catalog State::Capture() {
  SEGLOG_ASSERT(durable_commit == issued_commit);
  format::Catalog catalog;
  table.Store(&catalog);
  catalog.log_uuid = log_uuid;
  catalog.mark = durable_commit;
  catalog.next_lsn = lsn_limit;
  catalog.highest_generation = highest_generation;
  catalog.log_time_us = last_time_us;
  catalog.start_generation = FirstWithBlocks(OldestNeededGeneration());
  catalog.start_commit = FirstCommitOf(catalog.start_generation);
  return catalog;
}

std::uint64_t State::OldestNeededGeneration() {
  std::uint64_t oldest = journal->generation();
  for (const StreamHandle handle : table.with_segments()) {
    for (const auto& segment : table.at(handle).segments) {
      if (segment->oldest_generation != 0) oldest = std::min(oldest, segment->oldest_generation);
    }
  }
  return oldest;
}

// Nobody needs a file into which no block was issued: it was given up for a larger one.
std::uint64_t State::FirstWithBlocks(std::uint64_t generation) const {
  for (const LiveJournalFile& old : old_journals) {
    if (old.generation >= generation && old.first_commit != 0) return old.generation;
  }
  return journal->generation();
}

std::uint64_t State::FirstCommitOf(std::uint64_t generation) const {
  if (generation == journal->generation()) {
    return journal->first_commit() != 0 ? journal->first_commit() : issued_commit + 1;
  }
  for (const LiveJournalFile& old : old_journals) {
    if (old.generation == generation) {
      SEGLOG_ASSERT(old.first_commit != 0);
      return old.first_commit;
    }
  }
  SEGLOG_ASSERT(false);
}

}  // namespace seglog::log
