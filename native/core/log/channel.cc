// SPDX-License-Identifier: MIT
#include "log/channel.h"

#include <utility>

namespace seglog::log {

Channel::Channel(MutableByteSpan ring, WakeFunction wake) : wake_(std::move(wake)) {
  if (!ring.empty()) ring_.emplace(ring);
  if (wake_ != nullptr) counted_.emplace(&live_channels);
}

void Channel::Deliver(std::vector<Completion>* completions) {
  {
    const std::lock_guard lock(answers_mutex_);
    if (cut_) return;
    MoveAll(completions, &answered_.completions);
  }
  Announce();
}

void Channel::Deliver(Completion completion) {
  std::vector<Completion> one(1);
  one.front() = std::move(completion);
  Deliver(&one);
}

void Channel::Deliver(ReadResult result) {
  {
    const std::lock_guard lock(answers_mutex_);
    if (cut_) return;
    answered_.reads.push_back(std::move(result));
  }
  Announce();
}

void Channel::Deliver(VerifyResult result) {
  {
    const std::lock_guard lock(answers_mutex_);
    if (cut_) return;
    // What was not taken meanwhile is out of date.
    std::erase_if(answered_.verifications,
                  [&](const auto& older) { return older.token == result.token; });
    answered_.verifications.push_back(std::move(result));
  }
  Announce();
}

void Channel::TakeAnswers(Answers* out) {
  const std::lock_guard lock(answers_mutex_);
  MoveAll(&answered_.completions, &out->completions);
  MoveAll(&answered_.reads, &out->reads);
  MoveAll(&answered_.verifications, &out->verifications);
}

std::optional<Completion> Channel::TakeAnswerTo(Token token) {
  const std::lock_guard lock(answers_mutex_);
  for (Completion& one : answered_.completions) {
    if (one.token != token) continue;
    Completion answer = std::move(one);
    one = Completion();  // token 0: nobody's
    return answer;
  }
  return std::nullopt;
}

void Channel::Cut() {
  {
    const std::lock_guard lock(wake_mutex_);
    ring_.reset();
    wake_ = nullptr;
  }
  const std::lock_guard lock(answers_mutex_);
  answered_ = {};
  cut_ = true;
}

// The user is called, unless it is looking.
void Channel::Announce() {
  const std::lock_guard lock(wake_mutex_);
  if (wake_ != nullptr && (!ring_.has_value() || ring_->Announce())) wake_();
}

}  // namespace seglog::log
