// SPDX-License-Identifier: MIT
#include "base/aligned_buffer.h"

#include <algorithm>
#include <cstring>

namespace seglog {

void AlignedBuffer::Reserve(std::size_t capacity) {
  if (capacity <= capacity_) return;
  const std::size_t grown = AlignUp(std::max(capacity, capacity_ * 2), kPageBytes);
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kPageBytes, grown));
  SEGLOG_ASSERT(memory != nullptr);  // Running out of memory aborts, by design.
  if (size_ > 0) std::memcpy(memory, data_.get(), size_);
  data_.reset(memory);
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
