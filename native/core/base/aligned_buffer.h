// SPDX-License-Identifier: MIT
// A growable byte buffer whose start is aligned to a page, as O_DIRECT requires. Bytes appended are
// kept; memory that was never written is not initialised unless AppendZeros asks for it.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "base/bytes.h"

namespace seglog {

struct FreePages {
  std::size_t bytes = 0;
  void operator()(std::byte* memory) const;
};

// One thread at a time.
class AlignedBuffer final {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t capacity) { Reserve(capacity); }
  // A buffer that was moved from is empty and may be used again.
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::move(other.data_)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  std::byte* data() { return data_.get(); }
  ByteSpan bytes() const { return {data_.get(), size_}; }
  MutableByteSpan mutable_bytes() { return {data_.get(), size_}; }

  void Clear() { size_ = 0; }
  void Reserve(std::size_t capacity);
  // Makes the buffer `size` bytes long; bytes beyond the old size are undefined until written.
  void Resize(std::size_t size);
  void Append(ByteSpan bytes);
  void AppendZeros(std::size_t count);
  void PadTo(std::size_t alignment) { AppendZeros(AlignUp(size_, alignment) - size_); }

 private:
  using Memory = std::unique_ptr<std::byte, FreePages>;

  Memory data_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace seglog
