// SPDX-License-Identifier: MIT
#include "test/support/disk_state.h"

#include <algorithm>
#include <set>
#include <utility>

namespace seglog::test {
namespace {

constexpr std::size_t kStalePagesMax = 64;

// Cuts [begin, end) out of the older writes: newer durable bytes stand there, which an older write
// that reaches the disk can no longer replace.
void CutOut(std::vector<PendingChange>& older, std::uint64_t begin, std::uint64_t end) {
  std::vector<PendingChange> kept;
  for (PendingChange& change : older) {
    if (change.is_resize || change.end() <= begin || end <= change.offset) {
      kept.push_back(std::move(change));
      continue;
    }
    if (change.offset < begin) {
      PendingChange head = change;
      head.length = static_cast<std::size_t>(begin - change.offset);
      kept.push_back(std::move(head));
    }
    if (end < change.end()) {
      const auto cut = static_cast<std::size_t>(end - change.offset);
      change.offset += cut;
      change.skipped += cut;
      change.length -= cut;
      kept.push_back(std::move(change));
    }
  }
  older = std::move(kept);
}

// The file has one size: committing it commits every older change of it.
void CommitResizes(SparseContent& durable, std::vector<PendingChange>& older) {
  std::vector<PendingChange> kept;
  for (PendingChange& change : older) {
    if (change.is_resize) {
      durable.Resize(change.offset);
      CutOut(kept, change.offset, UINT64_MAX);
    } else {
      kept.push_back(std::move(change));
    }
  }
  older = std::move(kept);
}

// Makes bytes durable that are newer than everything in `older`.
void CommitWrite(SparseContent& durable, std::vector<PendingChange>& older, std::uint64_t offset,
                 ByteSpan bytes) {
  const std::uint64_t end = offset + bytes.size();
  const bool could_be_cut = std::any_of(older.begin(), older.end(), [&](const PendingChange& c) {
    return c.is_resize && c.offset < end;
  });
  if (could_be_cut) CommitResizes(durable, older);
  durable.Write(offset, bytes);
  CutOut(older, offset, end);
}

}  // namespace

SparseContent& Mutable(std::shared_ptr<SparseContent>& content) {
  if (content.use_count() > 1) content = std::make_shared<SparseContent>(*content);
  return *content;
}

DiskState::DiskState(MetadataModel model) : model_(model) {
  inodes_[next_inode_++].is_directory = true;
}

DiskState::DiskState(MetadataModel model, const DiskImage& image) : DiskState(model) {
  std::map<std::string_view, InodeId> directories{{"", kRootInode}};
  const auto& entries = image.tree().entries;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string_view path = entries[i].path;
    const std::size_t slash = path.rfind('/');
    const bool top = slash == std::string_view::npos;
    const auto parent = directories.find(top ? std::string_view() : path.substr(0, slash));
    SEGLOG_ASSERT(parent != directories.end());
    const InodeId id = next_inode_++;
    const std::string name(top ? path : path.substr(slash + 1));
    inode(parent->second).durable_entries.emplace(name, id);
    inode(parent->second).current_entries.emplace(name, id);
    Inode& made = inodes_[id];
    made.is_directory = entries[i].is_directory;
    if (made.is_directory) {
      directories.emplace(path, id);
    } else {
      // Written only once nothing else shares it: see Mutable.
      made.durable = std::const_pointer_cast<SparseContent>(image.contents()[i]);
      made.current = made.durable;
    }
  }
}

Inode& DiskState::inode(InodeId id) {
  const auto found = inodes_.find(id);
  SEGLOG_ASSERT(found != inodes_.end());
  return found->second;
}

const Inode& DiskState::inode(InodeId id) const {
  const auto found = inodes_.find(id);
  SEGLOG_ASSERT(found != inodes_.end());
  return found->second;
}

std::uint64_t DiskState::AllocatedBytes() const {
  std::uint64_t pages = 0;
  for (const auto& [id, node] : inodes_) {
    if (!node.is_directory && (node.linked || node.handles > 0)) {
      pages += node.current->allocated_pages();
    }
  }
  return pages * kPageBytes;
}

