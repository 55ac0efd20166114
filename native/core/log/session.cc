// SPDX-License-Identifier: MIT
// The writing half of recovery: a new generation, in which everything that only the journal held is
// repeated, and two snapshots that start there. The old journal stays untouched until both are
// durable.
#include <algorithm>
#include <cstdint>

#include "format/key_name.h"
#include "log/body_check.h"
#include "log/pending_repeat.h"
#include "log/recovery.h"

namespace seglog::log {

Status Recovery::BeginSession() {
  const Options& options = state_->options;
  SEGLOG_RETURN_IF_ERROR(TakeFreeSegments());
  BodyCheck bodies(fs_, catalog_, false);
  SEGLOG_RETURN_IF_ERROR(bodies.Rewrite(scan_.commits, scan_.highest_mark, &state_->segment_files));
  // Ids are made from the session, which has half of their bits.
  if (state_->highest_generation >= UINT32_MAX) {
    return Status(Code::kCorrupt, "the log has had more journal files than any can have");
  }
  state_->session = ++state_->highest_generation;
  const format::JournalIdentity identity{.log_uuid = state_->log_uuid,
                                         .generation = state_->session,
                                         .salt = state_->environment.random->Next()};
  const std::uint64_t bytes = std::max(options.journal_first_bytes, JournalBytesForPending(state_));
  Result<std::unique_ptr<JournalFile>> prepared =
      JournalFile::Prepare(fs_, options.direct, identity, bytes, nullptr);
  if (!prepared.ok()) return prepared.status();
  state_->journal = std::move(prepared).value();
  // The mark is what blocks knew before: that the rest counts as durable is only true once both
  // snapshots say so. What this snapshot alone knows is left out, since the other one, from before
  // a crash between the two, may have to open the log yet.
  SEGLOG_RETURN_IF_ERROR(
      RepeatPending({.mark = scan_.highest_block_mark}, state_->journal.get(), state_));
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

Status Recovery::WriteSnapshots() {
  state_->durable_commit = state_->recorded_mark = state_->issued_commit;
  format::Catalog snapshot = state_->Capture();
  SEGLOG_RETURN_IF_ERROR(catalogs_.WriteFirst(&snapshot));
  return catalogs_.WriteSecond();
}

// Everything older than this session is free now.
Status Recovery::FreeOldJournals() {
  for (const FreeJournalFile& file : scan_.all_files) {
    if (file.bytes == state_->options.journal_file_bytes &&
        state_->free_journals.size() < kFreeJournalsMax) {
      state_->free_journals.push_back(file);
    } else {
      SEGLOG_RETURN_IF_ERROR(fs_->Remove(format::JournalPath(file.generation)));
    }
  }
  return Status::Ok();
}

// Whatever lies among the free segments may become a segment's file. What is not a file of the
// log's own is found now, while nothing depends on it: later it would stop the log.
Status Recovery::TakeFreeSegments() {
  const Result<std::vector<io::DirectoryEntry>> segments = fs_->List(kFreeSegmentsDirectory);
  if (!segments.ok()) return segments.status();
  for (const io::DirectoryEntry& entry : segments.value()) {
    if (entry.is_directory) continue;
    std::string path = std::string(kFreeSegmentsDirectory) + "/" + entry.name;
    const Result<std::unique_ptr<io::File>> file = fs_->Open(path, io::OpenOptions{});
    if (!file.ok()) return file.status();
    state_->free_segments.push_back(std::move(path));
  }
  return Status::Ok();
}

}  // namespace seglog::log
