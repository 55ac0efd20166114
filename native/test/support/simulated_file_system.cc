// SPDX-License-Identifier: MIT
#include "test/support/simulated_file_system.h"

#include <cerrno>
#include <mutex>
#include <utility>

#include "io/path.h"
#include "test/support/simulated_file.h"

namespace seglog::test {

// Held by nobody else: the disk gives the inode free when this is destroyed.
class SimulatedLock final : public io::FileLock {
 public:
  SimulatedLock(SimulatedDisk& disk, InodeId inode) : disk_(disk), inode_(inode) {}
  ~SimulatedLock() override {
    const std::lock_guard<std::mutex> lock(disk_.mutex_);
    disk_.state_.inode(inode_).locked = false;
    disk_.state_.CloseHandle(inode_);
  }

 private:
  SimulatedDisk& disk_;
  const InodeId inode_;
};

Result<std::unique_ptr<io::File>> SimulatedFileSystem::Open(std::string_view path,
                                                            const io::OpenOptions& options) {
  const bool writable = options.mode != io::OpenMode::kRead;
  const bool create = options.mode == io::OpenMode::kCreateExclusive;
  if (writable) SEGLOG_RETURN_IF_ERROR(CheckWritable(path));
  SEGLOG_RETURN_IF_ERROR(io::CheckPath(path));
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  if (disk_.crashed_) return SimulatedDisk::PowerCut(path);
  const Admission admission = create ? disk_.Admit("create", path) : Admission::kComplete;
  if (admission == Admission::kRefused) return SimulatedDisk::PowerCut(path);
  if (path.empty()) return io::PathStatus(create ? EEXIST : EISDIR, "openat", path);

  const Result<Place> place = Find(path, "openat");
  if (!place.ok()) return place.status();
  InodeId inode = place.value().inode;
  if (create) {
    if (inode != kNoInode) return io::PathStatus(EEXIST, "openat", path);
    const int fault = disk_.MeetFault(FaultKind::kEntries, path);
    if (fault != 0) return Status::FromErrno(fault, "openat", path);
    inode = disk_.state_.Create(place.value().directory, place.value().name, false);
  }
  if (admission != Admission::kComplete) return SimulatedDisk::PowerCut(path);
  if (inode == kNoInode) return io::PathStatus(ENOENT, "openat", path);
  Inode& node = disk_.state_.inode(inode);
  if (node.is_directory) return io::PathStatus(EISDIR, "openat", path);
  ++node.handles;
  return std::unique_ptr<io::File>(new SimulatedFile(disk_, inode, std::string(path), writable,
                                                     options.direct && disk_.options_.direct));
}

Status SimulatedFileSystem::CreateDirectory(std::string_view path) {
  SEGLOG_RETURN_IF_ERROR(CheckWritable(path));
  SEGLOG_RETURN_IF_ERROR(io::CheckPath(path));
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  const Admission admission = disk_.Admit("make directory", path);
  if (admission == Admission::kRefused) return SimulatedDisk::PowerCut(path);
  const Result<Place> place = Find(path, "mkdirat");
  if (!place.ok()) return place.status();
  if (place.value().inode != kNoInode) {
    if (!disk_.state_.inode(place.value().inode).is_directory) {
      return io::PathStatus(ENOTDIR, "mkdirat", path);
    }
  } else {
    const int fault = disk_.MeetFault(FaultKind::kEntries, path);
    if (fault != 0) return Status::FromErrno(fault, "mkdirat", path);
    disk_.state_.Create(place.value().directory, place.value().name, true);
  }
  if (admission != Admission::kComplete) return SimulatedDisk::PowerCut(path);
  return Status::Ok();
}

Status SimulatedFileSystem::Rename(std::string_view from, std::string_view to) {
  SEGLOG_RETURN_IF_ERROR(CheckWritable(from));
  SEGLOG_RETURN_IF_ERROR(io::CheckPath(from));
  SEGLOG_RETURN_IF_ERROR(io::CheckPath(to));
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  const Admission admission = disk_.Admit("rename", std::string(from) + " to " + std::string(to));
  if (admission == Admission::kRefused) return SimulatedDisk::PowerCut(from);
  const Result<Place> source = Find(from, "renameat");
  if (!source.ok()) return source.status();
  const Result<Place> target = Find(to, "renameat");
  if (!target.ok()) return target.status();
  SEGLOG_RETURN_IF_ERROR(CheckRename(source.value(), target.value(), from));
  if (to.starts_with(std::string(from) + "/")) return Status::FromErrno(EINVAL, "renameat", from);
  const int fault = disk_.MeetFault(FaultKind::kEntries, from);
  if (fault != 0) return Status::FromErrno(fault, "renameat", from);
  const bool only_target =
      admission == Admission::kCutPart && disk_.options_.metadata == MetadataModel::kStrictPosix;
  disk_.state_.Rename(source.value().directory, source.value().name, target.value().directory,
                      target.value().name, only_target);
  if (admission != Admission::kComplete) return SimulatedDisk::PowerCut(from);
  return Status::Ok();
}

Status SimulatedFileSystem::Remove(std::string_view path) {
  SEGLOG_RETURN_IF_ERROR(CheckWritable(path));
  SEGLOG_RETURN_IF_ERROR(io::CheckPath(path));
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  const Admission admission = disk_.Admit("remove", path);
  if (admission == Admission::kRefused) return SimulatedDisk::PowerCut(path);
  const Result<Place> place = Find(path, "unlinkat");
  if (!place.ok()) return place.status();
  if (place.value().inode == kNoInode) return io::PathStatus(ENOENT, "unlinkat", path);
  if (!disk_.state_.inode(place.value().inode).current_entries.empty()) {
    return Status::FromErrno(ENOTEMPTY, "unlinkat", path);
  }
  const int fault = disk_.MeetFault(FaultKind::kEntries, path);
  if (fault != 0) return Status::FromErrno(fault, "unlinkat", path);
  disk_.state_.Remove(place.value().directory, place.value().name);
  if (admission != Admission::kComplete) return SimulatedDisk::PowerCut(path);
  return Status::Ok();
}

Status SimulatedFileSystem::SyncDirectory(std::string_view path) {
  SEGLOG_RETURN_IF_ERROR(CheckWritable(path));
  SEGLOG_RETURN_IF_ERROR(io::CheckPath(path));
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  if (disk_.Admit("sync directory", path) != Admission::kComplete) {
    return SimulatedDisk::PowerCut(path);
  }
  const Result<InodeId> directory = FindDirectory(path, "openat");
  if (!directory.ok()) return directory.status();
  const int fault = disk_.MeetFault(FaultKind::kSyncDirectory, path);
  if (fault != 0) {
    disk_.state_.AbandonDirectory(directory.value());
    return Status::FromErrno(fault, "fsync", path);
  }
  disk_.state_.SyncDirectory(directory.value());
  return Status::Ok();
}

Result<std::vector<io::DirectoryEntry>> SimulatedFileSystem::List(std::string_view path) {
  SEGLOG_RETURN_IF_ERROR(io::CheckPath(path));
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  if (disk_.crashed_) return SimulatedDisk::PowerCut(path);
  const Result<InodeId> directory = FindDirectory(path, "openat");
  if (!directory.ok()) return directory.status();
  std::vector<io::DirectoryEntry> entries;
  for (const auto& [name, id] : disk_.state_.inode(directory.value()).current_entries) {
    const Inode& node = disk_.state_.inode(id);
    entries.push_back({name, node.is_directory, node.is_directory ? 0 : node.current->size()});
  }
  return entries;
}

Result<bool> SimulatedFileSystem::Exists(std::string_view path) {
  SEGLOG_RETURN_IF_ERROR(io::CheckPath(path));
  if (path.empty()) return true;
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  if (disk_.crashed_) return SimulatedDisk::PowerCut(path);
  const Result<Place> place = Find(path, "fstatat");
  if (place.ok()) return place.value().inode != kNoInode;
  if (place.status().code() == Code::kNotFound) return false;
  return place.status();
}

Result<std::unique_ptr<io::FileLock>> SimulatedFileSystem::Lock(std::string_view path,
                                                                std::string_view owner) {
  SEGLOG_RETURN_IF_ERROR(CheckWritable(path));
  SEGLOG_RETURN_IF_ERROR(io::CheckPath(path));
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  const Admission admission = disk_.Admit("lock", path);
  if (admission == Admission::kRefused) return SimulatedDisk::PowerCut(path);
  const Result<Place> place = Find(path, "openat");
  if (!place.ok()) return place.status();
  InodeId id = place.value().inode;
  if (id == kNoInode) {
    id = disk_.state_.Create(place.value().directory, place.value().name, false);
  }
  Inode& node = disk_.state_.inode(id);
  if (node.is_directory) return io::PathStatus(EISDIR, "openat", path);
  if (node.locked) {
    std::vector<std::byte> text(static_cast<std::size_t>(node.current->size()));
    node.current->Read(0, text);
    return Status(Code::kLocked, "Another writer has the log open: " + io::OneLine(AsText(text)))
        .WithPath(path);
  }
  if (admission != Admission::kCutPart) {
    disk_.state_.Write(id, 0, AsBytes(owner));
    disk_.state_.Resize(id, owner.size());
  }
  if (admission != Admission::kComplete) return SimulatedDisk::PowerCut(path);
  node.locked = true;
  ++node.handles;
  return std::unique_ptr<io::FileLock>(new SimulatedLock(disk_, id));
}

Status SimulatedFileSystem::CheckUnlocked(std::string_view path) {
  SEGLOG_RETURN_IF_ERROR(io::CheckPath(path));
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  const Result<Place> place = Find(path, "openat");
  if (!place.ok()) return place.status();
  const InodeId id = place.value().inode;
  if (id == kNoInode || !disk_.state_.inode(id).locked) return Status::Ok();
  return Status(Code::kLocked, "Another writer has the log open").WithPath(path);
}

Status SimulatedFileSystem::CheckWritable(std::string_view path) const {
  if (!read_only_) return Status::Ok();
  return Status(Code::kReadOnly, "The log was opened read-only").WithPath(path);
}

Result<InodeId> SimulatedFileSystem::FindDirectory(std::string_view path,
                                                   const char* syscall) const {
  if (path.empty()) return kRootInode;
  const Result<Place> place = Find(path, syscall);
  if (!place.ok()) return place.status();
  if (place.value().inode == kNoInode) return io::PathStatus(ENOENT, syscall, path);
  if (!disk_.state_.inode(place.value().inode).is_directory) {
    return io::PathStatus(ENOTDIR, syscall, path);
  }
  return place.value().inode;
}

Result<SimulatedFileSystem::Place> SimulatedFileSystem::Find(std::string_view path,
                                                             const char* syscall) const {
  if (path.empty()) {
    return Status(Code::kInvalidArgument, "The log's own directory cannot be made or removed");
  }
  const io::SplitPath split = io::Split(path);
  InodeId directory = kRootInode;
  if (!split.parent.empty()) {
    const Result<InodeId> parent = FindDirectory(split.parent, syscall);
    if (!parent.ok()) return parent.status();
    directory = parent.value();
  }
  const Entries& entries = disk_.state_.inode(directory).current_entries;
  const auto found = entries.find(split.name);
  return Place{directory, split.name, found == entries.end() ? kNoInode : found->second};
}

// What renameat refuses.
Status SimulatedFileSystem::CheckRename(const Place& from, const Place& to,
                                        std::string_view path) const {
  const auto refuse = [&](int error_number) {
    return io::PathStatus(error_number, "renameat", path);
  };
  if (from.inode == kNoInode) return refuse(ENOENT);
  if (to.inode == kNoInode || to.inode == from.inode) return Status::Ok();
  const Inode& source = disk_.state_.inode(from.inode);
  const Inode& target = disk_.state_.inode(to.inode);
  if (source.is_directory && !target.is_directory) return refuse(ENOTDIR);
  if (!source.is_directory && target.is_directory) return refuse(EISDIR);
  if (!target.current_entries.empty()) return refuse(ENOTEMPTY);
  return Status::Ok();
}

}  // namespace seglog::test
