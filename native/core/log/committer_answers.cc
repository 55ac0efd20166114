// SPDX-License-Identifier: MIT
// The part of the committer that answers and refuses.
#include "log/committer.h"

namespace seglog::log {

void Committer::AnswerDrains() {
  if (drains_.empty()) return;
  std::erase_if(drains_, [this](Token token) {
    const std::uint64_t waiting = state_->inbox.waiting_bytes(ChannelOf(token));
    if (waiting > state_->options.buffered_bytes_max / 2) return false;
    Answer(token, Status::Ok());
    return true;
  });
}

void Committer::TakeCompletions(std::vector<Completion>* out) { MoveAll(&completions_, out); }

void Committer::Answer(Token token, const Status& status) {
  Completion& completion = completions_.emplace_back();
  completion.token = token;
  completion.status = status;
}

void Committer::RefuseRequest(const Incoming& front, const Status& why) {
  if (front.token == 0 && front.kind == Request::Kind::kAppend) {
    state_->inbox.RefuseIngested(front.channel, front.epoch, why);
  } else {
    Answer(front.token, why);
  }
}

void Committer::AnswerClose(const Status& status) {
  if (!close_asked_) return;
  close_asked_ = false;
  Answer(close_token_, status.ok() ? close_refusal_ : status);
}

// The journal cannot be trusted to take anything more: a failed write or sync is never repeated,
// and whatever had not been acknowledged by then is answered with the cause.
StepOutcome Committer::Fail(const Status& cause) {
  const std::lock_guard lock(state_->mutex);
  state_->failure = cause.WithCode(Code::kFailed, "a write to the log failed: ");
  RefuseEverything(state_->failure);
  MoveTo(Phase::kGather);
  return StepOutcome::kProgress;
}

void Committer::RefuseEverything(const Status& why) {
  state_->inbox.Refuse(why);
  for (auto* answers : {&answers_on_write_, &answers_on_sync_}) {
    for (Completion& answer : *answers) {
      Answer(answer.token, why);
    }
    answers->clear();
  }
  while (const Incoming* front = intake_.Front()) {
    RefuseRequest(*front, why);
    intake_.Take();
  }
  intake_.Release();
  for (const Token token : drains_) Answer(token, why);
  drains_.clear();
  state_->written_bodies.Clear();
  if (!state_->failure.ok()) AnswerClose(state_->failure);
  sync_wanted_ = false;
}

}  // namespace seglog::log
