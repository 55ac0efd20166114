// SPDX-License-Identifier: MIT
// The writing half of recovery: a new generation, in which everything that only the journal held is
// repeated, and two snapshots that start there. The old journal stays untouched until both are
// durable.
#include <algorithm>

#include "format/key_name.h"
#include "log/recovery.h"

namespace seglog::log {
namespace {

constexpr std::uint64_t kItemOverhead = 40;

}  // namespace

Status Recovery::BeginSession() {
  const Options& options = state_->options;
  state_->session = ++state_->highest_generation;
  const format::JournalIdentity identity{.log_uuid = state_->log_uuid,
                                         .generation = state_->session,
                                         .salt = state_->environment.random->Next()};
  const std::uint64_t needed = SessionBytes() + format::kJournalBlocksOffset + kPageBytes;
  const std::uint64_t bytes =
      AlignUp<std::uint64_t>(std::max(options.journal_first_bytes, needed), kPageBytes);
  Result<std::unique_ptr<JournalFile>> prepared =
      JournalFile::Prepare(fs_, options.direct, identity, bytes, nullptr);
  if (!prepared.ok()) return prepared.status();
  state_->journal = std::move(prepared).value();
  SEGLOG_RETURN_IF_ERROR(WriteSessionBlocks(state_->journal.get()));
  SEGLOG_RETURN_IF_ERROR(WriteSnapshots());
  SEGLOG_RETURN_IF_ERROR(FreeOldJournals());
  DescribeChanges();
  return Status::Ok();
}

void Recovery::DescribeChanges() {
  std::vector<std::string>& changes = report_->changes;
  if (report_->status == RecoveryStatus::kTornTail) {
    changes.push_back(report_->torn_file + " is not read behind offset " +
                      std::to_string(report_->torn_offset) + " any more");
  }
  changes.push_back(format::JournalPath(state_->session) + " was begun, with " +
                    std::to_string(report_->pending_bytes) +
                    " bytes that only older journal files held");
  changes.push_back("CATALOG and CATALOG.copy were written");
  if (!scan_.all_files.empty()) {
    changes.push_back(std::to_string(scan_.all_files.size()) + " older journal files were freed, " +
                      std::to_string(scan_.all_files.size() - state_->free_journals.size()) +
                      " of them removed");
  }
}

// At most so many bytes of blocks repeat what is pending.
std::uint64_t Recovery::SessionBytes() const {
  std::uint64_t bytes = 0;
  for (const StreamHandle handle : state_->table.with_segments()) {
    for (const auto& segment : state_->table.at(handle).segments) {
      const std::uint64_t pending = segment->pending.size();
      if (pending > 0) bytes += pending + kItemOverhead * (1 + pending / SessionPieceBytes());
    }
  }
  // Each block but the last is more than half full.
  const std::uint64_t blocks = 2 * bytes / state_->options.commit_bytes_max + 1;
  return bytes == 0 ? 0 : bytes + blocks * 2 * kPageBytes;
}

std::uint64_t Recovery::SessionPieceBytes() const { return state_->options.commit_bytes_max / 2; }

Status Recovery::WriteSessionBlocks(JournalFile* journal) {
  format::CommitBlockBuilder builder;
  builder.Begin(state_->next_lsn);
  for (const StreamHandle handle : state_->table.with_segments()) {
    Stream& stream = state_->table.at(handle);
    for (const auto& segment : stream.segments) {
      const PendingBytes& pending = segment->pending;
      if (pending.size() == 0) continue;
      segment->oldest_generation = journal->generation();
      for (std::uint64_t from = pending.begin(); from < pending.end();) {
        const std::uint64_t to = std::min(pending.end(), from + SessionPieceBytes());
        if (builder.item_count() > 0 &&
            builder.block_bytes() + (to - from) > state_->options.commit_bytes_max) {
          SEGLOG_RETURN_IF_ERROR(WriteSessionBlock(journal, &builder));
        }
        builder.Add(format::BytesItem{.stream_id = stream.id,
                                      .segment_id = segment->row.id,
                                      .segment_offset = from,
                                      .bytes = pending.Range(from, to)});
        from = to;
      }
    }
  }
  if (builder.item_count() == 0) return Status::Ok();
  SEGLOG_RETURN_IF_ERROR(WriteSessionBlock(journal, &builder));
  return journal->Sync();
}

Status Recovery::WriteSessionBlock(JournalFile* journal, format::CommitBlockBuilder* builder) {
  const std::uint64_t commit = ++state_->issued_commit;
  // The mark is what blocks knew before: that the rest counts as durable is only true once both
  // snapshots say so. What this snapshot alone knows is left out, since the other one, from before
  // a crash between the two, may have to open the log yet.
  const format::CommitHeader header{.commit = commit,
                                    .mark = scan_.highest_block_mark,
                                    .lsn_limit = state_->next_lsn,
                                    .time_us = state_->last_time_us};
  const std::uint64_t offset = journal->Issue(commit, builder->block_bytes());
  builder->Finish(header, journal->identity(), offset);
  Status written = journal->Write(offset, builder->buffer(), io::WriteMode::kUnsynced);
  builder->Begin(state_->next_lsn);
  return written;
}

Status Recovery::WriteSnapshots() {
  state_->durable_commit = state_->recorded_mark = state_->issued_commit;
  format::Catalog snapshot = state_->Capture();
  SEGLOG_RETURN_IF_ERROR(catalogs_.WriteFirst(&snapshot));
  return catalogs_.WriteSecond();
}

// Everything older than this session is free now, and so is whatever lies among the free segments.
Status Recovery::FreeOldJournals() {
  for (const FreeJournalFile& file : scan_.all_files) {
    if (file.bytes == state_->options.journal_file_bytes &&
        state_->free_journals.size() < kFreeJournalsMax) {
      state_->free_journals.push_back(file);
    } else {
      SEGLOG_RETURN_IF_ERROR(fs_->Remove(format::JournalPath(file.generation)));
    }
  }
  const Result<std::vector<io::DirectoryEntry>> segments = fs_->List(kFreeSegmentsDirectory);
  if (!segments.ok()) return segments.status();
  for (const io::DirectoryEntry& entry : segments.value()) {
    if (entry.is_directory) continue;
    state_->free_segments.push_back(std::string(kFreeSegmentsDirectory) + "/" + entry.name);
  }
  return Status::Ok();
}

}  // namespace seglog::log
