// SPDX-License-Identifier: MIT
// Repeats everything that only the journal holds in one new journal file, so that no older file is
// needed: at the beginning of a session, and at its end.
#pragma once

#include <cstdint>

#include "log/state.h"

namespace seglog::log {

// How long a file must be that takes all of it.
std::uint64_t JournalBytesForPending(State* state);

struct RepeatOptions {
  std::uint64_t mark = 0;  // in all its blocks
  // In the first block: the file that this one follows, 0 if none.
  std::uint64_t previous_generation = 0;
  std::uint64_t previous_end = 0;
};

// Writes the blocks, none where nothing is pending, and syncs them. `journal` has no block yet.
// Nobody else commits meanwhile.
Status RepeatPending(const RepeatOptions& options, JournalFile* journal, State* state);

}  // namespace seglog::log
