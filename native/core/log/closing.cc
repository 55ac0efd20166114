// SPDX-License-Identifier: MIT
// Methods of Destager (destager.h): its end of a session. Everything is committed and durable, and
// the committer rests. A clean snapshot comes first, and then the log is closed. Where its journal
// has grown, it is made small after that, so that it takes little room and opens fast: what can be
// destaged is, the rest is repeated in a file just long enough for it, two more snapshots begin
// there, and all other files are removed. A disk that is too full for that leaves the journal as it
// was.
#include <algorithm>

#include "format/key_name.h"
#include "log/destager.h"
#include "log/pending_repeat.h"

namespace seglog::log {

StepOutcome Destager::StepClosing() {
  Status status = DoClosing();
  if (shrinking_ && status.code() == Code::kNoSpace) {
    closing_ = Closing::kEnded;
    status = Status::Ok();
  }
  // A failure answers close(), as it answers everybody; nothing is lost by it, since the next
  // opening starts from the snapshots that are there. A full disk is none: nobody needs the room
  // any more.
  if (!status.ok() && !MetFullDisk(status)) return Fail(status);
  if (status.ok() && closing_ != Closing::kEnded) return StepOutcome::kProgress;
  const std::lock_guard lock(state_->mutex);
  state_->close_result = status;
  return StepOutcome::kProgress;
}

Status Destager::DoClosing() {
  switch (closing_) {
    case Closing::kWriteFirst: {
      SEGLOG_RETURN_IF_ERROR(ReleaseRoom());  // The snapshot may need it.
      {
        const std::lock_guard lock(state_->mutex);
        snapshot_ = state_->Capture();
        snapshot_.clean = true;
        snapshot_.next_lsn = state_->next_lsn;
      }
      closing_ = Closing::kWriteSecond;
      return catalogs_.WriteFirst(&snapshot_);
    }
    case Closing::kWriteSecond: {
      SEGLOG_RETURN_IF_ERROR(catalogs_.WriteSecond());
      const bool grown = !std::exchange(shrinking_, true) && JournalHasGrown();
      closing_ = grown ? Closing::kDestage : Closing::kRemove;
      return Status::Ok();
    }
    case Closing::kDestage:
      return DestageForClosing();
    case Closing::kRepeat:
      return RepeatForClosing();
    case Closing::kRemove:
      closing_ = Closing::kEnded;
      return RemoveOldJournals();
    case Closing::kEnded:
      break;
  }
  SEGLOG_ASSERT(false);
}

bool Destager::JournalHasGrown() {
  const std::lock_guard lock(state_->mutex);
  std::uint64_t bytes = state_->LiveJournalBytes();
  for (const FreeJournalFile& file : state_->free_journals) bytes += file.bytes;
  if (state_->next_journal != nullptr) bytes += state_->next_journal->bytes();
  return bytes > state_->options.journal_first_bytes && bytes > JournalBytesForPending(state_);
}

// One chunk of a segment with much pending, until there is none.
Status Destager::DestageForClosing() {
  StreamHandle handle = 0;
  std::shared_ptr<Segment> segment;
  {
    const std::lock_guard lock(state_->mutex);
    for (const StreamHandle each : state_->table.with_segments()) {
      for (const auto& candidate : state_->table.at(each).segments) {
        const std::uint64_t bytes = DestageLimit(*candidate) - candidate->pending.begin();
        if (bytes == 0 || bytes < state_->options.carry_bytes_max) continue;
        handle = each;
        segment = candidate;
      }
    }
  }
  if (segment == nullptr) {
    closing_ = Closing::kRepeat;
    return Status::Ok();
  }
  bool progress = false;
  SEGLOG_RETURN_IF_ERROR(DestageChunk(handle, segment, &progress));
  SEGLOG_ASSERT(progress);
  return Status::Ok();
}

// The new file follows the present one, so that either snapshot leads to it.
Status Destager::RepeatForClosing() {
  format::JournalIdentity identity;
  RepeatOptions repeat;
  std::uint64_t bytes = 0;
  {
    const std::lock_guard lock(state_->mutex);
    identity = {.log_uuid = state_->log_uuid,
                .generation = ++state_->highest_generation,
                .salt = state_->environment.random->Next()};
    repeat = {.mark = state_->durable_commit,
              .previous_generation = state_->journal->generation(),
              .previous_end = state_->journal->write_offset()};
    bytes = JournalBytesForPending(state_);
  }
  Result<std::unique_ptr<JournalFile>> prepared = JournalFile::Prepare(
      state_->environment.fs, state_->options.direct, identity, bytes, nullptr);
  if (!prepared.ok()) return prepared.status();
  std::unique_ptr<JournalFile> journal = std::move(prepared).value();
  closing_ = Closing::kWriteFirst;
  SEGLOG_RETURN_IF_ERROR(RepeatPending(repeat, journal.get(), state_));
  const std::lock_guard lock(state_->mutex);
  const JournalFile& old = *state_->journal;
  state_->old_journals.push_back(
      {.generation = old.generation(), .bytes = old.bytes(), .first_commit = old.first_commit()});
  state_->journal = std::move(journal);
  state_->durable_commit = state_->issued_commit;
  return Status::Ok();
}

// What is kept for bodies to come, and no body is on its way to.
Status Destager::ReleaseRoom() {
  std::vector<std::pair<std::string, std::uint64_t>> files;
  {
    const std::lock_guard lock(state_->mutex);
    for (const StreamHandle handle : state_->table.with_segments()) {
      const Stream& stream = state_->table.at(handle);
      for (const auto& segment : stream.segments) {
        if (!segment->open() || segment->body != nullptr) continue;
        if (std::exchange(segment->room_end, 0) <= segment->row.destaged) continue;
        files.emplace_back(SegmentPath(stream.key, segment->row), segment->row.destaged);
      }
    }
  }
  for (const auto& [path, size] : files) {
    const Result<SegmentFiles::FileRef> file = state_->segment_files.ForWriting(path);
    if (!file.ok()) return file.status();
    SEGLOG_RETURN_IF_ERROR(file.value()->Truncate(size));
  }
  return Status::Ok();
}

// Both snapshots begin behind these files: nothing needs them.
Status Destager::RemoveOldJournals() {
  std::vector<std::uint64_t> generations;
  {
    const std::lock_guard lock(state_->mutex);
    for (const LiveJournalFile& file : state_->old_journals) {
      if (file.generation < snapshot_.start_generation) generations.push_back(file.generation);
    }
    std::erase_if(state_->old_journals, [this](const auto& file) {
      return file.generation < snapshot_.start_generation;
    });
    for (const FreeJournalFile& file : state_->free_journals)
      generations.push_back(file.generation);
    state_->free_journals.clear();
    if (state_->next_journal != nullptr) generations.push_back(state_->next_journal->generation());
    state_->next_journal.reset();
  }
  for (const std::uint64_t generation : generations) {
    SEGLOG_RETURN_IF_ERROR(state_->environment.fs->Remove(format::JournalPath(generation)));
  }
  return Status::Ok();
}

}  // namespace seglog::log