InodeId DiskState::Create(InodeId directory, std::string_view name, bool is_directory) {
  const InodeId id = next_inode_++;
  const std::uint64_t sequence = ++sequence_;
  Inode& made = inodes_[id];
  made.is_directory = is_directory;
  made.metadata_sequence = sequence;
  if (!is_directory) {
    made.durable = std::make_shared<SparseContent>();
    made.current = std::make_shared<SparseContent>();
  }
  const bool inserted = inode(directory).current_entries.emplace(name, id).second;
  SEGLOG_ASSERT(inserted);
  pending_entries_.push_back({sequence, directory, false, {{std::string(name), id}}});
  return id;
}

void DiskState::Remove(InodeId directory, std::string_view name) {
  Entries& entries = inode(directory).current_entries;
  const auto found = entries.find(name);
  SEGLOG_ASSERT(found != entries.end());
  const InodeId id = found->second;
  entries.erase(found);
  pending_entries_.push_back({++sequence_, directory, false, {{std::string(name), kNoInode}}});
  Unlink(id);
}

void DiskState::Rename(InodeId from, std::string_view from_name, InodeId to,
                       std::string_view to_name, bool only_target) {
  if (from == to && from_name == to_name) return;
  Entries& source = inode(from).current_entries;
  Entries& target = inode(to).current_entries;
  const auto found = source.find(from_name);
  SEGLOG_ASSERT(found != source.end());
  const InodeId id = found->second;
  const auto replaced = target.find(to_name);
  if (replaced != target.end()) Unlink(replaced->second);
  source.erase(found);
  target.insert_or_assign(std::string(to_name), id);

  const std::uint64_t sequence = ++sequence_;
  PendingEntries arrival{sequence, to, false, {{std::string(to_name), id}}};
  const EntryChange departure{std::string(from_name), kNoInode};
  if (from == to) {
    arrival.changes.push_back(departure);
    pending_entries_.push_back(std::move(arrival));
    return;
  }
  pending_entries_.push_back(std::move(arrival));
  if (!only_target) pending_entries_.push_back({sequence, from, false, {departure}});
}

void DiskState::SyncDirectory(InodeId directory) {
  if (model_ == MetadataModel::kOrderedJournal) {
    std::uint64_t last = 0;
    for (const PendingEntries& change : pending_entries_) {
      if (change.directory == directory && !change.abandoned) last = change.sequence;
    }
    CommitEntriesThrough(last);
    return;
  }
  // Abandoned changes are left out, unless a later change of the same name builds on them.
  std::vector<bool> commit(pending_entries_.size(), false);
  std::set<std::string_view> needed;
  for (std::size_t i = pending_entries_.size(); i-- > 0;) {
    const PendingEntries& change = pending_entries_[i];
    if (change.directory != directory) continue;
    bool take = !change.abandoned;
    for (const EntryChange& entry : change.changes) take = take || needed.contains(entry.name);
    if (!take) continue;
    commit[i] = true;
    for (const EntryChange& entry : change.changes) needed.insert(entry.name);
  }
  std::vector<PendingEntries> left;
  for (std::size_t i = 0; i < pending_entries_.size(); ++i) {
    if (commit[i]) {
      CommitEntries(pending_entries_[i]);
    } else {
      left.push_back(pending_entries_[i]);
    }
  }
  pending_entries_ = std::move(left);
  CollectGarbage();
}

void DiskState::AbandonDirectory(InodeId directory) {
  for (PendingEntries& change : pending_entries_) {
    if (change.directory == directory) change.abandoned = true;
  }
}

void DiskState::Write(InodeId file, std::uint64_t offset, ByteSpan bytes) {
  if (bytes.empty()) return;
  Inode& node = inode(file);
  PendingChange change;
  change.sequence = ++sequence_;
  change.offset = offset;
  change.written = std::make_shared<const std::vector<std::byte>>(bytes.begin(), bytes.end());
  change.length = bytes.size();
  if (change.end() > node.current->size()) node.metadata_sequence = change.sequence;
  node.pending.push_back(std::move(change));
  Mutable(node.current).Write(offset, bytes);
}

