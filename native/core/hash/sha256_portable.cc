// SPDX-License-Identifier: MIT
// SHA-256's compression function as FIPS 180-4, section 6.2.2, writes it down.
#include <bit>

#include "hash/sha256_internal.h"

namespace seglog::hash::internal {
namespace {

// Sections 4.1.2 (4.2) to (4.7).
std::uint32_t Choose(std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  return (x & y) ^ (~x & z);
}

std::uint32_t Majority(std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  return (x & y) ^ (x & z) ^ (y & z);
}

std::uint32_t BigSigma0(std::uint32_t x) {
  return std::rotr(x, 2) ^ std::rotr(x, 13) ^ std::rotr(x, 22);
}

std::uint32_t BigSigma1(std::uint32_t x) {
  return std::rotr(x, 6) ^ std::rotr(x, 11) ^ std::rotr(x, 25);
}

std::uint32_t SmallSigma0(std::uint32_t x) { return std::rotr(x, 7) ^ std::rotr(x, 18) ^ (x >> 3); }

std::uint32_t SmallSigma1(std::uint32_t x) {
  return std::rotr(x, 17) ^ std::rotr(x, 19) ^ (x >> 10);
}

void CompressBlock(Sha256State* state, ByteSpan block) {
  std::array<std::uint32_t, kSha256Rounds> schedule;
  for (std::size_t t = 0; t < 16; ++t) {
    schedule[t] = __builtin_bswap32(LoadLittle<std::uint32_t>(block, 4 * t));
  }
  for (std::size_t t = 16; t < kSha256Rounds; ++t) {
    schedule[t] = SmallSigma1(schedule[t - 2]) + schedule[t - 7] + SmallSigma0(schedule[t - 15]) +
                  schedule[t - 16];
  }

  auto [a, b, c, d, e, f, g, h] = *state;
  for (std::size_t t = 0; t < kSha256Rounds; ++t) {
    const std::uint32_t temporary1 =
        h + BigSigma1(e) + Choose(e, f, g) + kSha256RoundConstants[t] + schedule[t];
    const std::uint32_t temporary2 = BigSigma0(a) + Majority(a, b, c);
    h = g;
    g = f;
    f = e;
    e = d + temporary1;
    d = c;
    c = b;
    b = a;
    a = temporary1 + temporary2;
  }

  const Sha256State added = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < added.size(); ++i) (*state)[i] += added[i];
}

}  // namespace

void Sha256Portable(Sha256State* state, ByteSpan blocks) {
  SEGLOG_ASSERT(blocks.size() % kSha256BlockBytes == 0);
  for (; !blocks.empty(); blocks = blocks.subspan(kSha256BlockBytes)) {
    CompressBlock(state, blocks.first(kSha256BlockBytes));
  }
}

}  // namespace seglog::hash::internal
