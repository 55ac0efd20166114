// SPDX-License-Identifier: MIT
// How a key becomes a file name (and, later, an object name): bytes [a-z0-9._-] are kept, except a
// dot in front; every other byte becomes ~ and two lower-case hex digits. A name longer than 180
// bytes becomes its first 100 bytes, "~~", and the SHA-256 of the key in hex ("~~" is in no other
// name, since ~ itself is written ~7e). No name can leave its directory, and no two keys share one.
// Pure functions, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace seglog::format {

inline constexpr std::size_t kKeyNameBytesMax = 180;
inline constexpr std::size_t kKeyNamePrefixBytes = 100;
// Where the segments that streams share lie.
inline constexpr const char* kSharedSegmentsDirectory = "shared";

// `key` has 1 to kKeyBytesMax bytes, of any value.
std::string KeyName(std::string_view key);
// "streams/<2 hex>/<key name>": the two digits are the first byte of the key's SHA-256.
std::string StreamDirectory(std::string_view key);
// "<first sequence, 20 digits>-<segment id, 16 hex digits>.seg"
std::string SegmentFileName(std::uint64_t first_sequence, std::uint64_t segment_id);
// "journal/<generation, 20 digits>.journal"
std::string JournalPath(std::uint64_t generation);
// The generation in a journal file's name ("00…07.journal"), 0 when the name is none.
std::uint64_t GenerationOfName(std::string_view name);

}  // namespace seglog::format
