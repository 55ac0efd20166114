// SPDX-License-Identifier: MIT
#include "log/request.h"

#include <algorithm>

namespace seglog::log {

Status Inbox::SubmitAppend(std::span<const AppendInput> records, Durability durability, Token token,
                           std::uint64_t expected_sequence) {
  SEGLOG_ASSERT(expected_sequence == 0 || records.size() == 1);
  if (options_.read_only) return Status(Code::kReadOnly, "the log was opened read-only");
  if (records.size() > options_.batch_records_max) {
    return Status(Code::kTooLarge, "the batch has more records than batchRecordsMax");
  }
  Request request;
  request.kind = Request::Kind::kAppend;
  request.durability = durability;
  request.token = token;
  request.expected_sequence = expected_sequence;
  std::size_t bytes = 0;
  for (const AppendInput& record : records) {
    if (record.data.size() > options_.record_bytes_max) {
      return Status(Code::kTooLarge, "a record is larger than recordBytesMax");
    }
    if (record.user_headers.size() > format::kUserHeaderBytesMax) {
      return Status(Code::kTooLarge, "the headers of a record are larger than 64 KiB");
    }
    bytes += record.user_headers.size() + record.data.size();
  }
  if (records.size() > 1 && bytes > options_.batch_bytes_max) {
    return Status(Code::kTooLarge, "the batch is larger than batchBytesMax");
  }
  request.payload.reserve(bytes);
  request.records.reserve(records.size());
  for (const AppendInput& record : records) {
    request.records.push_back(
        {.stream = record.stream,
         .kind = record.kind,
         .headers_bytes = static_cast<std::uint32_t>(record.user_headers.size()),
         .data_bytes = static_cast<std::uint32_t>(record.data.size()),
         .offset = request.payload.size()});
    request.payload.insert(request.payload.end(), record.user_headers.begin(),
                           record.user_headers.end());
    request.payload.insert(request.payload.end(), record.data.begin(), record.data.end());
  }

  const std::lock_guard lock(mutex_);
  if (!refusal_.ok()) return refusal_;
  if (token == 0 && refusal_untold_) return TellLocked();
  request.epoch = epoch_;
  // One request is always taken, so that a record as large as the bound can be appended at all.
  const std::uint64_t waiting = waiting_bytes_ + RingBytes();
  if ((waiting_requests_ > 0 || waiting > 0) &&
      (waiting + bytes > options_.buffered_bytes_max ||
       waiting_requests_ >= options_.appends_waiting_max)) {
    return Status(Code::kQueueFull, "more is waiting to be committed than bufferedBytesMax");
  }
  waiting_bytes_ += bytes;
  ++waiting_requests_;
  if (ring_ == nullptr) {
    submitted_.push_back(std::move(request));
  } else {
    ringed_.push_back(std::move(request));
  }
  return Status::Ok();
}

void Inbox::Submit(Request request) {
  const std::lock_guard lock(mutex_);
  ++waiting_requests_;
  // Who waits for room cannot wait behind what has none.
  if (ring_ == nullptr || request.kind == Request::Kind::kDrain) {
    submitted_.push_back(std::move(request));
  } else {
    ringed_.push_back(std::move(request));
  }
}

std::vector<Request> Inbox::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(submitted_, {});
}

Request Inbox::TakeRinged() {
  const std::lock_guard lock(mutex_);
  SEGLOG_ASSERT(!ringed_.empty());
  Request request = std::move(ringed_.front());
  ringed_.pop_front();
  return request;
}

void Inbox::Release(std::uint64_t requests, std::uint64_t payload_bytes) {
  const std::lock_guard lock(mutex_);
  SEGLOG_ASSERT(waiting_requests_ >= requests && waiting_bytes_ >= payload_bytes);
  waiting_requests_ -= requests;
  waiting_bytes_ -= payload_bytes;
}

void Inbox::Refuse(const Status& why) {
  const std::lock_guard lock(mutex_);
  if (refusal_.ok()) refusal_ = why;
  if (ring_ != nullptr) ring_->SetRefusing(true);
}

void Inbox::RefuseIngested(std::uint32_t epoch, const Status& why) {
  const std::lock_guard lock(mutex_);
  // Of an older epoch: a request told of an earlier refusal while this one was in the ring already.
  // What was written since lies behind this one.
  refused_before_ = std::max(epoch, epoch_) + 1;
  ingested_refusal_ = why;
  refusal_untold_ = true;
  if (ring_ != nullptr) ring_->SetRefusing(true);
}

Status Inbox::RefusalOfIngested(std::uint32_t epoch) {
  const std::lock_guard lock(mutex_);
  return epoch < refused_before_ ? ingested_refusal_ : Status::Ok();
}

Status Inbox::TellRefusal() {
  const std::lock_guard lock(mutex_);
  if (!refusal_.ok()) return refusal_;
  return refusal_untold_ ? TellLocked() : Status::Ok();
}

Status Inbox::TellLocked() {
  refusal_untold_ = false;
  ++epoch_;
  if (ring_ != nullptr) {
    ring_->SetEpoch(epoch_);
    ring_->SetRefusing(false);
  }
  return ingested_refusal_;
}

std::uint64_t Inbox::waiting_bytes() {
  const std::lock_guard lock(mutex_);
  return waiting_bytes_ + RingBytes();
}

std::uint64_t Inbox::waiting_requests() {
  const std::lock_guard lock(mutex_);
  return waiting_requests_;
}

}  // namespace seglog::log
