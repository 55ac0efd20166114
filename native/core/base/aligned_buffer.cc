// SPDX-License-Identifier: MIT
#include "base/aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace seglog {
namespace {

// What is as large is mapped, so that it goes back to the system when it is freed. An allocator
// would keep it for the thread that freed it: a process with many logs has hundreds of those.
constexpr std::size_t kMappedBytesMin = 32 * 1024;

std::byte* Allocate(std::size_t bytes) {
  void* memory = nullptr;
  if (bytes < kMappedBytesMin) {
    memory = std::aligned_alloc(kPageBytes, bytes);
  } else {
    memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) memory = nullptr;
  }
  SEGLOG_ASSERT(memory != nullptr);  // Running out of memory aborts, by design.
  return static_cast<std::byte*>(memory);
}

}  // namespace

void FreePages::operator()(std::byte* memory) const {
  if (bytes < kMappedBytesMin) return std::free(memory);
  const int unmapped = ::munmap(memory, bytes);
  SEGLOG_ASSERT(unmapped == 0);
}

void AlignedBuffer::Reserve(std::size_t capacity) {
  if (capacity <= capacity_) return;
  const std::size_t grown = AlignUp(std::max(capacity, capacity_ * 2), kPageBytes);
  std::byte* const memory = Allocate(grown);
  if (size_ > 0) std::memcpy(memory, data_.get(), size_);
  data_ = Memory(memory, FreePages{grown});
  capacity_ = grown;
}

void AlignedBuffer::Resize(std::size_t size) {
  Reserve(size);
  size_ = size;
}

void AlignedBuffer::Append(ByteSpan bytes) {
  if (bytes.empty()) return;
  Reserve(size_ + bytes.size());
  std::memcpy(data_.get() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
}

void AlignedBuffer::AppendZeros(std::size_t count) {
  if (count == 0) return;
  Reserve(size_ + count);
  std::memset(data_.get() + size_, 0, count);
  size_ += count;
}

}  // namespace seglog
