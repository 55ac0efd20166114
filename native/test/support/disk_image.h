// SPDX-License-Identifier: MIT
// What a disk holds after a power cut: names and bytes, nothing unsynced. Images share what they
// have in common, so that copying, hashing and mounting one costs microseconds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "test/support/sparse_content.h"

namespace seglog::test {

// Shared by disks and images; made as a non-const object, which its last owner may write to.
using ContentPointer = std::shared_ptr<const SparseContent>;

// The names of an image, sorted by path; a parent stands before what it holds.
struct ImageTree {
  struct Entry {
    std::string path;
    bool is_directory = false;
    std::uint64_t path_hash = 0;
  };
  std::vector<Entry> entries;

  static Entry MakeEntry(std::string path, bool is_directory);
};

// A value: a copy is independent. One thread at a time, with all that it shares content with.
class DiskImage final {
 public:
  DiskImage();
  // `contents` has one element per entry, null for directories.
  DiskImage(std::shared_ptr<const ImageTree> tree, std::vector<ContentPointer> contents,
            std::string note);

  // Equal for images with the same names and bytes.
  std::uint64_t Hash() const;
  // Which unsynced changes the cut left, in words, for a failing test's message.
  const std::string& note() const { return note_; }
  const ImageTree& tree() const { return *tree_; }
  const std::vector<ContentPointer>& contents() const { return contents_; }

  // Paths of files, sorted; of those below `prefix` where one is given.
  std::vector<std::string> Files(std::string_view prefix = "") const;
  bool Has(std::string_view path) const;

  // The rest asserts that `path` is there, a file.
  std::uint64_t SizeOf(std::string_view path) const;
  std::vector<std::byte> ReadFile(std::string_view path) const;

  // Damage.
  void Overwrite(std::string_view path, std::uint64_t offset, ByteSpan bytes);
  void FlipBit(std::string_view path, std::uint64_t offset, unsigned bit);
  void Resize(std::string_view path, std::uint64_t size);
  void Remove(std::string_view path);
  // Makes the file, and the directories it lies in, where they are missing.
  void PutFile(std::string_view path, ByteSpan bytes);

 private:
  static constexpr std::size_t kMissing = SIZE_MAX;
  std::size_t Find(std::string_view path) const;
  std::size_t FindFile(std::string_view path) const;
  std::size_t Insert(std::string_view path, bool is_directory);
  SparseContent& MutableContent(std::string_view path);

  std::shared_ptr<const ImageTree> tree_;  // shared by images with the same names
  std::vector<ContentPointer> contents_;
  std::string note_;
  mutable std::uint64_t hash_ = 0;  // 0: not computed
};

}  // namespace seglog::test
