// SPDX-License-Identifier: MIT
// What a program of a life calls, and how: it hands calls over in order and goes on, or commits on
// its own thread until it has its answer.
#include "test/crash/life.h"

namespace seglog::crash {

void LifeCounts::Add(const LifeCounts& other) {
  calls += other.calls;
  without_room += other.without_room;
  here += other.here;
  here_for_room += other.here_for_room;
  conflicts += other.conflicts;
  ingested += other.ingested;
  refusals_told += other.refusals_told;
  undurable_max = std::max(undurable_max, other.undurable_max);
}

std::optional<Violation> Life::SubmitOne() {
  if (queued_.has_value()) {
    // Nothing overtakes what waits for room.
    if (Hand(&*queued_) != Handed::kNoRoom) queued_.reset();
    return std::nullopt;
  }
  ++submitted_;
  Call call = MakeCall();
  const bool ingests = !call.submitted.records.empty() && call.submitted.token == 0;
  if (!ingests && workload_.percent_here > 0 && Percent(workload_.percent_here)) {
    return CallHere(std::move(call));
  }
  if (Hand(&call) == Handed::kNoRoom && !ingests) queued_ = std::move(call);
  return std::nullopt;
}

Life::Call Life::MakeCall() {
  if (Percent(workload_.percent_sync)) {
    Call call = MakeControl(log::Request::Kind::kSync);
    call.submitted.is_sync = call.submitted.tells_refusals = true;
    return call;
  }
  if (Percent(workload_.percent_seal)) {
    Call call = MakeControl(log::Request::Kind::kSeal);
    call.submitted.is_sync = true;
    call.control.stream = engine_->HandleOf("key-" + std::to_string(Below(workload_.keys)));
    return call;
  }
  const std::uint64_t newest = model_->NewestLsn();
  if (newest > 0 && workload_.percent_wait_durable > 0 && Percent(workload_.percent_wait_durable)) {
    Call call = MakeControl(log::Request::Kind::kWaitDurable);
    call.submitted.waits_for_lsn = call.control.lsn = newest;
    return call;
  }
  const bool ingests = workload_.percent_ingest > 0 && Percent(workload_.percent_ingest);
  return ingests ? MakeIngest() : MakeAppend();
}

Life::Call Life::MakeControl(log::Request::Kind kind) {
  Call call;
  call.submitted = {.token = model_->NextToken(), .after_failure = log_failed(), .records = {}};
  call.control.kind = kind;
  call.control.token = call.submitted.token;
  return call;
}

Life::Call Life::MakeAppend() {
  Call call;
  Submitted& request = call.submitted;
  request = {.token = model_->NextToken(), .after_failure = log_failed(), .records = {}};
  const std::uint64_t dice = Below(100);
  if (dice < workload_.percent_os) {
    request.durability = log::Durability::kOs;
  } else if (dice < workload_.percent_os + workload_.percent_none) {
    request.durability = log::Durability::kNone;
  }
  const std::uint64_t count = Percent(workload_.percent_batch) ? 2 + Below(5) : 1;
  for (std::uint64_t i = 0; i < count; ++i) request.records.push_back(MakeRecord());
  if (count == 1 && workload_.percent_expect > 0 && Percent(workload_.percent_expect)) {
    request.expected_sequence = SequenceToExpect(request.records.front().key);
  }
  return call;
}

// Mostly the one that comes next if nothing is refused; else one that is taken, or beyond the end.
std::uint64_t Life::SequenceToExpect(const std::string& key) {
  const std::uint64_t next = model_->RecordsInRow(key) + 1;
  if (Percent(80)) return next;
  return Percent(30) ? next + 1 : 1 + Below(next);
}

Life::Call Life::MakeIngest() {
  Call call;
  call.submitted = {.durability = log::Durability::kNone,
                    .after_failure = log_failed(),
                    .state = Submitted::State::kUnanswered,
                    .records = {}};
  call.submitted.records.push_back(MakeRecord());
  return call;
}

Submitted::Record Life::MakeRecord() {
  Submitted::Record record;
  record.key = "key-" + std::to_string(Below(workload_.keys));
  record.payload = std::to_string(model_->NextPayloadNumber()) + ":";
  std::uint64_t bytes = Below(workload_.payload_bytes_max);
  if (Percent(workload_.percent_large))
    bytes = Below(workload_.options.record_bytes_max > 32 * 1024 &&
                          workload_.options.record_bytes_max < 1 << 20
                      ? workload_.options.record_bytes_max - 64
                      : 6000);
  while (record.payload.size() < bytes) record.payload += static_cast<char>('a' + Below(26));
  if (Percent(20)) record.headers = "h" + std::to_string(Below(1000));
  return record;
}

// ingest() tells of a refusal before it takes anything.
bool Life::RefusalIsTold() {
  if (!handover_.refuses()) return false;
  const Status why = engine_->state().inbox.TellRefusal(0);
  if (why.ok()) return false;
  if (disk_->crashed()) return true;
  model_->RefusalTold();
  ++counts_.refusals_told;
  const bool wrong =
      why.code() == Code::kNoSpace ? !model_->refusals_possible() : why.code() != Code::kFailed;
  if (wrong && !wrong_answer_.has_value()) {
    wrong_answer_ = Violation{Invariant::kFullDiskPasses, "ingest refused: " + why.ToString()};
  }
  return true;
}

Life::Handed Life::Hand(Call* call) {
  Submitted& submitted = call->submitted;
  if (submitted.state == Submitted::State::kUnanswered && RefusalIsTold()) return Handed::kRefused;
  const Handed handed =
      submitted.records.empty() ? handover_.Submit(call->control) : handover_.Append(submitted);
  if (handed == Handed::kNoRoom) ++counts_.without_room;
  if (handed != Handed::kTaken) return handed;
  ++counts_.calls;
  if (submitted.state == Submitted::State::kUnanswered) ++counts_.ingested;
  model_->Submit(submitted);
  return handed;
}

// As Log::AwaitHere does on a thread that has the committer's role: nothing else goes on, but that
// the destager makes room where the commit waits for it.
std::optional<Violation> Life::CallHere(Call call) {
  if (auto violation = HandHere(&call)) return violation;
  if (call.submitted.token == 0) return std::nullopt;
  ++counts_.here;
  handover_.Publish();
  while (model_->Waits(call.submitted.token) && !disk_->crashed() && !wrong_answer_.has_value()) {
    if (auto violation = StepHere()) return violation;
  }
  return std::nullopt;
}

// Where there is no room, a commit makes it. Leaves a call without a token where it was refused.
std::optional<Violation> Life::HandHere(Call* call) {
  while (!disk_->crashed()) {
    const Handed handed = Hand(call);
    if (handed == Handed::kRefused) call->submitted.token = 0;
    if (handed != Handed::kNoRoom) return std::nullopt;
    ++counts_.here_for_room;
    log::Request drain;
    drain.kind = log::Request::Kind::kDrain;
    drain.token = drain_token_ = model_->NextToken();
    handover_.Submit(std::move(drain));
    handover_.Publish();
    while (drain_token_ != 0 && !disk_->crashed() && !wrong_answer_.has_value()) {
      if (auto violation = StepHere()) return violation;
    }
    if (wrong_answer_.has_value()) return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Violation> Life::StepHere() {
  if (auto violation = StepCommitter()) return violation;
  if (idle_steps_ == 0) return std::nullopt;
  if (engine_->destager().Step() != log::StepOutcome::kProgress) clock_.Advance(10'000);
  return std::nullopt;
}

}  // namespace seglog::crash
