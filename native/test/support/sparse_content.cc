// SPDX-License-Identifier: MIT
#include "test/support/sparse_content.h"

#include <algorithm>
#include <cstring>

namespace seglog::test {
namespace {

__extension__ typedef unsigned __int128 Wide;

// Odd constants without pattern, from wyhash (Wang Yi), whose mixing step this is.
constexpr std::uint64_t kMixA = 0xA0761D6478BD642F;
constexpr std::uint64_t kMixB = 0xE7037ED1A0B428DB;
constexpr std::uint64_t kMixC = 0x8EBC6AF09C88C6E3;
constexpr std::uint64_t kMixD = 0x589965CC75374CC3;

// The page of zeros that every written page of zeros shares.
const SparseContent::PagePointer& ZeroPage() {
  static const SparseContent::PagePointer kPage = std::make_shared<ContentPage>();
  return kPage;
}

bool IsZeroPage(ByteSpan bytes) {
  return std::memcmp(bytes.data(), ZeroPage()->bytes.data(), kPageBytes) == 0;
}

std::uint64_t HashPage(const ContentPage& page) {
  if (page.hash != 0) return page.hash;
  constexpr std::size_t kWords = kPageBytes / sizeof(std::uint64_t);
  std::array<std::uint64_t, kWords> words;
  std::memcpy(words.data(), page.bytes.data(), kPageBytes);
  std::array<std::uint64_t, 4> lanes{kMixC, kMixD, ~kMixC, ~kMixD};
  for (std::size_t i = 0; i < kWords; i += 8) {
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      lanes[lane] = Mix(lanes[lane] ^ words[i + 2 * lane], words[i + 2 * lane + 1]);
    }
  }
  page.hash = Mix(Mix(lanes[0], lanes[1]), Mix(lanes[2], lanes[3])) | 1;
  return page.hash;
}

}  // namespace

std::uint64_t Mix(std::uint64_t a, std::uint64_t b) {
  const Wide product = static_cast<Wide>(a ^ kMixA) * (b ^ kMixB);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t HashText(std::string_view text) {
  std::uint64_t hash = kMixC ^ text.size();
  for (std::size_t i = 0; i < text.size(); i += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, std::min(sizeof(word), text.size() - i));
    hash = Mix(hash, word);
  }
  return hash;
}

std::uint64_t Sequence::Next() {
  std::uint64_t value = state_ += 0x9E3779B97F4A7C15;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
  return value ^ (value >> 31);
}

std::size_t SparseContent::Read(std::uint64_t offset, MutableByteSpan out) const {
  if (offset >= size_) return 0;
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - offset));
  for (std::size_t done = 0; done < count;) {
    const std::uint64_t position = offset + done;
    const auto index = static_cast<std::size_t>(position / kPageBytes);
    const auto within = static_cast<std::size_t>(position % kPageBytes);
    const std::size_t part = std::min(count - done, kPageBytes - within);
    if (pages_[index] == nullptr) {
      std::memset(out.data() + done, 0, part);
    } else {
      std::memcpy(out.data() + done, pages_[index]->bytes.data() + within, part);
    }
    done += part;
  }
  return count;
}

void SparseContent::Write(std::uint64_t offset, ByteSpan bytes) {
  if (bytes.empty()) return;
  hash_ = 0;
  const std::uint64_t end = offset + bytes.size();
  if (end > size_) Resize(end);
  for (std::size_t done = 0; done < bytes.size();) {
    const std::uint64_t position = offset + done;
    const auto index = static_cast<std::size_t>(position / kPageBytes);
    const auto within = static_cast<std::size_t>(position % kPageBytes);
    const std::size_t part = std::min(bytes.size() - done, kPageBytes - within);
    const ByteSpan source = bytes.subspan(done, part);
    if (part == kPageBytes && IsZeroPage(source)) {
      if (pages_[index] == nullptr) ++allocated_pages_;
      pages_[index] = ZeroPage();
    } else {
      std::memcpy(MutablePage(index).bytes.data() + within, source.data(), part);
    }
    done += part;
  }
}

void SparseContent::Resize(std::uint64_t size) {
  hash_ = 0;
  const auto pages = static_cast<std::size_t>((size + kPageBytes - 1) / kPageBytes);
  for (std::size_t i = pages; i < pages_.size(); ++i) {
    if (pages_[i] != nullptr) --allocated_pages_;
  }
  pages_.resize(pages);
  const auto within = static_cast<std::size_t>(size % kPageBytes);
  if (size < size_ && within != 0 && pages_.back() != nullptr) {
    ContentPage& last = MutablePage(pages - 1);
    std::memset(last.bytes.data() + within, 0, kPageBytes - within);
  }
  size_ = size;
}

std::uint64_t SparseContent::PagesMissing(std::uint64_t offset, std::uint64_t bytes) const {
  if (bytes == 0) return 0;
  std::uint64_t missing = 0;
  for (std::uint64_t i = offset / kPageBytes; i <= (offset + bytes - 1) / kPageBytes; ++i) {
    if (!IsAllocated(i)) ++missing;
  }
  return missing;
}

bool SparseContent::IsAllocated(std::uint64_t index) const {
  return index < pages_.size() && pages_[static_cast<std::size_t>(index)] != nullptr;
}

std::uint64_t SparseContent::Hash() const {
  if (hash_ != 0) return hash_;
  static const std::uint64_t kZeros = HashPage(*ZeroPage());
  std::uint64_t hash = Mix(kMixD, size_);
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    if (pages_[i] == nullptr) continue;
    const std::uint64_t page = HashPage(*pages_[i]);
    // Zeros count like the hole that reads the same.
    if (page != kZeros) hash += Mix(page, i + 1);
  }
  hash_ = hash | 1;
  return hash_;
}

ContentPage& SparseContent::MutablePage(std::size_t index) {
  PagePointer& page = pages_[index];
  if (page == nullptr) {
    page = std::make_shared<ContentPage>();
    ++allocated_pages_;
  } else if (page.use_count() > 1) {
    page = std::make_shared<ContentPage>(*page);
  }
  page->hash = 0;
  return *page;
}

}  // namespace seglog::test
