// SPDX-License-Identifier: MIT
#include "test/support/crash_images.h"

#include <algorithm>
#include <set>
#include <utility>

namespace seglog::test {
namespace {

constexpr std::uint64_t kSectorBytes = 512;
constexpr std::size_t kTreesMax = 64;
// How many images in a row may be known already before the search ends.
constexpr std::size_t kRepeatsMax = 64;

// Whatever the page held that the device was writing, it is noise now. A page that the file did not
// have is left missing.
void RuinPage(SparseContent& content, std::uint64_t offset) {
  if (offset >= content.size()) return;
  std::array<std::byte, kPageBytes> noise;
  Sequence random(offset + 1);
  for (std::size_t at = 0; at < kPageBytes; at += sizeof(std::uint64_t)) {
    StoreLittle<std::uint64_t>(noise, at, random.Next());
  }
  const std::uint64_t bytes = std::min<std::uint64_t>(kPageBytes, content.size() - offset);
  content.Write(offset, ByteSpan(noise).first(static_cast<std::size_t>(bytes)));
}

// Applies what arrived of a torn write.
void ApplyTorn(SparseContent& content, std::uint64_t offset, ByteSpan bytes, const Fate& fate) {
  if (fate.grown) content.Resize(std::max(content.size(), offset + bytes.size()));
  const auto cut = static_cast<std::size_t>(std::min<std::uint64_t>(fate.value, bytes.size()));
  if (fate.kind == Fate::Kind::kPrefix) {
    content.Write(offset, bytes.first(cut));
    return;
  }
  if (fate.kind == Fate::Kind::kSuffix) {
    content.Write(offset + cut, bytes.subspan(cut));
    return;
  }
  if (fate.kind == Fate::Kind::kRuined) {
    content.Write(offset, bytes.first(cut));
    RuinPage(content, offset + cut);
    return;
  }
  const std::uint64_t step = fate.kind == Fate::Kind::kSectors ? kSectorBytes : kPageBytes;
  Sequence random(fate.value);
  for (std::size_t done = 0; done < bytes.size();) {
    const std::uint64_t position = offset + done;
    const auto part = static_cast<std::size_t>(
        std::min<std::uint64_t>(AlignDown(position, step) + step - position, bytes.size() - done));
    if (random.OneIn(2)) content.Write(position, bytes.subspan(done, part));
    done += part;
  }
}

void Apply(SparseContent& content, const PendingChange& change, const Fate& fate) {
  using Kind = Fate::Kind;
  if (fate.kind == Kind::kLost) return;
  if (change.is_resize) {
    content.Resize(change.offset);
  } else if (fate.kind == Kind::kKept) {
    content.Write(change.offset, change.bytes());
  } else if (fate.kind == Kind::kGrown || fate.kind == Kind::kGarbage) {
    if (change.end() > content.size()) content.Resize(change.end());
  } else {
    ApplyTorn(content, change.offset, change.bytes(), fate);
  }
}

}  // namespace

CrashImages::CrashImages(DiskState state, const CrashOptions& options)
    : state_(std::move(state)), options_(options), random_(options.seed) {
  for (const auto& [id, node] : state_.inodes()) {
    if (node.pending.empty()) continue;
    first_unit_[id] = files_.size();
    for (std::size_t i = 0; i < node.pending.size(); ++i) {
      const PendingChange& change = node.pending[i];
      files_.push_back({id, i, change.sequence, change.offset, change.length});
    }
  }
  AddWholeRecipes();
  AddTornRecipes();
}

std::optional<DiskImage> CrashImages::Next() {
  if (seen_.size() >= options_.bound) return std::nullopt;
  if (units() == 0 && !seen_.empty()) return std::nullopt;
  for (std::size_t repeats = 0; repeats < kRepeatsMax || !whole_.empty() || !torn_.empty();
       ++repeats) {
    DiskImage image = Build(NextPlan());
    if (seen_.insert(image.Hash()).second) return image;
  }
  return std::nullopt;
}

DiskImage CrashImages::Build(const Plan& plan) {
  const Tree& tree = TreeOf(plan.entries);
  std::vector<ContentPointer> contents;
  contents.reserve(tree.inodes.size());
  for (const InodeId id : tree.inodes) contents.push_back(ContentOf(id, plan));
  return DiskImage(tree.names, std::move(contents), plan.note);
}

const CrashImages::Tree& CrashImages::TreeOf(const std::vector<bool>& entries) {
  const auto known = trees_.find(entries);
  if (known != trees_.end()) return known->second;
  if (trees_.size() >= kTreesMax) trees_.clear();

  std::map<InodeId, Entries> changed;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i]) continue;
    const PendingEntries& change = state_.pending_entries()[i];
    const Entries& durable = state_.inode(change.directory).durable_entries;
    Entries& names = changed.try_emplace(change.directory, durable).first->second;
    for (const EntryChange& entry : change.changes) {
      if (entry.inode == kNoInode) {
        names.erase(entry.name);
      } else {
        names.insert_or_assign(entry.name, entry.inode);
      }
    }
  }
  std::map<std::string, InodeId> found;
  std::set<InodeId> visited{kRootInode};  // a directory that a lost rename left twice shows once
  std::vector<std::pair<std::string, InodeId>> directories{{"", kRootInode}};
  while (!directories.empty()) {
    const auto [prefix, directory] = directories.back();
    directories.pop_back();
    const auto changes = changed.find(directory);
    const Entries& names =
        changes != changed.end() ? changes->second : state_.inode(directory).durable_entries;
    for (const auto& [name, id] : names) {
      const bool is_directory = state_.inode(id).is_directory;
      if (is_directory && !visited.insert(id).second) continue;
      found.emplace(prefix + name, id);
      if (is_directory) directories.emplace_back(prefix + name + "/", id);
    }
  }
  auto names = std::make_shared<ImageTree>();
  Tree tree;
  for (const auto& [path, id] : found) {
    names->entries.push_back(ImageTree::MakeEntry(path, state_.inode(id).is_directory));
    tree.inodes.push_back(id);
  }
  tree.names = std::move(names);
  return trees_.emplace(entries, std::move(tree)).first->second;
}

