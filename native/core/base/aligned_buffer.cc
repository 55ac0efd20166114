// SPDX-License-Identifier: MIT
#include "base/aligned_buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>

#if defined(__SANITIZE_ADDRESS__)
#define SEGLOG_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEGLOG_ADDRESS_SANITIZER 1
#endif
#endif

namespace seglog {
namespace {

// What is as large is mapped, so that it goes back to the system when it is freed. An allocator
// would keep it for the thread that freed it: a process with many logs has hundreds of those.
constexpr std::size_t kMappedBytesMin = 32 * 1024;

// Of mappings that were freed the process keeps a few for the next who wants one: the first touch
// of fresh pages costs more than to fill them.
constexpr std::size_t kKeptMax = 8;
#if defined(SEGLOG_ADDRESS_SANITIZER)
constexpr std::size_t kKeptBytesMax = 0;  // Who uses what was freed shall be found.
#else
constexpr std::size_t kKeptBytesMax = 8 * 1024 * 1024;
#endif

class KeptMappings final {
 public:
  // Null where there is none of that size.
  std::byte* Take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < count_; ++i) {
      if (kept_[i].bytes != bytes) continue;
      std::byte* const memory = kept_[i].memory;
      Forget(i);
      return memory;
    }
    return nullptr;
  }

  // In the place of the oldest, where there are too many. False where it is too large.
  bool Keep(std::byte* memory, std::size_t bytes) {
    if (bytes > kKeptBytesMax / 2) return false;
    const std::lock_guard lock(mutex_);
    while (count_ == kKeptMax || kept_bytes_ + bytes > kKeptBytesMax) DropOldest();
    kept_[count_++] = {.memory = memory, .bytes = bytes};
    kept_bytes_ += bytes;
    return true;
  }

 private:
  struct Mapping {
    std::byte* memory = nullptr;
    std::size_t bytes = 0;
  };

  void Forget(std::size_t index) {
    kept_bytes_ -= kept_[index].bytes;
    std::move(kept_.begin() + index + 1, kept_.begin() + count_, kept_.begin() + index);
    --count_;
  }
  void DropOldest() {
    const int unmapped = ::munmap(kept_[0].memory, kept_[0].bytes);
    SEGLOG_ASSERT(unmapped == 0);
    Forget(0);
  }

  std::mutex mutex_;
  std::array<Mapping, kKeptMax> kept_;  // the oldest first
  std::size_t count_ = 0;
  std::size_t kept_bytes_ = 0;
};

// Never destroyed: threads may outlive static objects.
KeptMappings& Kept() {
  static KeptMappings* const kKept = new KeptMappings();
  return *kKept;
}

std::byte* Allocate(std::size_t bytes) {
  void* memory = nullptr;
  if (bytes < kMappedBytesMin) {
    memory = std::aligned_alloc(kPageBytes, bytes);
  } else if (memory = Kept().Take(bytes); memory == nullptr) {
    memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) memory = nullptr;
  }
  SEGLOG_ASSERT(memory != nullptr);  // Running out of memory aborts, by design.
  return static_cast<std::byte*>(memory);
}

// Mappings have few sizes, so that one that is kept fits the next who wants one.
std::size_t CapacityOf(std::size_t bytes) {
  return bytes < kMappedBytesMin ? AlignUp(bytes, kPageBytes) : std::bit_ceil(bytes);
}

}  // namespace

void FreePages::operator()(std::byte* memory) const {
  if (bytes < kMappedBytesMin) return std::free(memory);
  if (Kept().Keep(memory, bytes)) return;
  const int unmapped = ::munmap(memory, bytes);
  SEGLOG_ASSERT(unmapped == 0);
}

void AlignedBuffer::Reserve(std::size_t capacity) {
  if (capacity <= capacity_) return;
  const std::size_t grown = CapacityOf(std::max(capacity, capacity_ * 2));
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
