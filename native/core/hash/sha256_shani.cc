// SPDX-License-Identifier: MIT
// SHA-256's compression function with the SHA extensions (Gulley et al., "Intel SHA Extensions",
// 2013). The instructions keep the state as two vectors, ABEF and CDGH, and do two rounds each.
#include "hash/sha256_internal.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

namespace seglog::hash::internal {
namespace {

#define SEGLOG_TARGET_SHA __attribute__((target("sha,sse4.1,ssse3")))

struct VectorState {
  __m128i abef;
  __m128i cdgh;
};

SEGLOG_TARGET_SHA inline __m128i LoadVector(const void* memory) {
  return _mm_loadu_si128(static_cast<const __m128i*>(memory));
}

// Four words of the message, which is big-endian.
SEGLOG_TARGET_SHA inline __m128i LoadMessage(const std::byte* bytes) {
  const __m128i swap_words = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  return _mm_shuffle_epi8(LoadVector(bytes), swap_words);
}

// Rounds `round` to `round` + 3 with the words `message` of the schedule.
SEGLOG_TARGET_SHA inline void FourRounds(VectorState* state, __m128i message, std::size_t round) {
  const __m128i sum = _mm_add_epi32(message, LoadVector(&kSha256RoundConstants[round]));
  state->cdgh = _mm_sha256rnds2_epu32(state->cdgh, state->abef, sum);
  const __m128i upper_sum = _mm_shuffle_epi32(sum, 0x0E);
  state->abef = _mm_sha256rnds2_epu32(state->abef, state->cdgh, upper_sum);
}

// The next four words of the schedule after the sixteen in a, b, c, d.
SEGLOG_TARGET_SHA inline __m128i NextMessage(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(a, b), _mm_alignr_epi8(d, c, 4));
  return _mm_sha256msg2_epu32(sum, d);
}

SEGLOG_TARGET_SHA inline void CompressBlock(VectorState* state, const std::byte* block) {
  const VectorState before = *state;
  __m128i a = LoadMessage(block);
  __m128i b = LoadMessage(block + 16);
  __m128i c = LoadMessage(block + 32);
  __m128i d = LoadMessage(block + 48);
  FourRounds(state, a, 0);
  FourRounds(state, b, 4);
  FourRounds(state, c, 8);
  FourRounds(state, d, 12);
  for (std::size_t round = 16; round < kSha256Rounds; round += 16) {
    a = NextMessage(a, b, c, d);
    FourRounds(state, a, round);
    b = NextMessage(b, c, d, a);
    FourRounds(state, b, round + 4);
    c = NextMessage(c, d, a, b);
    FourRounds(state, c, round + 8);
    d = NextMessage(d, a, b, c);
    FourRounds(state, d, round + 12);
  }
  state->abef = _mm_add_epi32(state->abef, before.abef);
  state->cdgh = _mm_add_epi32(state->cdgh, before.cdgh);
}

}  // namespace

bool HasSha256ShaNi() {
  // GCC 12's __builtin_cpu_supports does not know "sha"; it is bit 29 of EBX in leaf 7.
  constexpr unsigned kShaBit = 1u << 29;
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) == 0) return false;
  return (ebx & kShaBit) != 0 && __builtin_cpu_supports("sse4.1") != 0 &&
         __builtin_cpu_supports("ssse3") != 0;
}

SEGLOG_TARGET_SHA void Sha256ShaNi(Sha256State* state, ByteSpan blocks) {
  SEGLOG_ASSERT(blocks.size() % kSha256BlockBytes == 0);
  // In memory: A B C D, E F G H. In the vectors, from the highest word: A B E F, C D G H.
  const __m128i cdab = _mm_shuffle_epi32(LoadVector(&(*state)[0]), 0xB1);
  const __m128i efgh = _mm_shuffle_epi32(LoadVector(&(*state)[4]), 0x1B);
  VectorState vectors = {.abef = _mm_alignr_epi8(cdab, efgh, 8),
                         .cdgh = _mm_blend_epi16(efgh, cdab, 0xF0)};

  const std::byte* end = blocks.data() + blocks.size();
  for (const std::byte* block = blocks.data(); block != end; block += kSha256BlockBytes) {
    CompressBlock(&vectors, block);
  }

  const __m128i feba = _mm_shuffle_epi32(vectors.abef, 0x1B);
  const __m128i dchg = _mm_shuffle_epi32(vectors.cdgh, 0xB1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&(*state)[0]), _mm_blend_epi16(feba, dchg, 0xF0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&(*state)[4]), _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace seglog::hash::internal

#endif  // defined(__x86_64__)
