// SPDX-License-Identifier: MIT
#include "log/segment_files.h"

namespace seglog::log {
namespace {

std::string DirectoryOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

Result<SegmentFiles::FileRef> SegmentFiles::Create(const std::string& path,
                                                   const std::string& recycled) {
  const std::string directory = DirectoryOf(path);
  // Each new name is synced in the directory above it, from the top down. The first was made with
  // the log.
  std::string parent = directory.substr(0, directory.find('/'));
  for (std::size_t slash = directory.find('/'); slash != std::string::npos;) {
    slash = directory.find('/', slash + 1);
    const std::string child = directory.substr(0, slash);
    const Result<bool> exists = fs_->Exists(child);
    if (!exists.ok()) return exists.status();
    if (!exists.value()) SEGLOG_RETURN_IF_ERROR(fs_->CreateDirectory(child));
    // Synced even when it is there: a crash may have come between its creation and its sync.
    SEGLOG_RETURN_IF_ERROR(fs_->SyncDirectory(parent));
    parent = child;
  }
  // Handles that are left of a try which a full disk cut short are of another file from here on.
  Forget(path);
  Forget(recycled);
  // Its inode may have another name, that of a free file: so it is never written to.
  const Result<bool> exists = fs_->Exists(path);
  if (!exists.ok()) return exists.status();
  if (exists.value()) SEGLOG_RETURN_IF_ERROR(fs_->Remove(path));
  if (!recycled.empty()) SEGLOG_RETURN_IF_ERROR(fs_->Rename(recycled, path));
  const io::OpenMode mode =
      recycled.empty() ? io::OpenMode::kCreateExclusive : io::OpenMode::kReadWrite;
  Result<std::unique_ptr<io::File>> file =
      fs_->Open(path, io::OpenOptions{.mode = mode, .direct = direct_});
  if (!file.ok()) return file.status();
  SEGLOG_RETURN_IF_ERROR(fs_->SyncDirectory(directory));
  if (!recycled.empty()) SEGLOG_RETURN_IF_ERROR(fs_->SyncDirectory(kFreeSegmentsDirectory));
  return Remember("w:" + path, std::move(file).value());
}

Status SegmentFiles::Remove(const std::string& path) {
  Forget(path);
  const Result<bool> exists = fs_->Exists(path);
  if (!exists.ok()) return exists.status();
  if (!exists.value()) return Status::Ok();
  SEGLOG_RETURN_IF_ERROR(fs_->Remove(path));
  return fs_->SyncDirectory(DirectoryOf(path));
}

Result<bool> SegmentFiles::Pool(const std::string& path, const std::string& pooled) {
  Forget(path);
  Result<bool> exists = fs_->Exists(path);
  if (!exists.ok() || !exists.value()) return exists;
  SEGLOG_RETURN_IF_ERROR(fs_->Rename(path, pooled));
  SEGLOG_RETURN_IF_ERROR(fs_->SyncDirectory(kFreeSegmentsDirectory));
  // A crash may have left both names; renaming one to the other then does nothing.
  SEGLOG_RETURN_IF_ERROR(Remove(path));
  SEGLOG_RETURN_IF_ERROR(fs_->SyncDirectory(DirectoryOf(path)));
  return true;
}

Result<SegmentFiles::FileRef> SegmentFiles::Open(const std::string& path, bool writing) {
  std::string name = (writing ? "w:" : "r:") + path;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = by_name_.find(name); found != by_name_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second);
      return found->second->file;
    }
  }
  const io::OpenOptions options{.mode = writing ? io::OpenMode::kReadWrite : io::OpenMode::kRead,
                                .direct = writing && direct_};
  Result<std::unique_ptr<io::File>> file = fs_->Open(path, options);
  if (!file.ok()) return file.status();
  return Remember(std::move(name), std::move(file).value());
}

SegmentFiles::FileRef SegmentFiles::Remember(std::string name, std::unique_ptr<io::File> file) {
  const std::lock_guard lock(mutex_);
  if (const auto found = by_name_.find(name); found != by_name_.end()) return found->second->file;
  while (recent_.size() >= open_max_) {
    by_name_.erase(recent_.back().name);
    recent_.pop_back();
  }
  recent_.push_front(Entry{.name = name, .file = FileRef(std::move(file))});
  by_name_.emplace(std::move(name), recent_.begin());
  return recent_.front().file;
}

void SegmentFiles::Forget(const std::string& path) {
  const std::lock_guard lock(mutex_);
  for (const char* mark : {"r:", "w:"}) {
    const auto found = by_name_.find(mark + path);
    if (found == by_name_.end()) continue;
    recent_.erase(found->second);
    by_name_.erase(found);
  }
}

std::size_t SegmentFiles::open_count() {
  const std::lock_guard lock(mutex_);
  return recent_.size();
}

}  // namespace seglog::log
