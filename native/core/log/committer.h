// SPDX-License-Identifier: MIT
// The committer turns what waits in the inbox into commit blocks, one in flight at a time, and
// answers each request when its durability is reached. It alone numbers records and commits, writes
// the journal and changes the stream table. Its loop is Step(): at most one system call each, so
// that a simulation can interleave it with everything else; a thread only calls Step again and
// again.
//
// A commit is durable when its own write and all earlier blocks are: one synced write where
// everything before it is durable already, a write and a sync of the file otherwise. Bodies, which
// go straight to their segments' files, are written before their block, and synced before whatever
// makes their commit durable: a synced write of the block promises nothing about other files (a
// device that can write through its cache does just that, without emptying it). A new journal
// file is begun only when everything in the old one is durable, so that one file at most is ever
// unsynced.
#pragma once

#include <cstdint>
#include <vector>

#include "log/commit_builder.h"
#include "log/intake.h"
#include "log/state.h"

namespace seglog::log {

enum class StepOutcome : std::uint8_t {
  kProgress,  // call again
  kIdle,      // nothing to do before new work, or WakeAt()
  kBlocked,   // waits for the destager
};

// Commit thread only, except where said.
class Committer final {
 public:
  explicit Committer(State* state) : state_(state), intake_(&state->inbox), builder_(state) {}

  StepOutcome Step();
  // Boot time in microseconds at which an idle committer wants to step again, UINT64_MAX for never.
  std::uint64_t WakeAt();
  // Moves the answers given since the last call to the end of `out`.
  void TakeCompletions(std::vector<Completion>* out);

 private:
  enum class Phase : std::uint8_t { kGather, kSwitchSync, kBody, kWrite, kSync, kPublish };
  // What a request at the head of the queue does to the commit being gathered.
  enum class Taken : std::uint8_t { kYes, kNotYet, kLast };

  void MoveTo(Phase phase);
  StepOutcome Gather();
  StepOutcome WriteBody();
  Status SyncBody();
  StepOutcome WriteBlock();
  StepOutcome SyncJournal();
  StepOutcome Publish();

  void TakeOrders();
  void TakeRequests();
  Taken TakeFront(const Incoming& front);
  Taken TakeAppend(const Incoming& front);
  Taken TakeClose(const Incoming& front);
  void Answer(Token token, const Status& status);
  void AnswerWhenDurable(Token token, const Status& status);
  StepOutcome GatherNothing();
  StepOutcome SwitchJournal();
  void IssueBlock();
  bool MarkIsDue();
  bool FlushIsDue();
  bool BeyondSyncEvery() const;
  bool AllDurable() const { return state_->durable_commit == state_->issued_commit; }
  void MakeDurable();
  void CaptureIfWanted();
  void AnswerDrains();
  StepOutcome Fail(const Status& cause);
  void RefuseEverything(const Status& why);
  void RefuseRequest(const Incoming& front, const Status& why);
  void AnswerClose(const Status& status);
  bool RefuseFront();

  State* const state_;
  Phase phase_ = Phase::kGather;
  Intake intake_;
  std::vector<Completion> completions_;
  std::vector<Token> drains_;

  // The commit being gathered or in flight.
  CommitBuilder builder_;
  std::size_t bodies_written_ = 0;
  std::vector<SegmentFiles::FileRef> unsynced_bodies_;  // files with bodies since their last sync
  AlignedBuffer* block_ = nullptr;  // null: the flush of earlier commits, without a block
  std::uint64_t block_offset_ = 0;
  std::vector<Completion> answers_on_write_;
  std::vector<Completion> answers_on_sync_;
  bool sync_wanted_ = false;
  bool everything_else_durable_ = false;  // when the block was issued
  std::uint64_t switch_bytes_ = 0;        // what came first did not fit: the room it needs
  bool switch_for_append_ = false;
  bool refused_for_room_ = false;  // an append, since the disk is full
  bool begins_file_ = false;       // the next block is the first of its file
  std::uint64_t previous_generation_ = 0, previous_end_ = 0;

  // Issued since everything was durable: commits with content, their records and bytes, and when
  // the first of them was issued (boot time).
  std::uint64_t undurable_commits_ = 0;
  std::uint64_t undurable_records_ = 0;
  std::uint64_t undurable_bytes_ = 0;
  std::uint64_t undurable_body_bytes_ = 0;
  std::uint64_t undurable_since_us_ = 0;
  bool mark_at_once_ = false;
  std::uint64_t last_ack_us_ = 0;      // boot time
  std::vector<StreamHandle> touched_;  // since everything was durable
  Token close_token_ = 0;
  Status close_refusal_;  // of an ingested record, that nobody was told of before
  bool close_asked_ = false;
};

}  // namespace seglog::log