void DiskState::WriteDurably(InodeId file, std::uint64_t offset, ByteSpan bytes) {
  if (bytes.empty()) return;
  Inode& node = inode(file);
  const std::uint64_t sequence = ++sequence_;
  if (offset + bytes.size() > node.current->size()) node.metadata_sequence = sequence;
  Mutable(node.current).Write(offset, bytes);
  CommitWrite(Mutable(node.durable), node.pending, offset, bytes);
  SettleMetadata(node);
}

void DiskState::Resize(InodeId file, std::uint64_t size) {
  Inode& node = inode(file);
  if (size == node.current->size()) return;
  PendingChange change;
  change.sequence = ++sequence_;
  change.is_resize = true;
  change.offset = size;
  node.metadata_sequence = change.sequence;
  node.pending.push_back(std::move(change));
  Mutable(node.current).Resize(size);
}

void DiskState::SyncFile(InodeId file) {
  Inode& node = inode(file);
  std::vector<PendingChange> left;
  for (const PendingChange& change : node.pending) {
    if (change.abandoned) {
      left.push_back(change);
    } else if (change.is_resize) {
      left.push_back(change);
      CommitResizes(Mutable(node.durable), left);
    } else {
      CommitWrite(Mutable(node.durable), left, change.offset, change.bytes());
    }
  }
  node.pending = std::move(left);
  SettleMetadata(node);
}

void DiskState::AbandonFile(InodeId file) {
  for (PendingChange& change : inode(file).pending) change.abandoned = true;
}

void DiskState::AbandonLastWrite(InodeId file) {
  SEGLOG_ASSERT(!inode(file).pending.empty());
  inode(file).pending.back().abandoned = true;
}

void DiskState::CloseHandle(InodeId file) {
  Inode& node = inode(file);
  SEGLOG_ASSERT(node.handles > 0);
  --node.handles;
  if (!node.linked) CollectGarbage();
}

void DiskState::Unlink(InodeId id) {
  inode(id).linked = false;
  may_have_garbage_ = true;
}

void DiskState::CommitEntries(const PendingEntries& change) {
  Entries& entries = inode(change.directory).durable_entries;
  for (const EntryChange& entry : change.changes) {
    if (entry.inode == kNoInode) {
      entries.erase(entry.name);
    } else {
      entries.insert_or_assign(entry.name, entry.inode);
    }
  }
}

void DiskState::CommitEntriesThrough(std::uint64_t sequence) {
  const auto end =
      std::find_if(pending_entries_.begin(), pending_entries_.end(),
                   [&](const PendingEntries& change) { return change.sequence > sequence; });
  for (auto change = pending_entries_.begin(); change != end; ++change) CommitEntries(*change);
  pending_entries_.erase(pending_entries_.begin(), end);
  CollectGarbage();
}

// What syncing a file does to names: nothing in POSIX; in a journal with one order, its creation
// and size cannot be committed without what came before them.
void DiskState::SettleMetadata(const Inode& file) {
  if (model_ == MetadataModel::kOrderedJournal) CommitEntriesThrough(file.metadata_sequence);
}

// Forgets what no power cut can bring back.
void DiskState::CollectGarbage() {
  if (!may_have_garbage_) return;
  std::set<InodeId> used{kRootInode};
  for (const PendingEntries& change : pending_entries_) {
    used.insert(change.directory);
    for (const EntryChange& entry : change.changes) used.insert(entry.inode);
  }
  may_have_garbage_ = false;
  for (const auto& [id, node] : inodes_) {
    if (node.handles > 0) used.insert(id);
    may_have_garbage_ = may_have_garbage_ || (id != kRootInode && !node.linked);
    for (const auto& [name, entry] : node.durable_entries) used.insert(entry);
    for (const auto& [name, entry] : node.current_entries) used.insert(entry);
  }
  for (auto node = inodes_.begin(); node != inodes_.end();) {
    if (used.contains(node->first)) {
      ++node;
      continue;
    }
    if (node->second.durable != nullptr) {
      for (const SparseContent::PagePointer& page : node->second.durable->pages()) {
        if (page != nullptr && stale_pages_.size() < kStalePagesMax) stale_pages_.push_back(page);
      }
    }
    node = inodes_.erase(node);
  }
}

}  // namespace seglog::test
