// SPDX-License-Identifier: MIT
#include "test/support/disk_image.h"

#include <algorithm>
#include <utility>

namespace seglog::test {

ImageTree::Entry ImageTree::MakeEntry(std::string path, bool is_directory) {
  const std::uint64_t hash = Mix(HashText(path), is_directory ? 2 : 1);
  return {std::move(path), is_directory, hash};
}

DiskImage::DiskImage() : tree_(std::make_shared<ImageTree>()) {}

DiskImage::DiskImage(std::shared_ptr<const ImageTree> tree, std::vector<ContentPointer> contents,
                     std::string note)
    : tree_(std::move(tree)), contents_(std::move(contents)), note_(std::move(note)) {
  SEGLOG_ASSERT(tree_->entries.size() == contents_.size());
}

std::uint64_t DiskImage::Hash() const {
  if (hash_ != 0) return hash_;
  std::uint64_t hash = contents_.size();
  for (std::size_t i = 0; i < contents_.size(); ++i) {
    hash = Mix(hash, tree_->entries[i].path_hash);
    if (contents_[i] != nullptr) hash = Mix(hash, contents_[i]->Hash());
  }
  hash_ = hash | 1;
  return hash_;
}

std::vector<std::string> DiskImage::Files(std::string_view prefix) const {
  std::vector<std::string> paths;
  for (const ImageTree::Entry& entry : tree_->entries) {
    if (!entry.is_directory && entry.path.starts_with(prefix)) paths.push_back(entry.path);
  }
  return paths;
}

bool DiskImage::Has(std::string_view path) const { return Find(path) != kMissing; }

std::uint64_t DiskImage::SizeOf(std::string_view path) const {
  return contents_[FindFile(path)]->size();
}

std::vector<std::byte> DiskImage::ReadFile(std::string_view path) const {
  const SparseContent& content = *contents_[FindFile(path)];
  std::vector<std::byte> bytes(static_cast<std::size_t>(content.size()));
  const std::size_t count = content.Read(0, bytes);
  SEGLOG_ASSERT(count == bytes.size());
  return bytes;
}

void DiskImage::Overwrite(std::string_view path, std::uint64_t offset, ByteSpan bytes) {
  MutableContent(path).Write(offset, bytes);
}

void DiskImage::FlipBit(std::string_view path, std::uint64_t offset, unsigned bit) {
  SEGLOG_ASSERT(bit < 8 && offset < SizeOf(path));
  std::byte value{0};
  SparseContent& content = MutableContent(path);
  content.Read(offset, {&value, 1});
  value ^= std::byte{1} << bit;
  content.Write(offset, {&value, 1});
}

void DiskImage::Resize(std::string_view path, std::uint64_t size) {
  MutableContent(path).Resize(size);
}

void DiskImage::Remove(std::string_view path) {
  const std::size_t index = FindFile(path);
  ImageTree tree = *tree_;
  tree.entries.erase(tree.entries.begin() + static_cast<std::ptrdiff_t>(index));
  contents_.erase(contents_.begin() + static_cast<std::ptrdiff_t>(index));
  tree_ = std::make_shared<const ImageTree>(std::move(tree));
  hash_ = 0;
}

void DiskImage::PutFile(std::string_view path, ByteSpan bytes) {
  SEGLOG_ASSERT(!path.empty());
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos;
       slash = path.find('/', slash + 1)) {
    Insert(path.substr(0, slash), /*is_directory=*/true);
  }
  SparseContent content;
  content.Write(0, bytes);
  contents_[Insert(path, /*is_directory=*/false)] =
      std::make_shared<SparseContent>(std::move(content));
  hash_ = 0;
}

std::size_t DiskImage::Find(std::string_view path) const {
  const auto& entries = tree_->entries;
  const auto found =
      std::lower_bound(entries.begin(), entries.end(), path,
                       [](const ImageTree::Entry& a, std::string_view b) { return a.path < b; });
  if (found == entries.end() || found->path != path) return kMissing;
  return static_cast<std::size_t>(found - entries.begin());
}

std::size_t DiskImage::FindFile(std::string_view path) const {
  const std::size_t index = Find(path);
  SEGLOG_ASSERT(index != kMissing && contents_[index] != nullptr);
  return index;
}

// The place of `path`, made where it is missing.
std::size_t DiskImage::Insert(std::string_view path, bool is_directory) {
  const std::size_t found = Find(path);
  if (found != kMissing) {
    SEGLOG_ASSERT(tree_->entries[found].is_directory == is_directory);
    return found;
  }
  ImageTree tree = *tree_;
  const auto position =
      std::find_if(tree.entries.begin(), tree.entries.end(),
                   [&](const ImageTree::Entry& entry) { return entry.path > path; });
  const auto index = position - tree.entries.begin();
  tree.entries.insert(position, ImageTree::MakeEntry(std::string(path), is_directory));
  contents_.insert(contents_.begin() + index, nullptr);
  tree_ = std::make_shared<const ImageTree>(std::move(tree));
  hash_ = 0;
  return static_cast<std::size_t>(index);
}

SparseContent& DiskImage::MutableContent(std::string_view path) {
  const std::size_t index = FindFile(path);
  hash_ = 0;
  // Always a copy: disks and other images may share what is here now.
  auto copy = std::make_shared<SparseContent>(*contents_[index]);
  SparseContent& content = *copy;
  contents_[index] = std::move(copy);
  return content;
}

}  // namespace seglog::test
