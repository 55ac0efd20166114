// SPDX-License-Identifier: MIT
// The bytes of one segment that its file does not hold durably yet: a contiguous range of segment
// offsets kept in memory until it is destaged. Readers take them from here.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace seglog::log {

// Guarded by the log's state mutex.
class PendingBytes final {
 public:
  explicit PendingBytes(std::uint64_t begin) : begin_(begin) {}

  std::uint64_t begin() const { return begin_; }
  std::uint64_t end() const { return begin_ + bytes_.size(); }
  std::size_t size() const { return bytes_.size(); }
  std::size_t capacity() const { return bytes_.capacity(); }

  void Append(ByteSpan bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }

  // Borrowed until the next change.
  ByteSpan Range(std::uint64_t from, std::uint64_t to) const {
    SEGLOG_ASSERT(begin_ <= from && from <= to && to <= end());
    return ByteSpan(bytes_).subspan(from - begin_, to - from);
  }

  void DropBefore(std::uint64_t offset) {
    SEGLOG_ASSERT(begin_ <= offset && offset <= end());
    const auto rest = bytes_.begin() + static_cast<std::ptrdiff_t>(offset - begin_);
    begin_ = offset;
    const auto rest_bytes = static_cast<std::size_t>(bytes_.end() - rest);
    if (bytes_.capacity() > 2 * rest_bytes + kPageBytes) {
      // A quiet stream must not hold on to what a busy moment needed. A new vector, because
      // shrink_to_fit does nothing where exceptions are off (libstdc++, bits/allocator.h).
      bytes_ = std::vector<std::byte>(rest, bytes_.end());
    } else {
      bytes_.erase(bytes_.begin(), rest);
    }
  }

 private:
  std::uint64_t begin_;
  std::vector<std::byte> bytes_;
};

}  // namespace seglog::log
