// SPDX-License-Identifier: MIT
#include "log/request.h"

#include <algorithm>

namespace seglog::log {

Inbox::Inbox(const Options& options) : options_(options) {
  queues_.push_back(std::make_unique<Queue>(
      std::make_shared<Channel>(MutableByteSpan{}, Channel::WakeFunction{})));
}

void Inbox::AttachRing(MutableByteSpan ring) {
  queues_.front() =
      std::make_unique<Queue>(std::make_shared<Channel>(ring, Channel::WakeFunction{}));
}

bool Inbox::Attach(std::shared_ptr<Channel> channel) {
  const std::lock_guard lock(mutex_);
  if (closing_) return false;
  SEGLOG_ASSERT(last_number_ != UINT32_MAX);
  channel->number_ = ++last_number_;
  if (AppendRing* const ring = channel->ring(); ring != nullptr && !refusal_.ok()) {
    ring->SetRefusing(true);
  }
  queues_.push_back(std::make_unique<Queue>(std::move(channel)));
  TellSharers();
  return true;
}

void Inbox::Detach(std::uint32_t channel) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(queues_.begin(), queues_.end(), [channel](const auto& queue) {
    return queue->channel->number() == channel;
  });
  SEGLOG_ASSERT(found != queues_.end());
  (*found)->channel->Cut();
  queues_.erase(found);
  ++detachments_;
  TellSharers();
}

bool Inbox::CloseOf(Queue* queue) {
  queue->leaving = true;
  closing_ = std::none_of(queues_.begin(), queues_.end(), [](const auto& other) {
    return other->channel->number() != 0 && !other->leaving;
  });
  return closing_;
}

std::shared_ptr<Channel> Inbox::Find(std::uint32_t channel) {
  const std::lock_guard lock(mutex_);
  const Queue* const queue = FindLocked(channel);
  return queue == nullptr ? nullptr : queue->channel;
}

bool Inbox::HasUnread() {
  const std::lock_guard lock(mutex_);
  return std::any_of(queues_.begin(), queues_.end(), [](const auto& queue) {
    const AppendRing* const ring = queue->channel->ring();
    return ring != nullptr && ring->HasUnread();
  });
}

void Inbox::SetSleeping(bool sleeping) {
  const std::lock_guard lock(mutex_);
  for (const auto& queue : queues_) {
    if (AppendRing* const ring = queue->channel->ring(); ring != nullptr) {
      ring->SetSleeping(sleeping);
    }
  }
}

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
  request.channel = ChannelOf(token);
  request.token = TicketOf(token) == 0 ? 0 : token;
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
  Queue* const queue = FindLocked(request.channel);
  SEGLOG_ASSERT(queue != nullptr);  // Its user is here.
  if (request.token == 0 && queue->refusal_untold) return TellLocked(queue);
  request.epoch = queue->epoch;
  // One request is always taken, so that a record as large as the bound can be appended at all.
  const std::uint64_t waiting = queue->waiting_bytes();
  if ((queue->requests > 0 || waiting > 0) && (waiting + bytes > options_.buffered_bytes_max ||
                                               queue->requests >= options_.appends_waiting_max)) {
    return Status(Code::kQueueFull, "more is waiting to be committed than bufferedBytesMax");
  }
  queue->bytes += bytes;
  ++queue->requests;
  if (AppendRing* const ring = queue->channel->ring(); ring != nullptr) {
    ring->SetCalledBytes(queue->bytes);
    queue->ringed.push_back(std::move(request));
  } else {
    submitted_.push_back(std::move(request));
    has_submitted_.store(true);
  }
  return Status::Ok();
}

void Inbox::Submit(Request request) {
  request.channel = ChannelOf(request.token);
  const std::lock_guard lock(mutex_);
  Queue* const queue = FindLocked(request.channel);
  SEGLOG_ASSERT(queue != nullptr);
  ++queue->requests;
  // Who waits for room cannot wait behind what has none.
  if (queue->channel->ring() != nullptr && request.kind != Request::Kind::kDrain) {
    queue->ringed.push_back(std::move(request));
  } else {
    submitted_.push_back(std::move(request));
    has_submitted_.store(true);
  }
}

