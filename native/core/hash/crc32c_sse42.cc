// SPDX-License-Identifier: MIT
// CRC-32C with the crc32 instruction of SSE 4.2. The instruction takes three cycles but starts
// every cycle, so three neighbouring lanes are computed at once and then joined by carry-less
// multiplication, as in Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32
// Instruction", Intel 2011.
#include "hash/crc32c_internal.h"

#if defined(__x86_64__)

#include <nmmintrin.h>
#include <wmmintrin.h>

#include <algorithm>

namespace seglog::hash::internal {
namespace {

#define SEGLOG_TARGET_SSE42 __attribute__((target("sse4.2,pclmul")))

constexpr std::size_t kWordBytes = 8;
constexpr std::size_t kLanes = 3;
// A lane is long enough here for the cost of joining not to show, and three fit the first-level
// cache.
constexpr std::size_t kLaneWordsMax = 128;
// Below this joining costs more than the lanes win.
constexpr std::size_t kLaneWordsMin = 2;

// shifts[n] moves a register n words on: register * shifts[n] carry-less, fed to the crc32
// instruction as one word, is the register after n zero words. The product of two registers, read
// as a 64-bit register, is times x, and the instruction multiplies by x^32: so it is x^(64 n - 33).
constexpr auto MakeShifts() {
  std::array<std::uint32_t, 2 * kLaneWordsMax + 1> shifts{};
  std::uint32_t power = kCrc32cOne;
  for (std::size_t exponent = 0; exponent < 64 - 33; ++exponent) power = Crc32cTimesX(power);
  for (std::size_t words = 1; words < shifts.size(); ++words) {
    shifts[words] = power;
    for (std::size_t bit = 0; bit < 64; ++bit) power = Crc32cTimesX(power);
  }
  return shifts;
}

constexpr auto kShifts = MakeShifts();

SEGLOG_TARGET_SSE42 inline std::uint64_t LoadWord(const std::byte* bytes) {
  std::uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

SEGLOG_TARGET_SSE42 inline std::uint64_t Multiply(std::uint64_t state, std::uint32_t factor) {
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(state)),
                                               _mm_cvtsi32_si128(static_cast<int>(factor)), 0);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(product));
}

// The register after three lanes of `lane_words` words, which lie one behind the other.
SEGLOG_TARGET_SSE42 inline std::uint64_t ThreeLanes(std::uint64_t state, const std::byte* bytes,
                                                    std::size_t lane_words) {
  const std::size_t lane_bytes = lane_words * kWordBytes;
  std::uint64_t first = state;
  std::uint64_t second = 0;
  std::uint64_t third = 0;
  for (const std::byte* end = bytes + lane_bytes; bytes != end; bytes += kWordBytes) {
    first = _mm_crc32_u64(first, LoadWord(bytes));
    second = _mm_crc32_u64(second, LoadWord(bytes + lane_bytes));
    third = _mm_crc32_u64(third, LoadWord(bytes + 2 * lane_bytes));
  }
  const std::uint64_t joined =
      Multiply(first, kShifts[2 * lane_words]) ^ Multiply(second, kShifts[lane_words]);
  return _mm_crc32_u64(0, joined) ^ third;
}

}  // namespace

bool HasCrc32cSse42() {
  return __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;
}

SEGLOG_TARGET_SSE42 std::uint32_t Crc32cSse42(std::uint32_t seed, ByteSpan bytes) {
  const std::byte* next = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t state = ~seed;
  while (left >= kLanes * kLaneWordsMin * kWordBytes) {
    const std::size_t lane_words = std::min(left / (kLanes * kWordBytes), kLaneWordsMax);
    state = ThreeLanes(state, next, lane_words);
    next += kLanes * kWordBytes * lane_words;
    left -= kLanes * kWordBytes * lane_words;
  }
  for (; left >= kWordBytes; left -= kWordBytes, next += kWordBytes) {
    state = _mm_crc32_u64(state, LoadWord(next));
  }
  auto narrow = static_cast<std::uint32_t>(state);
  for (; left > 0; --left, ++next) {
    narrow = _mm_crc32_u8(narrow, std::to_integer<std::uint8_t>(*next));
  }
  return ~narrow;
}

}  // namespace seglog::hash::internal

#endif  // defined(__x86_64__)
