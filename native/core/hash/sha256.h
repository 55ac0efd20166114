// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4), with the SHA extensions of x86-64 where the processor has them.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace seglog::hash {

using Sha256Digest = std::array<std::byte, 32>;

// Feed with Update, end with Finish once. One thread at a time.
class Sha256 final {
 public:
  Sha256();
  void Update(ByteSpan bytes);
  Sha256Digest Finish();

 private:
  std::array<std::uint32_t, 8> state_;
  std::array<std::byte, 64> block_;
  std::size_t block_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;
};

Sha256Digest Sha256Of(ByteSpan bytes);

// "sha-ni" or "portable".
const char* Sha256Implementation();

}  // namespace seglog::hash