ContentPointer CrashImages::ContentOf(InodeId id, const Plan& plan) {
  const Inode& node = state_.inode(id);
  if (node.is_directory) return nullptr;
  const auto first = first_unit_.find(id);
  if (first == first_unit_.end()) return node.durable;
  const auto begin = plan.files.begin() + static_cast<std::ptrdiff_t>(first->second);
  const auto end = begin + static_cast<std::ptrdiff_t>(node.pending.size());
  const auto all = [&](Fate::Kind kind) {
    return std::all_of(begin, end, [&](const Fate& fate) { return fate.kind == kind; });
  };
  if (all(Fate::Kind::kLost)) return node.durable;
  if (all(Fate::Kind::kKept)) return node.current;

  auto content = std::make_shared<SparseContent>(*node.durable);
  for (std::size_t i = 0; i < node.pending.size(); ++i) {
    const FileUnit& unit = files_[first->second + i];
    const Fate& fate = plan.files[first->second + i];
    if (fate.kind == Fate::Kind::kGarbage) FillGarbage(*content, *node.durable, unit);
    Apply(*content, node.pending[i], fate);
  }
  return content;
}

// Blocks that were allocated for a lost write hold what they held before: pages of removed files,
// or anything. Blocks that already belonged to the file, or that an earlier change reached, are
// left.
void CrashImages::FillGarbage(SparseContent& content, const SparseContent& durable,
                              const FileUnit& unit) {
  std::array<std::byte, kPageBytes> noise;
  const auto& stale = state_.stale_pages();
  for (std::uint64_t i = unit.offset / kPageBytes; i * kPageBytes < unit.offset + unit.bytes; ++i) {
    if (durable.IsAllocated(i) || content.IsAllocated(i)) continue;
    if (!stale.empty() && random_.OneIn(2)) {
      noise = stale[static_cast<std::size_t>(random_.Below(stale.size()))]->bytes;
    } else {
      for (std::size_t at = 0; at < kPageBytes; at += sizeof(std::uint64_t)) {
        StoreLittle<std::uint64_t>(noise, at, random_.Next());
      }
    }
    const std::uint64_t begin = std::max(unit.offset, i * kPageBytes);
    const std::uint64_t end = std::min(unit.offset + unit.bytes, (i + 1) * kPageBytes);
    content.Write(begin, ByteSpan(noise).first(static_cast<std::size_t>(end - begin)));
  }
}

std::vector<DiskImage> AllCrashImages(const DiskState& state, const CrashOptions& options) {
  CrashImages generator(state, options);
  std::vector<DiskImage> images;
  while (std::optional<DiskImage> image = generator.Next()) images.push_back(*std::move(image));
  return images;
}

}  // namespace seglog::test
