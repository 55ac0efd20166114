// SPDX-License-Identifier: MIT
#include "log/intake.h"

namespace seglog::log {

const Incoming* Intake::Front() {
  if (has_front_) return &front_;
  for (Request& request : inbox_->Take()) waiting_.push_back(std::move(request));
  if (!waiting_.empty()) {
    front_request_ = std::move(waiting_.front());
    waiting_.pop_front();
    Describe(*front_request_);
  } else if (!FrontOfRing()) {
    return nullptr;
  }
  has_front_ = true;
  return &front_;
}

bool Intake::FrontOfRing() {
  AppendRing* const ring = inbox_->ring();
  if (ring == nullptr || !ring->Peek(&entry_)) return false;
  front_is_ring_entry_ = true;
  if (entry_.kind == RingEntryKind::kRequest) {
    front_request_ = inbox_->TakeRinged();
    Describe(*front_request_);
    return true;
  }
  front_ = {.kind = Request::Kind::kAppend,
            .durability = entry_.durability,
            .token = entry_.ticket,
            .epoch = entry_.epoch,
            .expected_sequence = entry_.expected_sequence,
            .records = entry_.records};
  return true;
}

void Intake::Describe(const Request& request) {
  records_.clear();
  for (const Request::Record& record : request.records) {
    records_.push_back(request.Input(record));
  }
  front_ = {.kind = request.kind,
            .durability = request.durability,
            .token = request.token,
            .epoch = request.epoch,
            .expected_sequence = request.expected_sequence,
            .lsn = request.lsn,
            .stream = request.stream,
            .sequence = request.sequence,
            .records = records_};
}

void Intake::Take() {
  SEGLOG_ASSERT(has_front_);
  has_front_ = false;
  if (std::exchange(front_is_ring_entry_, false)) inbox_->ring()->Skip();
  if (!front_request_.has_value()) return;
  // The records of an append keep their payload; others have none.
  if (front_request_->kind == Request::Kind::kAppend) {
    taken_.push_back(std::move(*front_request_));
  } else {
    inbox_->Release(1, 0);
  }
  front_request_.reset();
}

void Intake::Release() {
  if (AppendRing* const ring = inbox_->ring(); ring != nullptr) ring->Free();
  std::uint64_t bytes = 0;
  for (const Request& request : taken_) bytes += request.payload.size();
  if (!taken_.empty()) inbox_->Release(taken_.size(), bytes);
  taken_.clear();
}

}  // namespace seglog::log
