// SPDX-License-Identifier: MIT
// SHA-256 of a message that comes in pieces: buffers up to one block, pads, and chooses the
// implementation of the compression function once, at first use.
#include "hash/sha256.h"

#include <algorithm>

#include "hash/sha256_internal.h"

namespace seglog::hash {
namespace internal {
namespace {

struct VariantList {
  std::array<Sha256Variant, 2> variants;
  std::size_t count = 0;

  VariantList() {
#if defined(__x86_64__)
    if (HasSha256ShaNi()) Add({.name = "sha-ni", .function = Sha256ShaNi});
#endif
    Add({.name = "portable", .function = Sha256Portable});
  }

  void Add(const Sha256Variant& variant) {
    SEGLOG_ASSERT(count < variants.size());
    variants[count++] = variant;
  }
};

}  // namespace

std::span<const Sha256Variant> Sha256Variants() {
  static const VariantList kList;
  return {kList.variants.data(), kList.count};
}

}  // namespace internal

namespace {

using internal::kSha256BlockBytes;

// The message's length in bits ends the last block (FIPS 180-4, section 5.1.1).
constexpr std::size_t kLengthBytes = 8;
constexpr std::byte kEndOfMessage{0x80};

const internal::Sha256Variant& Chosen() {
  static const internal::Sha256Variant kChosen = internal::Sha256Variants().front();
  return kChosen;
}

}  // namespace

Sha256::Sha256() : state_(internal::kSha256InitialState), block_{} {
  static_assert(std::tuple_size_v<decltype(block_)> == kSha256BlockBytes);
}

void Sha256::Update(ByteSpan bytes) {
  total_bytes_ += bytes.size();
  if (block_bytes_ > 0) {
    const std::size_t taken = std::min(kSha256BlockBytes - block_bytes_, bytes.size());
    std::copy_n(bytes.begin(), taken, block_.begin() + static_cast<std::ptrdiff_t>(block_bytes_));
    block_bytes_ += taken;
    bytes = bytes.subspan(taken);
    if (block_bytes_ < kSha256BlockBytes) return;
    Chosen().function(&state_, block_);
    block_bytes_ = 0;
  }
  const std::size_t whole = AlignDown(bytes.size(), kSha256BlockBytes);
  if (whole > 0) Chosen().function(&state_, bytes.first(whole));
  bytes = bytes.subspan(whole);
  std::copy(bytes.begin(), bytes.end(), block_.begin());
  block_bytes_ = bytes.size();
}

Sha256Digest Sha256::Finish() {
  SEGLOG_ASSERT(block_bytes_ < kSha256BlockBytes);
  const std::uint64_t total_bits = total_bytes_ * 8;
  block_[block_bytes_++] = kEndOfMessage;
  const MutableByteSpan block = block_;
  if (block_bytes_ > kSha256BlockBytes - kLengthBytes) {
    std::ranges::fill(block.subspan(block_bytes_), std::byte{0});
    Chosen().function(&state_, block_);
    block_bytes_ = 0;
  }
  std::ranges::fill(block.subspan(block_bytes_), std::byte{0});
  StoreLittle(block, kSha256BlockBytes - kLengthBytes, __builtin_bswap64(total_bits));
  Chosen().function(&state_, block_);

  Sha256Digest digest;
  for (std::size_t i = 0; i < state_.size(); ++i) {
    StoreLittle<std::uint32_t>(digest, 4 * i, __builtin_bswap32(state_[i]));
  }
  return digest;
}

Sha256Digest Sha256Of(ByteSpan bytes) {
  Sha256 sha256;
  sha256.Update(bytes);
  return sha256.Finish();
}

const char* Sha256Implementation() { return Chosen().name; }

}  // namespace seglog::hash
