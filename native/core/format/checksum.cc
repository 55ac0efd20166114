// SPDX-License-Identifier: MIT
#include "format/checksum.h"

#include "hash/crc32c.h"

namespace seglog::format {
namespace {

constexpr std::size_t kWordBytes = sizeof(std::uint64_t);

}  // namespace

std::uint32_t SegmentSeed(std::uint64_t segment_id, std::uint64_t offset) {
  std::array<std::byte, 2 * kWordBytes> bytes;
  StoreLittle(MutableByteSpan(bytes), 0, segment_id);
  StoreLittle(MutableByteSpan(bytes), kWordBytes, offset);
  return hash::Crc32c(0, bytes);
}

std::uint32_t JournalSeed(const JournalIdentity& identity, std::uint64_t offset) {
  std::array<std::byte, 3 * kWordBytes> bytes;
  StoreLittle(MutableByteSpan(bytes), 0, identity.generation);
  StoreLittle(MutableByteSpan(bytes), kWordBytes, identity.salt);
  StoreLittle(MutableByteSpan(bytes), 2 * kWordBytes, offset);
  return hash::Crc32c(hash::Crc32c(0, identity.log_uuid), bytes);
}

}  // namespace seglog::format
