// SPDX-License-Identifier: MIT
#include "format/varint.h"

namespace seglog::format {
namespace {

constexpr unsigned kVarintBits = 7;
constexpr std::uint8_t kVarintMore = 0x80;
static_assert(kVarintBytesMax * kVarintBits >= 64);

}  // namespace

std::byte* PutVarint(std::byte* out, std::uint64_t value) {
  for (; value >= kVarintMore; value >>= kVarintBits) {
    *out++ = static_cast<std::byte>((value & (kVarintMore - 1u)) | kVarintMore);
  }
  *out++ = static_cast<std::byte>(value);
  return out;
}

bool TakeVarint(ByteSpan* bytes, std::uint64_t* value) {
  std::uint64_t result = 0;
  for (std::size_t i = 0; i < kVarintBytesMax && i < bytes->size(); ++i) {
    const auto byte = static_cast<std::uint8_t>((*bytes)[i]);
    const std::uint64_t bits = byte & (kVarintMore - 1u);
    if (i + 1 == kVarintBytesMax && bits > 1) return false;
    result |= bits << (i * kVarintBits);
    if ((byte & kVarintMore) != 0) continue;
    if (byte == 0 && i > 0) return false;
    *value = result;
    *bytes = bytes->subspan(i + 1);
    return true;
  }
  return false;
}

}  // namespace seglog::format
