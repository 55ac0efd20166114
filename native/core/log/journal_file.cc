// SPDX-License-Identifier: MIT
#include "log/journal_file.h"

#include <algorithm>

#include "base/aligned_buffer.h"
#include "format/key_name.h"

namespace seglog::log {
namespace {

// Fresh files get this name until they are whole. One is made at a time.
constexpr const char* kFreshPath = "journal/fresh.tmp";

// Never written, so that no memory stands behind it: shared by all logs of the process.
constexpr std::size_t kZeroChunkBytes = 256 * 1024;
alignas(kPageBytes) std::byte zero_chunk[kZeroChunkBytes];

Status WriteZeros(io::File* file, std::uint64_t bytes) {
  for (std::uint64_t offset = 0; offset < bytes; offset += kZeroChunkBytes) {
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(kZeroChunkBytes, bytes - offset));
    SEGLOG_RETURN_IF_ERROR(
        file->WriteAt(offset, ByteSpan(zero_chunk).first(count), io::WriteMode::kUnsynced));
  }
  return Status::Ok();
}

Result<std::unique_ptr<io::File>> OpenFresh(io::FileSystem* fs, bool direct) {
  const io::OpenOptions create{.mode = io::OpenMode::kCreateExclusive, .direct = direct};
  Result<std::unique_ptr<io::File>> file = fs->Open(kFreshPath, create);
  if (file.ok()) return file;
  // Left over from a process that was killed while it made one.
  const Result<bool> exists = fs->Exists(kFreshPath);
  if (!exists.ok()) return exists.status();
  if (!exists.value()) return file;
  SEGLOG_RETURN_IF_ERROR(fs->Remove(kFreshPath));
  return fs->Open(kFreshPath, create);
}

}  // namespace

Result<std::unique_ptr<JournalFile>> JournalFile::Prepare(io::FileSystem* fs, bool direct,
                                                          const format::JournalIdentity& identity,
                                                          std::uint64_t bytes,
                                                          const FreeJournalFile* recycle) {
  SEGLOG_ASSERT(bytes % kPageBytes == 0 && bytes > format::kJournalBlocksOffset);
  SEGLOG_ASSERT(recycle == nullptr || recycle->bytes == bytes);
  const std::string from =
      recycle == nullptr ? kFreshPath : format::JournalPath(recycle->generation);
  Result<std::unique_ptr<io::File>> file =
      recycle == nullptr
          ? OpenFresh(fs, direct)
          : fs->Open(from, io::OpenOptions{.mode = io::OpenMode::kReadWrite, .direct = direct});
  if (!file.ok()) return file.status();
  std::unique_ptr<JournalFile> journal(new JournalFile());
  journal->identity_ = identity;
  journal->file_ = std::move(file).value();
  journal->bytes_ = bytes;
  journal->recycled_ = recycle != nullptr;
  if (recycle == nullptr) {
    if (Status zeroed = WriteZeros(journal->file_.get(), bytes); !zeroed.ok()) {
      // On a full disk the half of a file must not keep the room that others need.
      const Status removed = fs->Remove(kFreshPath);
      return removed.ok() ? zeroed : removed;
    }
  }

  // The page where the first block will lie is zero in every life, as the one behind each block is.
  // The header is durable before the name is: a live name without a valid header is damage.
  AlignedBuffer headers;
  headers.AppendZeros(format::kJournalBlocksOffset + kPageBytes);
  const format::JournalHeader header{.identity = identity,
                                     .file_bytes = bytes,
                                     .flags = recycle == nullptr ? 0u : format::kJournalIsRecycled};
  format::EncodeJournalHeader(header, headers.mutable_bytes().first(kPageBytes));
  format::EncodeJournalHeader(header, headers.mutable_bytes().subspan(kPageBytes, kPageBytes));
  SEGLOG_RETURN_IF_ERROR(journal->file_->WriteAt(0, headers.bytes(), io::WriteMode::kUnsynced));
  SEGLOG_RETURN_IF_ERROR(journal->file_->SyncData());
  SEGLOG_RETURN_IF_ERROR(fs->Rename(from, format::JournalPath(identity.generation)));
  SEGLOG_RETURN_IF_ERROR(fs->SyncDirectory("journal"));
  return journal;
}

std::uint64_t JournalFile::Issue(std::uint64_t commit, std::uint64_t block_bytes) {
  SEGLOG_ASSERT(block_bytes > 0 && block_bytes % kPageBytes == 0 && block_bytes <= room());
  const std::uint64_t offset = write_offset_;
  write_offset_ += block_bytes;
  if (first_commit_ == 0) first_commit_ = commit;
  return offset;
}

Status JournalFile::Write(std::uint64_t offset, AlignedBuffer* block, io::WriteMode mode) {
  SEGLOG_ASSERT(offset >= format::kJournalBlocksOffset && offset + block->size() <= write_offset_);
  if (recycled_ && offset + block->size() < bytes_) block->AppendZeros(kPageBytes);
  return file_->WriteAt(offset, block->bytes(), mode);
}

}  // namespace seglog::log
