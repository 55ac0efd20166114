// SPDX-License-Identifier: MIT
// Byte spans, little-endian loads and stores, and alignment arithmetic. Stored integers are always
// little-endian; these compile to one instruction on the machines we support.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/assert.h"

namespace seglog {

using ByteSpan = std::span<const std::byte>;
using MutableByteSpan = std::span<std::byte>;

// The unit of atomicity and alignment that the log assumes of its device (docs/durability.md).
inline constexpr std::size_t kPageBytes = 4096;

static_assert(std::endian::native == std::endian::little, "big-endian machines are not supported");

template <std::unsigned_integral T>
T LoadLittle(ByteSpan bytes, std::size_t offset) {
  SEGLOG_ASSERT(offset + sizeof(T) <= bytes.size());
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

template <std::unsigned_integral T>
void StoreLittle(MutableByteSpan bytes, std::size_t offset, T value) {
  SEGLOG_ASSERT(offset + sizeof(T) <= bytes.size());
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}

template <std::unsigned_integral T>
constexpr T AlignUp(T value, T alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

template <std::unsigned_integral T>
constexpr T AlignDown(T value, T alignment) {
  return value / alignment * alignment;
}

inline ByteSpan AsBytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline bool IsAllZero(ByteSpan bytes) {
  for (const std::byte byte : bytes) {
    if (byte != std::byte{0}) return false;
  }
  return true;
}

}  // namespace seglog
