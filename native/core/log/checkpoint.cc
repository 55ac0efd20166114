// SPDX-License-Identifier: MIT
// The destager's checkpoints: how journal files and the files of dropped segments become free
// again.
#include <algorithm>

#include "format/key_name.h"
#include "log/destager.h"

namespace seglog::log {
namespace {

// A stream that was carried this often is destaged, with a filler to the page's end.
constexpr std::uint32_t kTimesCarriedMax = 2;
// Of the files of dropped segments, so many.
constexpr std::size_t kFreeSegmentsMax = 2;

}  // namespace

bool Destager::CheckpointIsDue() {
  const std::lock_guard lock(state_->mutex);
  const auto& dropped = state_->table.dropped();
  if (!dropped.empty() && dropped.back().commit > snapshots_mark_) return true;
  if (state_->old_journals.empty()) return false;
  // The committer waits although the next file is there: it would go beyond the bound.
  if (state_->next_journal_bytes != 0 && state_->next_journal != nullptr &&
      state_->next_journal->bytes() >= state_->next_journal_bytes) {
    return true;
  }
  return state_->LiveJournalBytes() * 2 >= state_->options.journal_live_bytes_max;
}

void Destager::BeginCheckpoint() {
  const std::lock_guard lock(state_->mutex);
  generation_ = state_->journal->generation();
  laggards_.clear();
  laggard_ = 0;
  for (const StreamHandle handle : state_->table.with_segments()) {
    for (const auto& segment : state_->table.at(handle).segments) {
      if (segment->oldest_generation == 0 || segment->oldest_generation >= generation_) continue;
      laggards_.push_back({.stream = handle, .segment = segment, .end = segment->pending.end()});
    }
  }
  ChooseWhatToDestage();
  state_->capture_wanted = true;  // For its flush: what is destaged or carried must be durable.
  MoveTo(Phase::kFlush);
}

// The smallest are carried, as long as they fill no more than a quarter of a journal file.
void Destager::ChooseWhatToDestage() {
  std::sort(laggards_.begin(), laggards_.end(), [](const Laggard& a, const Laggard& b) {
    return a.segment->pending.size() < b.segment->pending.size();
  });
  std::uint64_t carried = 0;
  for (Laggard& laggard : laggards_) {
    const std::uint64_t bytes = laggard.segment->pending.size();
    const bool worn = laggard.segment->times_carried >= kTimesCarriedMax;
    if (worn && laggard.segment->open()) {
      state_->fill_orders.push_back({.stream = laggard.stream, .segment = laggard.segment});
    }
    laggard.destage = worn || !laggard.segment->open() ||
                      bytes >= state_->options.carry_bytes_max ||
                      carried + bytes > state_->options.journal_file_bytes / 4;
    if (!laggard.destage) carried += bytes;
  }
}

StepOutcome Destager::StepCheckpoint() {
  switch (phase_) {
    case Phase::kFlush: {
      const std::lock_guard lock(state_->mutex);
      if (!state_->captured.has_value()) return StepOutcome::kIdle;
      state_->captured.reset();
      MoveTo(Phase::kDestage);
      return StepOutcome::kProgress;
    }
    case Phase::kDestage:
      return DestageLaggard();
    case Phase::kCarry: {
      const std::lock_guard lock(state_->mutex);
      if (!state_->carry_orders.empty()) return StepOutcome::kIdle;
      state_->capture_wanted = true;
      MoveTo(Phase::kCapture);
      return StepOutcome::kProgress;
    }
    case Phase::kCapture: {
      const std::lock_guard lock(state_->mutex);
      if (!state_->captured.has_value()) return StepOutcome::kIdle;
      snapshot_ = std::move(*state_->captured);
      state_->captured.reset();
      MoveTo(Phase::kWriteFirst);
      return StepOutcome::kProgress;
    }
    case Phase::kWriteFirst:
    case Phase::kWriteSecond: {
      const bool first = phase_ == Phase::kWriteFirst;
      const Status written = first ? catalogs_.WriteFirst(&snapshot_) : catalogs_.WriteSecond();
      if (!written.ok()) return Fail(written);
      MoveTo(first ? Phase::kWriteSecond : Phase::kNone);
      return first ? StepOutcome::kProgress : FreeJournals();
    }
    case Phase::kNone:
      break;
  }
  SEGLOG_ASSERT(false);
}

StepOutcome Destager::DestageLaggard() {
  if (laggard_ == laggards_.size()) {
    OrderCarrying();
    return StepOutcome::kProgress;
  }
  const Laggard& laggard = laggards_[laggard_];
  bool progress = false;
  const bool behind = [&] {
    const std::lock_guard lock(state_->mutex);
    return laggard.segment->pending.begin() < laggard.end;
  }();
  if (laggard.destage && behind) {
    const Status destaged = DestageChunk(laggard.stream, laggard.segment, &progress);
    if (!destaged.ok()) return Fail(destaged);
  }
  if (!progress) ++laggard_;
  return StepOutcome::kProgress;
}

// What is left of the laggards is at most a page each, or was chosen to be carried.
void Destager::OrderCarrying() {
  const std::lock_guard lock(state_->mutex);
  for (const Laggard& laggard : laggards_) {
    Segment& segment = *laggard.segment;
    if (segment.pending.size() == 0) continue;
    if (segment.pending.begin() >= laggard.end) {
      segment.oldest_generation = std::max(segment.oldest_generation, generation_);
      segment.times_carried = 0;
      continue;
    }
    state_->carry_orders.push_back({.stream = laggard.stream,
                                    .segment = laggard.segment,
                                    .end = laggard.end,
                                    .generation = generation_});
  }
  MoveTo(Phase::kCarry);
}

// Both snapshots begin at or behind generation_ now: nothing needs what is older.
StepOutcome Destager::FreeJournals() {
  std::vector<FreeJournalFile> surplus;
  {
    const std::lock_guard lock(state_->mutex);
    ++state_->counters.checkpoints;
    snapshots_mark_ = snapshot_.mark;
    SEGLOG_ASSERT(snapshot_.start_generation >= generation_);
    auto& old = state_->old_journals;
    for (const LiveJournalFile& file : old) {
      if (file.generation >= snapshot_.start_generation) continue;
      const bool keep = file.bytes == state_->options.journal_file_bytes &&
                        state_->free_journals.size() < kFreeJournalsMax;
      (keep ? state_->free_journals : surplus)
          .push_back({.generation = file.generation, .bytes = file.bytes});
    }
    std::erase_if(
        old, [this](const auto& file) { return file.generation < snapshot_.start_generation; });
  }
  for (const FreeJournalFile& file : surplus) {
    const Status removed = state_->environment.fs->Remove(format::JournalPath(file.generation));
    if (!removed.ok()) return Fail(removed);
  }
  return StepOutcome::kProgress;
}

// The oldest dropped segment that neither snapshot lists as a stream's any more.
bool Destager::DropIsDue(format::CatalogDropped* next) {
  const std::lock_guard lock(state_->mutex);
  const auto& dropped = state_->table.dropped();
  if (dropped.empty() || dropped.front().commit > snapshots_mark_) return false;
  *next = dropped.front();
  return true;
}

// Unlinks the file, or keeps it to be used again. Either may be repeated after a crash.
StepOutcome Destager::DropSegment(const format::CatalogDropped& dropped) {
  bool keep = false;
  {
    const std::lock_guard lock(state_->mutex);
    keep = state_->free_segments.size() < kFreeSegmentsMax &&
           dropped.file_bytes * 2 >= state_->options.segment_bytes;
  }
  const std::string pooled =
      std::string(kFreeSegmentsDirectory) + "/" + std::to_string(dropped.segment_id);
  bool kept = false;
  if (keep) {
    const Result<bool> moved = state_->segment_files.Pool(dropped.path, pooled);
    if (!moved.ok()) return Fail(moved.status());
    kept = moved.value();
  } else if (const Status removed = state_->segment_files.Remove(dropped.path); !removed.ok()) {
    return Fail(removed);
  }
  const std::lock_guard lock(state_->mutex);
  state_->table.dropped().erase(state_->table.dropped().begin());
  if (kept) state_->free_segments.push_back(pooled);
  return StepOutcome::kProgress;
}

}  // namespace seglog::log
