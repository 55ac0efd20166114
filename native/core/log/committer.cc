// SPDX-License-Identifier: MIT
#include "log/committer.h"

#include <algorithm>
#include <string>

namespace seglog::log {
namespace {

Status DiskIsFull() { return Status(Code::kNoSpace, "the disk is full, and so is the journal"); }

}  // namespace

StepOutcome Committer::Step() {
  switch (phase_) {
    case Phase::kGather:
      return Gather();
    case Phase::kSwitchSync:
    case Phase::kSync:
      return SyncJournal();
    case Phase::kBody:
      return WriteBody();
    case Phase::kWrite:
      return WriteBlock();
    case Phase::kPublish:
      return Publish();
  }
  SEGLOG_ASSERT(false);
}

void Committer::MoveTo(Phase phase) {
  const bool allowed = [&] {
    switch (phase_) {
      case Phase::kGather:
        return phase == Phase::kSwitchSync || phase == Phase::kBody || phase == Phase::kWrite ||
               phase == Phase::kSync;
      case Phase::kBody:
        return phase == Phase::kWrite || phase == Phase::kGather;
      case Phase::kSwitchSync:
        return phase == Phase::kGather;
      case Phase::kWrite:
        return phase == Phase::kSync || phase == Phase::kPublish || phase == Phase::kGather;
      case Phase::kSync:
        return phase == Phase::kPublish || phase == Phase::kGather;
      case Phase::kPublish:
        return phase == Phase::kGather;
    }
    return false;
  }();
  SEGLOG_ASSERT(allowed);
  phase_ = phase;
}

StepOutcome Committer::Gather() {
  const std::lock_guard lock(state_->mutex);
  if (!state_->failure.ok()) {
    RefuseEverything(state_->failure);
    return StepOutcome::kIdle;
  }
  if (state_->closing) {
    RefuseEverything(Status(Code::kClosed, "the log is closed"));
    if (state_->close_result.has_value()) AnswerClose(*state_->close_result);
    return StepOutcome::kIdle;
  }
  if (FlushIsDue()) sync_wanted_ = true;
  switch_bytes_ = 0;
  refused_for_room_ = refused_for_room_ && state_->no_space;
  builder_.Begin(state_->log_clock.Now(), state_->journal->room());
  TakeOrders();
  // Behind the fillers: the checkpoint that ordered them destages the pages that they complete.
  if (builder_.empty() && state_->fill_orders.empty()) CaptureIfWanted();
  // On a full disk an order may wait for the next file for long: requests go on in this one.
  if (switch_bytes_ == 0 || state_->no_space) TakeRequests();
  builder_.BuildFrames(sync_wanted_);
  intake_.Release();
  if (switch_bytes_ != 0 && builder_.empty()) {
    const StepOutcome switched = SwitchJournal();
    // Who only waits for a sync needs no next file.
    if (switched != StepOutcome::kBlocked || !sync_wanted_) return switched;
  }
  if (builder_.empty()) return GatherNothing();
  if (state_->capture_wanted) sync_wanted_ = true;
  IssueBlock();
  return StepOutcome::kProgress;
}

void Committer::TakeOrders() {
  const auto take = [this](auto* orders, auto&& add) {
    std::size_t taken = 0;
    while (taken < orders->size() && add((*orders)[taken])) ++taken;
    orders->erase(orders->begin(), orders->begin() + static_cast<std::ptrdiff_t>(taken));
    if (taken > 0) state_->destager_has_news = true;
    return orders->empty();
  };
  const bool all = take(&state_->fill_orders,
                        [this](const SegmentRef& order) { return builder_.AddFiller(order); }) &&
                   take(&state_->carry_orders,
                        [this](const CarryOrder& order) { return builder_.AddCarried(order); }) &&
                   take(&state_->sealed_orders, [this](const format::SealedItem& item) {
                     return builder_.AddSealed(item);
                   });
  if (all) return;
  // A carried segment has less than carry_bytes_max pending, and that fits into any journal file
  // beside the largest overhead (options are checked for it when the log is opened).
  switch_bytes_ = state_->options.carry_bytes_max + kPageBytes;
  switch_for_append_ = false;
}

void Committer::TakeRequests() {
  while (const Incoming* front = intake_.Front()) {
    const Taken taken = TakeFront(*front);
    if (taken == Taken::kNotYet) return;
    intake_.Take();
    if (taken == Taken::kLast) return;
  }
}

Committer::Taken Committer::TakeFront(const Incoming& front) {
  switch (front.kind) {
    case Request::Kind::kAppend:
      return TakeAppend(front);
    case Request::Kind::kSync:
      AnswerWhenDurable(front.token, state_->inbox.TellRefusal(front.channel));
      return Taken::kYes;
    case Request::Kind::kWaitDurable:
      if (front.lsn <= state_->durable_lsn) {
        Answer(front.token, Status::Ok());
      } else {
        AnswerWhenDurable(front.token, Status::Ok());
      }
      return Taken::kYes;
    case Request::Kind::kDrain:
      drains_.push_back(front.token);
      return Taken::kYes;
    case Request::Kind::kSeal:
    case Request::Kind::kTruncateBefore:
      builder_.BuildFrames(sync_wanted_);
      if (front.kind == Request::Kind::kSeal
              ? !builder_.AddSeal(front.stream)
              : !builder_.AddTruncation(front.stream, front.sequence)) {
        switch_bytes_ = kPageBytes;
        switch_for_append_ = false;
        return Taken::kNotYet;
      }
      AnswerWhenDurable(front.token, Status::Ok());
      return Taken::kLast;  // Frames of the same commit come before it.
    case Request::Kind::kClose:
      return TakeClose(front);
  }
  SEGLOG_ASSERT(false);
}

Committer::Taken Committer::TakeAppend(const Incoming& front) {
  if (front.token == 0) {
    const Status refused = state_->inbox.RefusalOfIngested(front.channel, front.epoch);
    if (!refused.ok()) {
      RefuseRequest(front, refused);
      return Taken::kYes;
    }
  }
  if (refused_for_room_) {
    RefuseRequest(front, DiskIsFull());
    return Taken::kYes;
  }
  if (front.expected_sequence != 0) {
    const std::uint64_t next = builder_.NextSequence(front.records.front().stream);
    if (front.expected_sequence != next) {
      RefuseRequest(front, Status(Code::kSeqConflict, "the record would get another sequence")
                               .WithDetail(std::to_string(next)));
      return Taken::kYes;
    }
  }
  const std::uint64_t bytes = builder_.BytesBound(front.records);
  if (format::kCommitHeaderBytes + bytes > format::kCommitBodyBytesLimit) {
    RefuseRequest(front, Status(Code::kTooLarge, "the batch is larger than a block can be"));
    return Taken::kYes;
  }
  const bool first = builder_.record_count() == 0;
  if (!first && builder_.bytes_bound() + bytes > state_->options.commit_bytes_max) {
    return Taken::kNotYet;
  }
  if (!builder_.Fits(bytes)) {
    if (first) {
      switch_bytes_ = AlignUp<std::uint64_t>(format::kCommitHeaderBytes + bytes, kPageBytes);
      switch_for_append_ = true;
    }
    return Taken::kNotYet;
  }
  Completion answer;
  answer.token = front.token;
  const bool shown = builder_.AddAppend(front.records, front.durability, bytes, &answer);
  const bool early = shown && !BeyondSyncEvery();
  if (!early) sync_wanted_ = true;
  if (answer.token == 0) return Taken::kYes;
  auto* answers = &answers_on_sync_;
  if (early) {
    answers = front.durability == Durability::kNone ? &completions_ : &answers_on_write_;
  }
  answers->push_back(std::move(answer));
  return Taken::kYes;
}

Committer::Taken Committer::TakeClose(const Incoming& front) {
  if (!builder_.empty()) return Taken::kNotYet;
  close_asked_ = true;
  close_token_ = front.token;
  close_refusal_ = state_->inbox.TellRefusal(front.channel);
  sync_wanted_ = true;
  state_->inbox.Refuse(Status(Code::kClosed, "the log is closed"));
  return Taken::kLast;
}

void Committer::AnswerWhenDurable(Token token, const Status& status) {
  sync_wanted_ = true;
  Completion& answer = answers_on_sync_.emplace_back();
  answer.token = token;
  answer.status = status;
}

StepOutcome Committer::GatherNothing() {
  if ((sync_wanted_ || state_->capture_wanted) && !AllDurable()) {
    sync_wanted_ = true;
    block_ = nullptr;
    MoveTo(Phase::kSync);
    return StepOutcome::kProgress;
  }
  if (sync_wanted_) {
    MoveAll(&answers_on_sync_, &completions_);
    sync_wanted_ = false;
    if (close_asked_) state_->closing = state_->destager_has_news = true;
    AnswerDrains();
    return StepOutcome::kProgress;
  }
  AnswerDrains();
  if (!MarkIsDue()) {
    builder_.Shrink();
    return StepOutcome::kIdle;
  }
  if (state_->journal->room() < format::kEmptyBlockBytes) {
    switch_bytes_ = format::kEmptyBlockBytes;
    switch_for_append_ = true;
    return SwitchJournal();
  }
  IssueBlock();
  ++state_->counters.mark_blocks;
  return StepOutcome::kProgress;
}

// Begins the next journal file, once everything in this one is durable.
StepOutcome Committer::SwitchJournal() {
  if (!AllDurable()) {
    block_ = nullptr;
    MoveTo(Phase::kSwitchSync);
    return StepOutcome::kProgress;
  }
  const std::uint64_t live_bytes = state_->LiveJournalBytes();
  const bool ready =
      state_->next_journal != nullptr && state_->next_journal->room() >= switch_bytes_;
  // Orders may go beyond the bound: a checkpoint needs them to make room again. So may what is
  // alone larger than the bound.
  const bool allowed = ready && (!switch_for_append_ || state_->old_journals.empty() ||
                                 live_bytes + state_->next_journal->bytes() <=
                                     state_->options.journal_live_bytes_max);
  if (!allowed) {
    state_->next_journal_bytes = format::kJournalBlocksOffset + switch_bytes_;
    state_->destager_has_news = true;
    return state_->no_space && RefuseFront() ? StepOutcome::kProgress : StepOutcome::kBlocked;
  }
  JournalFile& old = *state_->journal;
  state_->old_journals.push_back(
      {.generation = old.generation(), .bytes = old.bytes(), .first_commit = old.first_commit()});
  previous_generation_ = old.generation();
  previous_end_ = old.write_offset();
  begins_file_ = true;
  state_->journal = std::move(state_->next_journal);
  state_->next_journal_bytes = 0;
  state_->destager_has_news = true;
  return StepOutcome::kProgress;
}

void Committer::IssueBlock() {
  everything_else_durable_ = AllDurable();
  const std::uint64_t commit = ++state_->issued_commit;
  state_->lsn_limit =
      state_->next_lsn + (state_->shows_undurable ? state_->options.lsn_reserve : 0);
  state_->recorded_mark = state_->durable_commit;
  state_->last_time_us = builder_.time_us();
  const format::CommitHeader header{.commit = commit,
                                    .mark = state_->durable_commit,
                                    .lsn_limit = state_->lsn_limit,
                                    .time_us = builder_.time_us(),
                                    .previous_generation = begins_file_ ? previous_generation_ : 0,
                                    .previous_end = begins_file_ ? previous_end_ : 0};
  begins_file_ = false;
  if (!builder_.empty()) {
    if (undurable_commits_ == 0) undurable_since_us_ = state_->environment.clock->BootMicros();
    ++undurable_commits_;
    undurable_records_ += builder_.record_count();
    undurable_bytes_ += builder_.block_bytes() + builder_.body_bytes();
    undurable_body_bytes_ += builder_.body_bytes();
    // Recovery verifies and writes again what no mark covers.
    if (undurable_body_bytes_ >= state_->options.journal_live_bytes_max) sync_wanted_ = true;
    // Files with unsynced bodies stay open.
    const std::size_t files = unsynced_bodies_.size() + builder_.bodies().size();
    if (files >= state_->options.open_segments_max) sync_wanted_ = true;
    if (builder_.wants_sync()) sync_wanted_ = true;
  }
  const bool half_full_before = state_->journal->HalfFull();
  block_offset_ = state_->journal->Issue(commit, builder_.block_bytes());
  if (!half_full_before && state_->journal->HalfFull()) state_->destager_has_news = true;
  block_ = builder_.Finish(header, state_->journal->identity(), block_offset_);
  builder_.TakeTouched(&touched_);
  mark_at_once_ = false;
  ++state_->counters.commits;
  state_->counters.records += builder_.record_count();
  state_->counters.carried_bytes += builder_.carried_bytes();
  state_->counters.journal_bytes_written += block_->size();
  bodies_written_ = 0;
  MoveTo(builder_.bodies().empty() ? Phase::kWrite : Phase::kBody);
}

StepOutcome Committer::WriteBody() {
  const CommitBuilder::Body& body = builder_.bodies()[bodies_written_];
  const Result<SegmentFiles::FileRef> file = state_->segment_files.ForWriting(body.path);
  if (!file.ok()) return Fail(file.status());
  const Status written =
      file.value()->WriteAt(body.offset, body.bytes->bytes(), io::WriteMode::kUnsynced);
  if (!written.ok()) return Fail(written);
  if (std::ranges::find(unsynced_bodies_, file.value()) == unsynced_bodies_.end()) {
    unsynced_bodies_.push_back(file.value());
  }
  const std::lock_guard lock(state_->mutex);
  state_->counters.segment_bytes_written += body.bytes->size();
  state_->counters.body_bytes_written += body.bytes->size();
  body.segment->body.reset();  // Readers find it in the file.
  state_->written_bodies.Add({body.segment, body.offset, body.bytes});
  state_->destager_has_news = true;
  if (++bodies_written_ == builder_.bodies().size()) MoveTo(Phase::kWrite);
  return StepOutcome::kProgress;
}

Status Committer::SyncBody() {
  SEGLOG_RETURN_IF_ERROR(unsynced_bodies_.back()->SyncData());
  unsynced_bodies_.pop_back();
  return Status::Ok();
}

StepOutcome Committer::WriteBlock() {
  const bool alone = sync_wanted_ && everything_else_durable_;
  if (alone && !unsynced_bodies_.empty()) {
    const Status synced = SyncBody();
    return synced.ok() ? StepOutcome::kProgress : Fail(synced);
  }
  const Status written = state_->journal->Write(
      block_offset_, block_, alone ? io::WriteMode::kSynced : io::WriteMode::kUnsynced);
  if (!written.ok()) return Fail(written);
  MoveTo(sync_wanted_ && !alone ? Phase::kSync : Phase::kPublish);
  return StepOutcome::kProgress;
}

StepOutcome Committer::SyncJournal() {
  const bool body = !unsynced_bodies_.empty();
  const Status synced = body ? SyncBody() : state_->journal->Sync();
  if (!synced.ok()) return Fail(synced);
  if (body) return StepOutcome::kProgress;
  if (phase_ == Phase::kSync) {
    MoveTo(Phase::kPublish);
    return StepOutcome::kProgress;
  }
  const std::lock_guard lock(state_->mutex);
  MakeDurable();
  MoveTo(Phase::kGather);
  return StepOutcome::kProgress;
}

StepOutcome Committer::Publish() {
  const std::lock_guard lock(state_->mutex);
  MoveAll(&answers_on_write_, &completions_);
  if (sync_wanted_) {
    MakeDurable();
    MoveAll(&answers_on_sync_, &completions_);
    sync_wanted_ = false;
    if (close_asked_) state_->closing = state_->destager_has_news = true;
  }
  AnswerDrains();
  block_ = nullptr;
  MoveTo(Phase::kGather);
  return StepOutcome::kProgress;
}

// Everything issued so far survives a power cut from now on.
void Committer::MakeDurable() {
  mark_at_once_ = undurable_commits_ > 1;
  SEGLOG_ASSERT(unsynced_bodies_.empty());
  undurable_commits_ = undurable_records_ = undurable_bytes_ = undurable_body_bytes_ = 0;
  state_->durable_commit = state_->issued_commit;
  state_->durable_lsn = state_->next_lsn - 1;
  state_->durable_lsn_limit = state_->lsn_limit;
  ++state_->counters.syncs;
  last_ack_us_ = state_->environment.clock->BootMicros();
  for (const StreamHandle handle : touched_) {
    Stream& stream = state_->table.at(handle);
    stream.touched = false;
    stream.hides_synced = false;
    stream.visible_next = stream.next_sequence;
    for (auto segment = stream.segments.rbegin(); segment != stream.segments.rend(); ++segment) {
      if ((*segment)->durable_end == (*segment)->row.end &&
          (*segment)->row.end != format::kSegmentDataOffset)
        break;
      (*segment)->durable_end = (*segment)->row.end;
    }
    if (stream.segments.empty()) continue;
    if (stream.open_segment()->room_wanted != 0) state_->room_queue.push_back(handle);
    const bool ended =
        stream.segments.size() > 1 &&
        stream.segments[stream.segments.size() - 2]->row.state == format::SegmentState::kEnded;
    if (ended || stream.open_segment()->pending.size() >= state_->options.destage_bytes) {
      state_->QueueForDestage(handle);
    }
  }
  touched_.clear();
}

// A copy of the table for the next snapshot: taken when nothing is in flight and everything is
// durable.
void Committer::CaptureIfWanted() {
  if (!state_->capture_wanted || !AllDurable()) return;
  state_->captured = state_->Capture();
  state_->destager_has_news = true;
  state_->capture_wanted = false;
}

bool Committer::MarkIsDue() {
  if (state_->durable_commit <= state_->recorded_mark) return false;
  return mark_at_once_ ||
         state_->environment.clock->BootMicros() >= last_ack_us_ + state_->options.mark_delay_us;
}

// With what is being gathered, more is not durable than the options allow to be shown.
bool Committer::BeyondSyncEvery() const {
  const Options& options = state_->options;
  const auto reached = [](std::uint64_t bound, std::uint64_t value) {
    return bound != 0 && value >= bound;
  };
  return reached(options.sync_every_records, undurable_records_ + builder_.record_count()) ||
         reached(options.sync_every_bytes,
                 undurable_bytes_ + AlignUp<std::uint64_t>(builder_.bytes_bound(), kPageBytes));
}

// What was issued has waited long enough.
bool Committer::FlushIsDue() {
  return undurable_commits_ > 0 && state_->options.sync_every_us != 0 &&
         state_->environment.clock->BootMicros() >=
             undurable_since_us_ + state_->options.sync_every_us;
}

std::uint64_t Committer::WakeAt() {
  const std::lock_guard lock(state_->mutex);
  std::uint64_t at = UINT64_MAX;
  // Nothing is written any more.
  if (!state_->failure.ok() || state_->closing) return at;
  if (state_->durable_commit > state_->recorded_mark) {
    at = last_ack_us_ + state_->options.mark_delay_us;
  }
  if (undurable_commits_ > 0 && state_->options.sync_every_us != 0) {
    at = std::min(at, undurable_since_us_ + state_->options.sync_every_us);
  }
  return at;
}

// On a full disk: what comes first and does not fit. Appends behind it are refused as well until
// there is room again, so that what a caller hands over in a row leaves no hole.
bool Committer::RefuseFront() {
  const Incoming* front = intake_.Front();
  if (front == nullptr || !front->NeedsRoom()) return false;
  if (front->kind == Request::Kind::kAppend) refused_for_room_ = true;
  RefuseRequest(*front, DiskIsFull());
  intake_.Take();
  intake_.Release();
  return true;
}

}  // namespace seglog::log
