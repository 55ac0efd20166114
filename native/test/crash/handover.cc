// SPDX-License-Identifier: MIT
#include "test/crash/handover.h"

namespace seglog::crash {
namespace {

std::size_t EntryBytes(std::span<const log::AppendInput> inputs) {
  std::size_t bytes = log::kRingEntryBytes;
  bytes += inputs.size() == 1 ? log::kRingExpectedBytes : inputs.size() * log::kRingBatchRowBytes;
  for (const log::AppendInput& input : inputs)
    bytes += input.user_headers.size() + input.data.size();
  return bytes;
}

test::RingRecord RingRecordOf(const log::AppendInput& input) {
  return {
      .stream = input.stream, .headers = AsText(input.user_headers), .data = AsText(input.data)};
}

}  // namespace

Handover::Handover(std::size_t ring_bytes) {
  if (ring_bytes == 0) return;
  producer_ = std::make_unique<test::RingProducer>(ring_bytes / log::kRingUnitBytes);
}

void Handover::Attach(log::Engine* engine) {
  engine_ = engine;
  if (has_ring()) engine->state().inbox.AttachRing(producer_->memory());
}

Handover::Result Handover::Append(const Submitted& request) {
  std::vector<log::AppendInput> inputs;
  for (const Submitted::Record& record : request.records) {
    inputs.push_back({.stream = engine_->HandleOf(record.key),
                      .user_headers = AsBytes(record.headers),
                      .data = AsBytes(record.payload)});
  }
  if (!has_ring() || EntryBytes(inputs) > producer_->entry_bytes_max()) {
    return AppendByInbox(request, inputs);
  }
  return AppendToRing(request, inputs);
}

Handover::Result Handover::AppendToRing(const Submitted& request,
                                        std::span<const log::AppendInput> inputs) {
  const auto ticket = static_cast<std::uint32_t>(request.token);
  bool taken = false;
  if (inputs.size() > 1) {
    std::vector<test::RingRecord> records;
    for (const log::AppendInput& input : inputs) records.push_back(RingRecordOf(input));
    taken = producer_->Batch(ticket, records, request.durability);
  } else if (ticket == 0) {
    taken = producer_->Ingest(RingRecordOf(inputs.front()));
  } else if (request.expected_sequence != 0) {
    taken = producer_->Expect(ticket, request.expected_sequence, RingRecordOf(inputs.front()),
                              request.durability);
  } else {
    taken = producer_->Append(ticket, RingRecordOf(inputs.front()), request.durability);
  }
  return taken ? Result::kTaken : Result::kNoRoom;
}

Handover::Result Handover::AppendByInbox(const Submitted& request,
                                         std::span<const log::AppendInput> inputs) {
  if (has_ring() && !producer_->HasRoomForRequest()) return Result::kNoRoom;
  const Status taken = engine_->state().inbox.SubmitAppend(
      inputs, request.durability, request.token, request.expected_sequence);
  if (taken.code() == Code::kQueueFull) return Result::kNoRoom;
  if (!taken.ok()) return Result::kRefused;
  if (has_ring()) SEGLOG_ASSERT(producer_->Request());
  return Result::kTaken;
}

Handover::Result Handover::Submit(log::Request request) {
  const bool in_row = has_ring() && request.kind != log::Request::Kind::kDrain;
  if (in_row && !producer_->HasRoomForRequest()) return Result::kNoRoom;
  engine_->state().inbox.Submit(std::move(request));
  if (in_row) SEGLOG_ASSERT(producer_->Request());
  return Result::kTaken;
}

void Handover::Publish() {
  if (has_ring()) producer_->Publish();
}

void Handover::SpoilWhatIsFree() {
  if (has_ring()) producer_->SpoilWhatIsFree();
}

}  // namespace seglog::crash
