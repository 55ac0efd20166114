// SPDX-License-Identifier: MIT
#include "log/body_check.h"

#include "format/key_name.h"

namespace seglog::log {
namespace {

// Calls `visit` with each body of the commits above the mark, in order, until it returns false.
template <typename Visit>
void ForEachBody(const std::vector<AcceptedCommit>& commits, std::uint64_t mark, Visit visit) {
  for (const AcceptedCommit& commit : commits) {
    if (commit.header.commit <= mark) continue;
    for (const format::Item& item : commit.items) {
      const auto* body = std::get_if<format::BodyItem>(&item);
      if (body != nullptr && !visit(commit, *body)) return;
    }
  }
}

}  // namespace

Result<std::uint64_t> BodyCheck::FirstTorn(const std::vector<AcceptedCommit>& commits,
                                           std::uint64_t mark) {
  std::uint64_t torn = 0;
  Status failure;
  ForEachBody(commits, mark, [&](const AcceptedCommit& commit, const format::BodyItem& item) {
    if (paths_.empty()) NameSegments(commits);
    const Result<bool> sound = Read(item);
    if (!sound.ok()) failure = sound.status();
    if (sound.ok() && !sound.value()) torn = commit.header.commit;
    return failure.ok() && torn == 0;
  });
  if (!failure.ok()) return failure;
  return torn;
}

Status BodyCheck::Rewrite(const std::vector<AcceptedCommit>& commits, std::uint64_t mark,
                          SegmentFiles* files) {
  Status status;
  ForEachBody(commits, mark, [&](const AcceptedCommit&, const format::BodyItem& item) {
    if (paths_.empty()) NameSegments(commits);
    const Result<bool> sound = Read(item);
    status = sound.status();
    if (!status.ok()) return false;
    if (!sound.value()) {
      status = Status(Code::kIoError, "a body changed between two reads");
      return false;
    }
    const Result<SegmentFiles::FileRef> file = files->ForWriting(paths_.at(item.segment_id));
    status = file.status();
    if (status.ok()) {
      status = file.value()->WriteAt(item.body_offset, body_.bytes(), io::WriteMode::kUnsynced);
    }
    if (status.ok()) status = file.value()->SyncData();
    return status.ok();
  });
  return status;
}

// Where each segment lies that was open in the snapshot or began later.
void BodyCheck::NameSegments(const std::vector<AcceptedCommit>& commits) {
  std::unordered_map<std::uint64_t, std::string> keys;  // by stream id
  const auto name = [this](const std::string& key, std::uint64_t id, std::uint64_t first) {
    paths_[id] = format::StreamDirectory(key) + "/" + format::SegmentFileName(first, id);
  };
  for (const format::CatalogStream& stream : catalog_.streams) {
    keys[stream.id] = stream.key;
    for (const format::CatalogSegment& segment : stream.segments) {
      name(stream.key, segment.id, segment.first_sequence);
    }
  }
  for (const AcceptedCommit& commit : commits) {
    for (const format::Item& item : commit.items) {
      if (const auto* create = std::get_if<format::CreateStreamItem>(&item)) {
        keys[create->stream_id] = AsText(create->key);
      } else if (const auto* rotate = std::get_if<format::RotateItem>(&item)) {
        const auto key = keys.find(rotate->stream_id);
        if (key != keys.end()) name(key->second, rotate->new_segment_id, rotate->first_sequence);
      }
    }
  }
}

Result<bool> BodyCheck::Read(const format::BodyItem& item) {
  const auto path = paths_.find(item.segment_id);
  if (path == paths_.end()) return skips_damage_;
  const Result<std::unique_ptr<io::File>> file = fs_->Open(path->second, io::OpenOptions{});
  if (file.status().code() == Code::kNotFound) return false;
  if (!file.ok()) return file.status();
  // No longer than the file, whatever the item says.
  const Result<std::uint64_t> size = file.value()->Size();
  if (!size.ok()) return size.status();
  if (item.end() > size.value()) return false;
  body_.Resize(static_cast<std::size_t>(item.body_bytes));
  const Result<std::size_t> read = file.value()->ReadAt(item.body_offset, body_.mutable_bytes());
  if (!read.ok()) return read.status();
  return read.value() == item.body_bytes &&
         format::BodyChecksum(item, body_.bytes()) == item.checksum;
}

}  // namespace seglog::log
