// SPDX-License-Identifier: MIT
// Unsigned LEB128 of 64 bits, in the shortest form only, so that a value has one encoding. Pure
// functions, any thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"

namespace seglog::format {

inline constexpr std::size_t kVarintBytesMax = 10;

constexpr std::size_t VarintBytes(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1)) + 6) / 7;
}

// Writes VarintBytes(value) bytes and returns what is behind them.
std::byte* PutVarint(std::byte* out, std::uint64_t value);

// Takes a varint off the front of `bytes`. False when it is cut short, beyond 64 bits or not in its
// shortest form.
bool TakeVarint(ByteSpan* bytes, std::uint64_t* value);

}  // namespace seglog::format
