// SPDX-License-Identifier: MIT
#include "log/request.h"

namespace seglog::log {

Status Inbox::SubmitAppend(std::span<const AppendInput> records, Durability durability,
                           Token token) {
  if (options_.read_only) return Status(Code::kReadOnly, "the log was opened read-only");
  if (records.size() > options_.batch_records_max) {
    return Status(Code::kTooLarge, "the batch has more records than batchRecordsMax");
  }
  Request request;
  request.kind = Request::Kind::kAppend;
  request.durability = durability;
  request.token = token;
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
  // One request is always taken, so that a record as large as the bound can be appended at all.
  if (waiting_requests_ > 0 && (waiting_bytes_ + bytes > options_.buffered_bytes_max ||
                                waiting_requests_ >= options_.appends_waiting_max)) {
    return Status(Code::kQueueFull, "more is waiting to be committed than bufferedBytesMax");
  }
  waiting_bytes_ += bytes;
  ++waiting_requests_;
  submitted_.push_back(std::move(request));
  return Status::Ok();
}

void Inbox::Submit(Request request) {
  const std::lock_guard lock(mutex_);
  ++waiting_requests_;
  submitted_.push_back(std::move(request));
}

std::vector<Request> Inbox::Take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(submitted_, {});
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
}

bool Inbox::empty() {
  const std::lock_guard lock(mutex_);
  return submitted_.empty();
}

std::uint64_t Inbox::waiting_bytes() {
  const std::lock_guard lock(mutex_);
  return waiting_bytes_;
}

std::uint64_t Inbox::waiting_requests() {
  const std::lock_guard lock(mutex_);
  return waiting_requests_;
}

}  // namespace seglog::log
