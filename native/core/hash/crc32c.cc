// SPDX-License-Identifier: MIT
// Chooses the implementation of CRC-32C. The choice is made once, at first use, and never changes.
#include "hash/crc32c.h"

#include "hash/crc32c_internal.h"

namespace seglog::hash {
namespace internal {
namespace {

struct VariantList {
  std::array<Crc32cVariant, 2> variants;
  std::size_t count = 0;

  VariantList() {
#if defined(__x86_64__)
    if (HasCrc32cSse42()) Add({.name = "sse4.2", .function = Crc32cSse42});
#elif defined(__aarch64__)
    if (HasCrc32cArmv8()) Add({.name = "armv8", .function = Crc32cArmv8});
#endif
    Add({.name = "portable", .function = Crc32cPortable});
  }

  void Add(const Crc32cVariant& variant) {
    SEGLOG_ASSERT(count < variants.size());
    variants[count++] = variant;
  }
};

}  // namespace

std::span<const Crc32cVariant> Crc32cVariants() {
  static const VariantList kList;
  return {kList.variants.data(), kList.count};
}

}  // namespace internal

namespace {

const internal::Crc32cVariant& Chosen() {
  static const internal::Crc32cVariant kChosen = internal::Crc32cVariants().front();
  return kChosen;
}

}  // namespace

std::uint32_t Crc32c(std::uint32_t seed, ByteSpan bytes) { return Chosen().function(seed, bytes); }

const char* Crc32cImplementation() { return Chosen().name; }

}  // namespace seglog::hash
