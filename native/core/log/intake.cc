// SPDX-License-Identifier: MIT
#include "log/intake.h"

#include <algorithm>

namespace seglog::log {

const Incoming* Intake::Front() {
  if (detachments_ != inbox_->detachments()) DropFrontIfDetached();
  if (has_front_) return &front_;
  if (inbox_->HasSubmitted()) {
    for (Request& request : inbox_->Take()) waiting_.push_back(std::move(request));
  }
  if (!FrontOfInbox() && !FrontOfRings()) return nullptr;
  has_front_ = true;
  return &front_;
}

namespace {

Queue* FindQueue(Inbox* inbox, std::uint32_t channel) {
  const auto queues = inbox->queues();
  const auto found = std::find_if(queues.begin(), queues.end(), [channel](const auto& queue) {
    return queue->channel->number() == channel;
  });
  return found == queues.end() ? nullptr : found->get();
}

}  // namespace

// Nobody waits for it, and the memory of its ring is gone.
void Intake::DropFrontIfDetached() {
  detachments_ = inbox_->detachments();
  if (!has_front_ || FindQueue(inbox_, front_.channel) != nullptr) return;
  has_front_ = false;
  front_ring_ = nullptr;
  front_request_.reset();
}

bool Intake::FrontOfInbox() {
  while (!waiting_.empty()) {
    Request request = std::move(waiting_.front());
    waiting_.pop_front();
    Queue* const queue = FindQueue(inbox_, request.channel);
    if (queue == nullptr) continue;
    front_request_ = std::move(request);
    Describe(*front_request_, queue);
    return true;
  }
  return false;
}

bool Intake::FrontOfRings() {
  const auto queues = inbox_->queues();
  // Each once, and the first again, where only its turn was over.
  for (std::size_t looked = 0; looked <= queues.size(); ++looked) {
    Queue* const queue = turn_ < queues.size() ? queues[turn_].get() : nullptr;
    AppendRing* const ring = queue == nullptr ? nullptr : queue->channel->ring();
    if (ring == nullptr || turn_bytes_ >= kTurnBytesMax || !ring->Peek(&entry_)) {
      turn_ = turn_ + 1 < queues.size() ? turn_ + 1 : 0;
      turn_bytes_ = 0;
      continue;
    }
    turn_bytes_ += entry_.bytes;
    front_ring_ = ring;
    if (entry_.kind == RingEntryKind::kRequest) {
      front_request_ = inbox_->TakeRinged(queue);
      Describe(*front_request_, queue);
      return true;
    }
    const std::uint32_t channel = queue->channel->number();
    front_ = {.kind = Request::Kind::kAppend,
              .durability = entry_.durability,
              .channel = channel,
              .token = entry_.ticket == 0 ? 0 : TokenOf(channel, entry_.ticket),
              .epoch = entry_.epoch,
              .expected_sequence = entry_.expected_sequence,
              .records = entry_.records};
    return true;
  }
  return false;
}

void Intake::Describe(const Request& request, Queue* queue) {
  records_.clear();
  for (const Request::Record& record : request.records) {
    records_.push_back(request.Input(record));
  }
  front_ = {.kind = request.kind,
            .durability = request.durability,
            .channel = request.channel,
            .token = request.token,
            .epoch = request.epoch,
            .expected_sequence = request.expected_sequence,
            .lsn = request.lsn,
            .stream = request.stream,
            .sequence = request.sequence,
            .records = records_};
  // Who leaves while others stay is owed that its records are durable; the log goes on.
  if (front_.kind == Request::Kind::kClose && !inbox_->CloseOf(queue)) {
    front_.kind = Request::Kind::kSync;
  }
}

void Intake::Take() {
  SEGLOG_ASSERT(has_front_);
  has_front_ = false;
  if (front_ring_ != nullptr) std::exchange(front_ring_, nullptr)->Skip();
  if (!front_request_.has_value()) return;
  // The records of an append keep their payload; others have none.
  if (front_request_->kind == Request::Kind::kAppend) {
    taken_.push_back(std::move(*front_request_));
  } else {
    inbox_->Release(front_request_->channel, 1, 0);
  }
  front_request_.reset();
}

void Intake::Release() {
  for (const auto& queue : inbox_->queues()) {
    if (AppendRing* const ring = queue->channel->ring(); ring != nullptr) ring->Free();
  }
  for (const Request& request : taken_) {
    inbox_->Release(request.channel, 1, request.payload.size());
  }
  taken_.clear();
}

}  // namespace seglog::log
