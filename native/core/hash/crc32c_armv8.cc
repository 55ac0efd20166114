// SPDX-License-Identifier: MIT
// CRC-32C with the CRC32 extension of ARMv8 (mandatory since ARMv8.1), one word an instruction.
#include "hash/crc32c_internal.h"

#if defined(__aarch64__)

#if defined(__linux__)
#include <sys/auxv.h>
#endif

namespace seglog::hash::internal {
namespace {

// The compilers' own names: <arm_acle.h> hides the intrinsics of clang unless the whole file is
// compiled for processors that have them.
#if defined(__clang__)
#define SEGLOG_TARGET_CRC __attribute__((target("crc")))
#define SEGLOG_CRC32C_WORD __builtin_arm_crc32cd
#define SEGLOG_CRC32C_BYTE __builtin_arm_crc32cb
#else
#define SEGLOG_TARGET_CRC __attribute__((target("+crc")))
#define SEGLOG_CRC32C_WORD __builtin_aarch64_crc32cx
#define SEGLOG_CRC32C_BYTE __builtin_aarch64_crc32cb
#endif

constexpr std::size_t kWordBytes = 8;

}  // namespace

bool HasCrc32cArmv8() {
#if defined(__linux__)
  return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
#else
  // Every 64-bit Apple processor since the A10 has it, and so has every Mac.
  return true;
#endif
}

SEGLOG_TARGET_CRC std::uint32_t Crc32cArmv8(std::uint32_t seed, ByteSpan bytes) {
  const std::byte* next = bytes.data();
  std::size_t left = bytes.size();
  std::uint32_t state = ~seed;
  for (; left >= kWordBytes; left -= kWordBytes, next += kWordBytes) {
    std::uint64_t word;
    std::memcpy(&word, next, sizeof(word));
    state = SEGLOG_CRC32C_WORD(state, word);
  }
  for (; left > 0; --left, ++next) {
    state = SEGLOG_CRC32C_BYTE(state, std::to_integer<std::uint8_t>(*next));
  }
  return ~state;
}

}  // namespace seglog::hash::internal

#endif  // defined(__aarch64__)