std::vector<Request> Inbox::Take() {
  const std::lock_guard lock(mutex_);
  has_submitted_.store(false);
  return std::exchange(submitted_, {});
}

Request Inbox::TakeRinged(Queue* queue) {
  const std::lock_guard lock(mutex_);
  SEGLOG_ASSERT(!queue->ringed.empty());
  Request request = std::move(queue->ringed.front());
  queue->ringed.pop_front();
  return request;
}

void Inbox::Release(std::uint32_t channel, std::uint64_t requests, std::uint64_t payload_bytes) {
  const std::lock_guard lock(mutex_);
  Queue* const queue = FindLocked(channel);
  if (queue == nullptr) return;
  SEGLOG_ASSERT(queue->requests >= requests && queue->bytes >= payload_bytes);
  queue->requests -= requests;
  queue->bytes -= payload_bytes;
  if (AppendRing* const ring = queue->channel->ring(); ring != nullptr && payload_bytes > 0) {
    ring->SetCalledBytes(queue->bytes);
  }
}

void Inbox::Refuse(const Status& why) {
  const std::lock_guard lock(mutex_);
  if (refusal_.ok()) refusal_ = why;
  for (const auto& queue : queues_) {
    if (AppendRing* const ring = queue->channel->ring(); ring != nullptr) ring->SetRefusing(true);
  }
}

void Inbox::RefuseIngested(std::uint32_t channel, std::uint32_t epoch, const Status& why) {
  const std::lock_guard lock(mutex_);
  Queue* const queue = FindLocked(channel);
  if (queue == nullptr) return;
  // Of an older epoch: a request told of an earlier refusal while this one was in the ring already.
  // What was written since lies behind this one.
  queue->refused_before = std::max(epoch, queue->epoch) + 1;
  queue->ingested_refusal = why;
  queue->refusal_untold = true;
  if (AppendRing* const ring = queue->channel->ring(); ring != nullptr) ring->SetRefusing(true);
}

Status Inbox::RefusalOfIngested(std::uint32_t channel, std::uint32_t epoch) {
  const std::lock_guard lock(mutex_);
  const Queue* const queue = FindLocked(channel);
  return queue != nullptr && epoch < queue->refused_before ? queue->ingested_refusal : Status::Ok();
}

Status Inbox::TellRefusal(std::uint32_t channel) {
  const std::lock_guard lock(mutex_);
  if (!refusal_.ok()) return refusal_;
  Queue* const queue = FindLocked(channel);
  return queue != nullptr && queue->refusal_untold ? TellLocked(queue) : Status::Ok();
}

std::uint64_t Inbox::waiting_bytes(std::uint32_t channel) {
  const std::lock_guard lock(mutex_);
  const Queue* const queue = FindLocked(channel);
  return queue == nullptr ? 0 : queue->waiting_bytes();
}

std::uint64_t Inbox::waiting_bytes() {
  const std::lock_guard lock(mutex_);
  std::uint64_t bytes = 0;
  for (const auto& queue : queues_) bytes += queue->waiting_bytes();
  return bytes;
}

std::uint64_t Inbox::waiting_requests() {
  const std::lock_guard lock(mutex_);
  std::uint64_t requests = 0;
  for (const auto& queue : queues_) requests += queue->requests;
  return requests;
}

// There are few.
Queue* Inbox::FindLocked(std::uint32_t channel) {
  for (const auto& queue : queues_) {
    if (queue->channel->number() == channel) return queue.get();
  }
  return nullptr;
}

// Who looks for answers instead of sleeping wants a processor for it.
void Inbox::TellSharers() {
  const auto rings = std::count_if(queues_.begin(), queues_.end(), [](const auto& queue) {
    return queue->channel->ring() != nullptr;
  });
  for (const auto& queue : queues_) {
    if (AppendRing* const ring = queue->channel->ring(); ring != nullptr) {
      ring->SetSharers(static_cast<std::uint32_t>(rings));
    }
  }
}

Status Inbox::TellLocked(Queue* queue) {
  queue->refusal_untold = false;
  ++queue->epoch;
  if (AppendRing* const ring = queue->channel->ring(); ring != nullptr) {
    ring->SetEpoch(queue->epoch);
    ring->SetRefusing(false);
  }
  return queue->ingested_refusal;
}

}  // namespace seglog::log
