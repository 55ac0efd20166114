// SPDX-License-Identifier: MIT
// CRC-32C with eight tables, eight bytes a step: "slicing-by-8" (Kounavis and Berry, "A Systematic
// Approach to Building High Performance, Software-based, CRC Generators", 2005).
#include "hash/crc32c_internal.h"

namespace seglog::hash::internal {
namespace {

constexpr std::size_t kSlices = 8;
using Tables = std::array<std::array<std::uint32_t, 256>, kSlices>;

// tables[s][b] is the register after byte b and s zero bytes, from register 0.
constexpr Tables MakeTables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = Crc32cTimesX(value);
    tables[0][byte] = value;
  }
  for (std::size_t slice = 1; slice < kSlices; ++slice) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[slice - 1][byte];
      tables[slice][byte] = (before >> 8) ^ tables[0][before & 0xFF];
    }
  }
  return tables;
}

constexpr Tables kTables = MakeTables();
static_assert(kTables[0][1] == 0xF26B8303, "the second entry of every published CRC-32C table");

std::uint32_t Slice(std::size_t slice, std::uint64_t word, unsigned byte_index) {
  return kTables[slice][(word >> (8 * byte_index)) & 0xFF];
}

}  // namespace

std::uint32_t Crc32cPortable(std::uint32_t seed, ByteSpan bytes) {
  std::uint32_t state = ~seed;
  while (bytes.size() >= kSlices) {
    const std::uint64_t word = LoadLittle<std::uint64_t>(bytes, 0) ^ state;
    state = Slice(7, word, 0) ^ Slice(6, word, 1) ^ Slice(5, word, 2) ^ Slice(4, word, 3) ^
            Slice(3, word, 4) ^ Slice(2, word, 5) ^ Slice(1, word, 6) ^ Slice(0, word, 7);
    bytes = bytes.subspan(kSlices);
  }
  for (const std::byte byte : bytes) {
    state = (state >> 8) ^ kTables[0][(state ^ std::to_integer<std::uint32_t>(byte)) & 0xFF];
  }
  return ~state;
}

}  // namespace seglog::hash::internal
