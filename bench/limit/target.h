// SPDX-License-Identifier: MIT
// The file that the limit is measured on, written with O_DIRECT: either blocks that were written
// before (zeros first, then round and round), or new blocks of a file that grows.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace seglog::limit {

enum class Blocks { kRecycled, kNew };

// Prints `what`, its path and errno, and ends the process: a benchmark has nothing to go on with.
[[noreturn]] void Fail(const std::string& what);

// One thread at a time.
class Target final {
 public:
  // With `synced` each write is durable when it returns. `ring_bytes` of recycled blocks are
  // prepared, a whole number of pages.
  Target(const std::string& path, Blocks blocks, bool synced, std::uint64_t ring_bytes);
  ~Target();
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // Whole pages, of page-aligned memory.
  void Write(ByteSpan pages);
  void Sync();

 private:
  void PrepareRing();

  int descriptor_ = -1;
  Blocks blocks_;
  std::uint64_t ring_bytes_;
  std::uint64_t offset_ = 0;
};

}  // namespace seglog::limit
