// SPDX-License-Identifier: MIT
#include "test/support/simulated_file.h"

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "io/path.h"

namespace seglog::test {

SimulatedFile::~SimulatedFile() {
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  disk_.state_.CloseHandle(inode_);
}

Result<std::size_t> SimulatedFile::ReadAt(std::uint64_t offset, MutableByteSpan out) {
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  if (disk_.crashed_) return SimulatedDisk::PowerCut(path_);
  if (direct_) SEGLOG_RETURN_IF_ERROR(io::CheckDirectTransfer(offset, out));
  const int fault = disk_.MeetFault(FaultKind::kRead, path_);
  if (fault != 0) return Status::FromErrno(fault, "pread", path_);
  return disk_.state_.inode(inode_).current->Read(offset, out);
}

Status SimulatedFile::WriteAt(std::uint64_t offset, ByteSpan bytes, io::WriteMode mode) {
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  const bool synced = mode == io::WriteMode::kSynced;
  const auto admission =
      disk_.Admit(synced ? "write synced" : "write", path_, offset, bytes.size());
  if (admission == SimulatedDisk::Admission::kRefused) return SimulatedDisk::PowerCut(path_);
  if (!writable_) return Status::FromErrno(EBADF, "pwrite", path_);
  if (direct_) SEGLOG_RETURN_IF_ERROR(io::CheckDirectTransfer(offset, bytes));
  if (admission == SimulatedDisk::Admission::kComplete) return WriteAdmitted(offset, bytes, mode);

  if (admission == SimulatedDisk::Admission::kCutPart && !bytes.empty()) {
    bytes = bytes.first(static_cast<std::size_t>(disk_.random_.Below(bytes.size())));
  }
  bytes = bytes.first(static_cast<std::size_t>(BytesThatFit(offset, bytes.size())));
  disk_.state_.Write(inode_, offset, bytes);
  return SimulatedDisk::PowerCut(path_);
}

Status SimulatedFile::WriteAdmitted(std::uint64_t offset, ByteSpan bytes, io::WriteMode mode) {
  DiskState& state = disk_.state_;
  const SparseContent& current = *state.inode(inode_).current;
  int fault = disk_.MeetFault(FaultKind::kWrite, path_);
  const bool extends =
      offset + bytes.size() > current.size() || current.PagesMissing(offset, bytes.size()) > 0;
  if (extends && fault == 0) fault = disk_.MeetFault(FaultKind::kExtend, path_);
  if (fault != 0) return Status::FromErrno(fault, "pwrite", path_);

  const int short_fault = disk_.MeetFault(FaultKind::kShortWrite, path_);
  std::size_t taken = static_cast<std::size_t>(BytesThatFit(offset, bytes.size()));
  if (short_fault != 0) {
    const std::size_t half = bytes.size() / 2;
    taken = std::min(taken, direct_ ? AlignDown(half, kPageBytes) : half);
  }
  if (taken < bytes.size()) {
    state.Write(inode_, offset, bytes.first(taken));
    return Status::FromErrno(short_fault != 0 ? short_fault : ENOSPC, "pwrite", path_);
  }
  if (mode == io::WriteMode::kUnsynced || bytes.empty()) {
    state.Write(inode_, offset, bytes);
    return Status::Ok();
  }
  const int sync_fault = disk_.MeetFault(FaultKind::kSync, path_);
  if (sync_fault != 0) {
    state.Write(inode_, offset, bytes);
    state.AbandonLastWrite(inode_);
    return Status::FromErrno(sync_fault, "pwritev2", path_);
  }
  state.WriteDurably(inode_, offset, bytes);
  return Status::Ok();
}

Status SimulatedFile::SyncData() {
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  // A cut in the middle of a sync: what it got to is one of the images.
  if (disk_.Admit("sync", path_) != SimulatedDisk::Admission::kComplete) {
    return SimulatedDisk::PowerCut(path_);
  }
  const int fault = disk_.MeetFault(FaultKind::kSync, path_);
  if (fault != 0) {
    disk_.state_.AbandonFile(inode_);
    return Status::FromErrno(fault, "fdatasync", path_);
  }
  disk_.state_.SyncFile(inode_);
  return Status::Ok();
}

Status SimulatedFile::Truncate(std::uint64_t size) {
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  const auto admission = disk_.Admit("truncate", path_);
  if (admission == SimulatedDisk::Admission::kRefused) return SimulatedDisk::PowerCut(path_);
  if (!writable_) return Status::FromErrno(EINVAL, "ftruncate", path_);
  const int fault = disk_.MeetFault(FaultKind::kTruncate, path_);
  if (fault != 0) return Status::FromErrno(fault, "ftruncate", path_);
  disk_.state_.Resize(inode_, size);
  if (admission != SimulatedDisk::Admission::kComplete) return SimulatedDisk::PowerCut(path_);
  return Status::Ok();
}

// Zeros in each page that has no block. A cut may leave any of them out, as it may any write.
Result<bool> SimulatedFile::Allocate(std::uint64_t size) {
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  const auto admission = disk_.Admit("allocate", path_);
  if (admission == SimulatedDisk::Admission::kRefused) return SimulatedDisk::PowerCut(path_);
  if (!writable_) return Status::FromErrno(EBADF, "fallocate", path_);
  const int fault = disk_.MeetFault(FaultKind::kExtend, path_);
  if (fault != 0) return Status::FromErrno(fault, "fallocate", path_);
  // As ext4 does: what there is of room is taken before the rest is missed.
  const bool full = BytesThatFit(0, size) < size;
  size = BytesThatFit(0, size);
  const auto allocated = [&](std::uint64_t at) {
    return disk_.state_.inode(inode_).current->IsAllocated(at / kPageBytes);
  };
  for (std::uint64_t at = 0; at < size; at += kPageBytes) {
    if (allocated(at)) continue;
    std::uint64_t end = at;
    while (end < size && !allocated(end)) end += kPageBytes;
    disk_.state_.Write(inode_, at, std::vector<std::byte>(std::min(end, size) - at));
    at = end;
  }
  if (admission != SimulatedDisk::Admission::kComplete) return SimulatedDisk::PowerCut(path_);
  if (full) return Status::FromErrno(ENOSPC, "fallocate", path_);
  return true;
}

Result<std::uint64_t> SimulatedFile::Size() {
  const std::lock_guard<std::mutex> lock(disk_.mutex_);
  if (disk_.crashed_) return SimulatedDisk::PowerCut(path_);
  return disk_.state_.inode(inode_).current->size();
}

// How much of a write the quota leaves room for.
std::uint64_t SimulatedFile::BytesThatFit(std::uint64_t offset, std::uint64_t bytes) const {
  if (disk_.quota_ == SimulatedDisk::kNoQuota) return bytes;
  const SparseContent& current = *disk_.state_.inode(inode_).current;
  const std::uint64_t used = disk_.state_.AllocatedBytes();
  std::uint64_t room = used < disk_.quota_ ? (disk_.quota_ - used) / kPageBytes : 0;
  for (std::uint64_t at = offset; at < offset + bytes;
       at = AlignDown<std::uint64_t>(at, kPageBytes) + kPageBytes) {
    if (current.IsAllocated(at / kPageBytes)) continue;
    if (room == 0) return at - offset;
    --room;
  }
  return bytes;
}

}  // namespace seglog::test
