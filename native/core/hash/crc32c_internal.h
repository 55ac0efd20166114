// SPDX-License-Identifier: MIT
// The implementations of CRC-32C behind the dispatcher in crc32c.cc, and the arithmetic they share.
// Callers use hash/crc32c.h; this header is for the implementations and their tests.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace seglog::hash::internal {

// 0x1EDC6F41 with its bits reversed: in a checksum register bit 31 - n is the coefficient of x^n.
inline constexpr std::uint32_t kCrc32cPolynomial = 0x82F63B78;
// The polynomial 1, that is x^0, in that order of bits.
inline constexpr std::uint32_t kCrc32cOne = 0x80000000;

// `polynomial` times x, modulo the CRC's polynomial.
constexpr std::uint32_t Crc32cTimesX(std::uint32_t polynomial) {
  return (polynomial >> 1) ^ ((polynomial & 1) != 0 ? kCrc32cPolynomial : 0);
}

// The same contract as Crc32c(). Any thread.
using Crc32cFunction = std::uint32_t (*)(std::uint32_t seed, ByteSpan bytes);

struct Crc32cVariant {
  const char* name = nullptr;
  Crc32cFunction function = nullptr;
};

// What this processor can run, fastest first; the portable one is always there, and last.
std::span<const Crc32cVariant> Crc32cVariants();

std::uint32_t Crc32cPortable(std::uint32_t seed, ByteSpan bytes);

#if defined(__x86_64__)
bool HasCrc32cSse42();
// Only where HasCrc32cSse42().
std::uint32_t Crc32cSse42(std::uint32_t seed, ByteSpan bytes);
#endif

#if defined(__aarch64__)
bool HasCrc32cArmv8();
// Only where HasCrc32cArmv8().
std::uint32_t Crc32cArmv8(std::uint32_t seed, ByteSpan bytes);
#endif

}  // namespace seglog::hash::internal
