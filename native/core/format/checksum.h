// SPDX-License-Identifier: MIT
// How stored checksums are seeded. A seed binds bytes to the place they were written for, so that a
// copy of valid bytes at another place, or in another life of a recycled file, never validates.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace seglog::format {

using LogUuid = std::array<std::byte, 16>;

inline constexpr std::uint32_t kFormatVersion = 1;

// The seed for bytes at `offset` of segment `segment_id`: the CRC-32C of both, u64 each.
std::uint32_t SegmentSeed(std::uint64_t segment_id, std::uint64_t offset);

// Which life of which journal file a block belongs to.
struct JournalIdentity {
  LogUuid log_uuid{};
  std::uint64_t generation = 0;
  std::uint64_t salt = 0;  // random for each generation, so that no payload can hold a valid block

  bool operator==(const JournalIdentity&) const = default;
};

// The CRC-32C of log uuid, generation, salt and offset (16 + 8 + 8 + 8 bytes).
std::uint32_t JournalSeed(const JournalIdentity& identity, std::uint64_t offset);

}  // namespace seglog::format
