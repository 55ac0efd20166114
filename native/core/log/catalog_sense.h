// SPDX-License-Identifier: MIT
// Whether what a catalogue says can be true of a log. The codec verifies the bytes; this looks at
// what they mean together, so that the table can rely on it: a catalogue may have a right checksum
// and still be nonsense, and nonsense from disk is damage, never a reason to abort.
#pragma once

#include <cstdint>

#include "base/status.h"
#include "format/catalog.h"

namespace seglog::log {

// Sequences, LSNs, commits and generations of a log lie below this (half of what a double counts
// exactly), so that no sum of two of them overflows and each is a safe integer in JavaScript. At
// ten million records a second it is reached after fourteen years.
inline constexpr std::uint64_t kCounterLimit = std::uint64_t{1} << 52;

// Pure. kCorrupt, with what is wrong.
Status CheckCatalog(const format::Catalog& catalog);

}  // namespace seglog::log
