// SPDX-License-Identifier: MIT
// The model behind SimulatedDisk: for each file and directory what would survive a power cut for
// sure (durable), what running programs see (current), and the ordered changes between the two
// (pending). It promises what Linux promises of fdatasync, O_DSYNC and fsync of a directory, and no
// more:
//
// - SyncFile makes the file's earlier writes and size durable, not its name.
// - WriteDurably makes these bytes durable, and the size as far as they reach; earlier unsynced
// bytes
//   stay unsynced.
// - SyncDirectory makes the directory's names durable, not what the files under them hold.
// - After a failed sync the pages count as clean: what was pending stays readable, and no later
// sync
//   makes it durable. It may have reached the disk all the same.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "test/support/disk_image.h"
#include "test/support/sparse_content.h"

namespace seglog::test {

using InodeId = std::uint64_t;
inline constexpr InodeId kNoInode = 0;
inline constexpr InodeId kRootInode = 1;

enum class MetadataModel : unsigned char {
  // POSIX read strictly: each directory syncs by itself, changes of different names in any order. A
  // rename between directories is two changes, of which a cut may leave either, both or none.
  kStrictPosix,
  // ext4 with data=ordered: names change in one order for the whole disk, of which a cut leaves a
  // prefix; a rename is atomic; syncing a file commits its creation and its size, and all that came
  // before them. A size never grows without its data.
  kOrderedJournal,
};

// An unsynced change of one file: bytes written, or the size set.
struct PendingChange {
  std::uint64_t sequence = 0;  // order among all unsynced changes of the disk
  bool is_resize = false;
  bool abandoned = false;                                 // by a failed sync
  std::uint64_t offset = 0;                               // of the bytes; the new size of a resize
  std::shared_ptr<const std::vector<std::byte>> written;  // shared by the parts of a split write
  std::size_t skipped = 0;
  std::size_t length = 0;

  std::uint64_t end() const { return offset + length; }
  ByteSpan bytes() const { return ByteSpan(*written).subspan(skipped, length); }
};

struct EntryChange {
  std::string name;
  InodeId inode = kNoInode;  // kNoInode: the name goes away
};

// An unsynced change of one directory. It is there as a whole or not at all.
struct PendingEntries {
  std::uint64_t sequence = 0;  // the halves of a rename between directories share it
  InodeId directory = kNoInode;
  bool abandoned = false;
  std::vector<EntryChange> changes;
};

using Entries = std::map<std::string, InodeId, std::less<>>;

struct Inode {
  bool is_directory = false;
  bool locked = false;
  bool linked = true;                   // it has a name now
  std::uint64_t handles = 0;            // open files
  std::uint64_t metadata_sequence = 0;  // of the last creation or change of size

  std::shared_ptr<SparseContent> durable, current;  // shared with images; copied when written
  std::vector<PendingChange> pending;
  Entries durable_entries, current_entries;
};

// A value: a copy is independent, apart from content that is copied when written. One thread at a
// time.
class DiskState final {
 public:
  explicit DiskState(MetadataModel model);
  DiskState(MetadataModel model, const DiskImage& image);

  MetadataModel model() const { return model_; }
  const std::map<InodeId, Inode>& inodes() const { return inodes_; }
  Inode& inode(InodeId id);
  const Inode& inode(InodeId id) const;
  const std::vector<PendingEntries>& pending_entries() const { return pending_entries_; }
  // Pages of files that are gone: what newly allocated blocks may hold.
  const std::vector<SparseContent::PagePointer>& stale_pages() const { return stale_pages_; }
  std::uint64_t AllocatedBytes() const;

  InodeId Create(InodeId directory, std::string_view name, bool is_directory);
  void Remove(InodeId directory, std::string_view name);
  // `only_target` leaves the source's half out: a cut in the middle of a rename between
  // directories.
  void Rename(InodeId from, std::string_view from_name, InodeId to, std::string_view to_name,
              bool only_target);
  void SyncDirectory(InodeId directory);
  void AbandonDirectory(InodeId directory);

  void Write(InodeId file, std::uint64_t offset, ByteSpan bytes);
  void WriteDurably(InodeId file, std::uint64_t offset, ByteSpan bytes);
  void Resize(InodeId file, std::uint64_t size);
  void SyncFile(InodeId file);
  void AbandonFile(InodeId file);
  void AbandonLastWrite(InodeId file);

  void CloseHandle(InodeId file);

 private:
  void Unlink(InodeId id);
  void CommitEntries(const PendingEntries& change);
  void CommitEntriesThrough(std::uint64_t sequence);
  void SettleMetadata(const Inode& file);
  void CollectGarbage();

  MetadataModel model_;
  std::uint64_t sequence_ = 0;
  InodeId next_inode_ = kRootInode;
  std::map<InodeId, Inode> inodes_;
  std::vector<PendingEntries> pending_entries_;
  std::vector<SparseContent::PagePointer> stale_pages_;
  bool may_have_garbage_ = false;
};

// The content to write to: `content` itself, or a copy where something else shares it.
SparseContent& Mutable(std::shared_ptr<SparseContent>& content);

}  // namespace seglog::test
