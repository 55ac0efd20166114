// SPDX-License-Identifier: MIT
#include "format/key_name.h"

#include <cinttypes>
#include <cstdio>
#include <limits>
#include <span>

#include "base/assert.h"
#include "base/bytes.h"
#include "format/record.h"
#include "hash/sha256.h"

namespace seglog::format {
namespace {

constexpr std::size_t kGenerationDigits = 20;
constexpr std::string_view kJournalSuffix = ".journal";
constexpr std::string_view kHashMark = "~~";
constexpr std::size_t kFileNameBytesMax = 255;  // NAME_MAX of every file system we support
static_assert(kKeyNameBytesMax <= kFileNameBytesMax);
static_assert(kKeyNamePrefixBytes + 2 + 2 * sizeof(hash::Sha256Digest) <= kKeyNameBytesMax);

void AppendHex(std::byte byte, std::string* out) {
  constexpr char kDigits[] = "0123456789abcdef";
  const auto value = std::to_integer<unsigned>(byte);
  out->push_back(kDigits[value >> 4]);
  out->push_back(kDigits[value & 0xF]);
}

// By byte value, not by locale.
bool IsKept(char c, bool first) {
  if (c == '.') return !first;
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

std::string KeyName(std::string_view key) {
  SEGLOG_ASSERT(!key.empty() && key.size() <= kKeyBytesMax);
  std::string name;
  for (const char c : key) {
    if (IsKept(c, name.empty())) {
      name.push_back(c);
    } else {
      name.push_back('~');
      AppendHex(static_cast<std::byte>(c), &name);
    }
  }
  if (name.size() <= kKeyNameBytesMax) return name;
  name.resize(kKeyNamePrefixBytes);
  name += kHashMark;
  for (const std::byte byte : hash::Sha256Of(AsBytes(key))) AppendHex(byte, &name);
  return name;
}

std::string StreamDirectory(std::string_view key) {
  std::string path = "streams/";
  AppendHex(hash::Sha256Of(AsBytes(key)).front(), &path);
  return path + "/" + KeyName(key);
}

std::string SegmentFileName(std::uint64_t first_sequence, std::uint64_t segment_id) {
  char name[64];
  std::snprintf(name, sizeof(name), "%020" PRIu64 "-%016" PRIx64 ".seg", first_sequence,
                segment_id);
  return name;
}

std::string JournalPath(std::uint64_t generation) {
  char path[64];
  std::snprintf(path, sizeof(path), "journal/%020" PRIu64 ".journal", generation);
  return path;
}

std::uint64_t GenerationOfName(std::string_view name) {
  if (name.size() != kGenerationDigits + kJournalSuffix.size()) return 0;
  if (!name.ends_with(kJournalSuffix)) return 0;
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t generation = 0;
  for (const char c : name.substr(0, kGenerationDigits)) {
    if (c < '0' || c > '9') return 0;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (generation > (kMax - digit) / 10) return 0;
    generation = generation * 10 + digit;
  }
  return generation;
}

}  // namespace seglog::format
