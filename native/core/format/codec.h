// SPDX-License-Identifier: MIT
// What the codecs of this folder share: the form of their failures, the fields with which every
// file begins (magic u64, version u32, checksum u32), and byte arrays. Internal to core/format.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "format/checksum.h"

namespace seglog::format {

inline Status Corrupt(std::string_view what) { return Status(Code::kCorrupt, std::string(what)); }

// One layout for the journal's, the segment's, the footer's and the catalogue's first bytes, so
// that a program that knows none of their versions can still name the file and the version.
inline constexpr std::size_t kFileMagicOffset = 0;
inline constexpr std::size_t kFileVersionOffset = 8;
inline constexpr std::size_t kFileChecksumOffset = 12;
inline constexpr std::size_t kFileChecksummedOffset = 16;

// The magic decides whether the file is what it should be, and then the version whether its other
// bytes may be looked at. `bytes` holds at least kFileChecksummedOffset bytes.
inline Status CheckFileStart(ByteSpan bytes, std::uint64_t magic, std::string_view what) {
  if (LoadLittle<std::uint64_t>(bytes, kFileMagicOffset) != magic) {
    return Corrupt(std::string(what) + ": wrong magic");
  }
  const auto version = LoadLittle<std::uint32_t>(bytes, kFileVersionOffset);
  if (version != kFormatVersion) {
    return Status(Code::kFormatUnsupported, std::string(what) + ": format version " +
                                                std::to_string(version) + ", expected " +
                                                std::to_string(kFormatVersion));
  }
  return Status::Ok();
}

template <std::size_t kBytes>
std::array<std::byte, kBytes> LoadArray(ByteSpan bytes, std::size_t offset) {
  SEGLOG_ASSERT(offset + kBytes <= bytes.size());
  std::array<std::byte, kBytes> value;
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), kBytes, value.begin());
  return value;
}

inline void StoreBytes(MutableByteSpan bytes, std::size_t offset, ByteSpan value) {
  SEGLOG_ASSERT(value.size() <= bytes.size() && offset <= bytes.size() - value.size());
  std::copy(value.begin(), value.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
}

}  // namespace seglog::format
