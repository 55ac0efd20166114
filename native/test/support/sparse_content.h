// SPDX-License-Identifier: MIT
// A file's bytes in copy-on-write pages, so that thousands of disk images that differ in a few
// bytes cost little more than one. A page that was never written is a hole: it reads as zeros and
// takes no memory. Whatever shares pages belongs to one thread at a time.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace seglog::test {

// Mixes two words into one; the hashes here tell images apart and are stored nowhere.
std::uint64_t Mix(std::uint64_t a, std::uint64_t b);
std::uint64_t HashText(std::string_view text);

// splitmix64 (Steele, Lea, Flood 2014): small, seedable, the same on every machine.
class Sequence final {
 public:
  explicit Sequence(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next();
  // Uniform enough for tests, in [0, bound); `bound` must not be 0.
  std::uint64_t Below(std::uint64_t bound) { return Next() % bound; }
  bool OneIn(std::uint64_t count) { return Below(count) == 0; }

 private:
  std::uint64_t state_;
};

struct ContentPage {
  alignas(16) std::array<std::byte, kPageBytes> bytes{};
  mutable std::uint64_t hash = 0;  // 0: not computed
};

// A value: copies are independent of each other. One thread at a time.
class SparseContent final {
 public:
  using PagePointer = std::shared_ptr<ContentPage>;  // shared by all contents that have these bytes

  std::uint64_t size() const { return size_; }
  // How many bytes there were to read.
  std::size_t Read(std::uint64_t offset, MutableByteSpan out) const;
  // Grows the file where the bytes reach beyond its end.
  void Write(std::uint64_t offset, ByteSpan bytes);
  void Resize(std::uint64_t size);

  // Pages that a write of these bytes would have to allocate.
  std::uint64_t PagesMissing(std::uint64_t offset, std::uint64_t bytes) const;
  std::uint64_t allocated_pages() const { return allocated_pages_; }
  bool IsAllocated(std::uint64_t index) const;
  const std::vector<PagePointer>& pages() const { return pages_; }
  // Equal for equal bytes and size; holes are zeros.
  std::uint64_t Hash() const;

 private:
  ContentPage& MutablePage(std::size_t index);

  std::vector<PagePointer> pages_;  // null: a hole
  std::uint64_t size_ = 0;          // bytes of the last page beyond it are zeros
  std::uint64_t allocated_pages_ = 0;
  mutable std::uint64_t hash_ = 0;  // 0: not computed
};

}  // namespace seglog::test
