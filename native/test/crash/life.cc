// SPDX-License-Identifier: MIT
#include "test/crash/life.h"

namespace seglog::crash {
Life::Life(test::SimulatedDisk* disk, const Workload& workload, std::uint64_t seed, Model* model)
    : disk_(disk),
      workload_(workload),
      model_(model),
      random_(seed),
      log_random_(seed * 0x9E3779B97F4A7C15u + 1),
      fs_(disk->Mount()),
      handover_(workload.ring_bytes) {
  clock_.Advance(seed % 1'000'000);
}

Status Life::Open(log::RecoveryReport* report) {
  const log::Environment environment{.fs = fs_.get(), .clock = &clock_, .random = &log_random_};
  Result<std::unique_ptr<log::Engine>> engine =
      log::Engine::Open(environment, workload_.options, report);
  if (!engine.ok()) return engine.status();
  engine_ = std::move(engine).value();
  handover_.Attach(engine_.get());
  durable_lsn_at_opening_ = engine_->DurableLsn();
  return Status::Ok();
}

void Life::ExpectFullDisk(bool full) {
  disk_is_full_ = full;
  if (full) model_->ExpectRefusals();
  if (!full) model_->RoomAgain();
}

std::optional<Violation> Life::Run() {
  while (!Done()) {
    if ((submitted_ < workload_.requests || queued_.has_value()) && Percent(30)) {
      if (auto violation = SubmitOne()) return violation;
    } else if (Percent(2)) {
      if (auto violation = CheckNow()) return violation;
    } else if (auto violation = StepSomething()) {
      return violation;
    }
    if (wrong_answer_.has_value()) return wrong_answer_;
  }
  if (disk_->crashed()) return std::nullopt;
  return CheckNow();
}

std::optional<Violation> Life::RunUntil(std::uint32_t submitted) {
  while (!disk_->crashed() &&
         (submitted_ < submitted || queued_.has_value() || model_->waiting() > 0)) {
    if ((submitted_ < submitted || queued_.has_value()) && Percent(30)) {
      if (auto violation = SubmitOne()) return violation;
    } else if (auto violation = StepSomething()) {
      return violation;
    }
    if (wrong_answer_.has_value()) return wrong_answer_;
    if (submitted_ >= submitted && idle_steps_ > 1000) break;
  }
  idle_steps_ = 0;
  return disk_->crashed() ? std::nullopt : CheckNow();
}

bool Life::Done() {
  if (disk_->crashed()) return true;
  if (submitted_ < workload_.requests || queued_.has_value()) return false;
  if (model_->waiting() > 0) return false;
  if (!workload_.close) return true;
  if (close_token_ == 0) {
    log::Request request;
    request.kind = log::Request::Kind::kClose;
    const log::Token token = request.token = model_->NextToken();
    if (handover_.Submit(std::move(request)) == Handed::kTaken) close_token_ = token;
  }
  return close_answered_;
}

std::optional<Violation> Life::StepSomething() {
  if (Percent(10)) {
    // A full disk is tried again twice a second.
    clock_.Advance(Below(4000) * (disk_is_full_ ? 50 : 1));
    return std::nullopt;
  }
  if (handover_.has_ring() && Percent(30)) handover_.Publish();
  if (Percent(60)) return StepCommitter();
  const log::StepOutcome outcome = engine_->destager().Step();
  idle_steps_ = outcome == log::StepOutcome::kProgress ? 0 : idle_steps_ + 1;
  return CheckRunsOn();
}

std::optional<Violation> Life::StepCommitter() {
  const std::uint64_t faults = disk_->faults_met();
  const log::StepOutcome outcome = engine_->committer().Step();
  if (disk_->faults_met() > faults) committer_failed_ = true;
  if (disk_->faults_met() > 0) model_->ExpectRefusals();
  handover_.SpoilWhatIsFree();
  TakeAnswers();
  idle_steps_ = outcome == log::StepOutcome::kProgress ? 0 : idle_steps_ + 1;
  if (disk_->crashed()) return std::nullopt;
  const std::uint64_t durable_lsn = engine_->DurableLsn();
  if (durable_lsn > durable_lsn_at_opening_) model_->DurableTold(durable_lsn);
  if (auto violation = CheckSyncEvery(outcome)) return violation;
  return CheckRunsOn();
}

std::optional<Violation> Life::CheckRunsOn() {
  if ((idle_steps_ > 3000 || ++steps_ > 100'000) && !disk_->crashed()) {
    return Violation{Invariant::kRunsOn, "requests are never answered"};
  }
  return std::nullopt;
}

// What is acknowledged and not durable stays below the bounds of syncEvery. The clock's bound is
// kept by who has nothing else to do: it sleeps no longer.
std::optional<Violation> Life::CheckSyncEvery(log::StepOutcome outcome) {
  const log::Options& options = workload_.options;
  const auto violated = [](const char* what) {
    return Violation{Invariant::kSyncEveryHolds, what};
  };
  const std::uint64_t durable_lsn = engine_->DurableLsn();
  while (!undurable_.empty() && undurable_.front().last_lsn <= durable_lsn) undurable_.pop_front();
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  for (const Undurable& each : undurable_) {
    records += each.records;
    bytes += each.bytes;
  }
  counts_.undurable_max = std::max(counts_.undurable_max, records);
  if (options.sync_every_records != 0 && records >= options.sync_every_records) {
    return violated("more records are acknowledged and not durable");
  }
  if (options.sync_every_bytes != 0 && bytes >= options.sync_every_bytes) {
    return violated("more bytes are acknowledged and not durable");
  }
  const bool asleep = outcome != log::StepOutcome::kProgress && !log_failed();
  if (!asleep || options.sync_every_us == 0 || engine_->state().closing) return std::nullopt;
  const bool undurable = engine_->state().next_lsn - 1 > durable_lsn;
  const std::uint64_t now = clock_.BootMicros();
  const std::uint64_t since = undurable_.empty() ? now : undurable_.front().since_us;
  if (undurable && now >= since + options.sync_every_us) {
    return violated("a record is acknowledged and not durable for too long");
  }
  const bool idle = outcome == log::StepOutcome::kIdle;
  if (undurable && idle && engine_->committer().WakeAt() > since + options.sync_every_us) {
    return violated("the committer would sleep for longer");
  }
  return std::nullopt;
}

void Life::TakeAnswers() {
  std::vector<log::Completion> answers;
  engine_->committer().TakeCompletions(&answers);
  if (disk_->crashed()) return;  // Nobody hears them.
  for (const log::Completion& answer : answers) {
    if (answer.token == drain_token_ && drain_token_ != 0) {
      drain_token_ = 0;
    } else if (answer.token == close_token_) {
      close_answered_ = true;
      model_->set_closed(answer.status.ok());
      JudgeAnswer(answer, nullptr);
    } else {
      JudgeAnswer(answer, model_->Answer(answer));
    }
  }
}

void Life::NoteUndurable(const Submitted& request) {
  if (request.records.empty() || request.records.back().lsn <= engine_->DurableLsn()) return;
  std::uint64_t bytes = 0;
  for (const auto& record : request.records) bytes += record.payload.size() + record.headers.size();
  undurable_.push_back({.last_lsn = request.records.back().lsn,
                        .records = request.records.size(),
                        .bytes = bytes,
                        .since_us = clock_.BootMicros()});
}

// Whether the answer is one that may be given in this state of the log.
void Life::JudgeAnswer(const log::Completion& answer, const Submitted* request) {
  const auto wrong = [this](Invariant invariant, std::string what) {
    if (!wrong_answer_.has_value()) wrong_answer_ = Violation{invariant, std::move(what)};
  };
  if (answer.status.ok()) {
    const bool after_failure = request != nullptr && request->after_failure;
    if (committer_failed_ || after_failure) {
      wrong(Invariant::kStopsOnFailure, "acknowledged after a write or sync had failed");
    }
  }
  if (request != nullptr) {
    const log::State& state = engine_->state();
    const Model::Sight sight{.durable_lsn = engine_->DurableLsn(),
                             .journal = state.journal->generation(),
                             .next_journal = state.next_journal != nullptr};
    if (auto violation = model_->CheckAnswer(*request, answer, sight)) {
      wrong(violation->invariant, violation->what);
    }
  }
  if (answer.status.ok()) {
    if (request != nullptr) NoteUndurable(*request);
    return;
  }
  const Code code = answer.status.code();
  const bool is_close = request == nullptr;
  const bool expects = !is_close && request->expected_sequence != 0;
  const bool tells = is_close || request->tells_refusals;
  if (code == Code::kSeqConflict && expects) {
    ++counts_.conflicts;
    return;
  }
  if (tells && !is_close && code == Code::kNoSpace) ++counts_.refusals_told;
  if (code == Code::kNoSpace) {
    if (!disk_is_full_ && !(tells && model_->refusals_possible()))
      wrong(Invariant::kFullDiskPasses, "refused for want of space that is there");
  } else if (is_close && code == Code::kIoError && engine_->state().closing) {
    return;  // Everything is durable, but the last snapshot could not be written.
  } else if (!log_failed()) {
    wrong(Invariant::kStopsOnFailure, "refused, but the log goes on: " + answer.status.ToString());
  } else if (code != Code::kFailed) {
    wrong(Invariant::kRunsOn, "refused with " + answer.status.ToString());
  }
}

// The log has met a failed write or sync: it takes nothing more, says why, and goes on reading.
std::optional<Violation> Life::CheckStopped() {
  const auto violated = [](const char* what) {
    return Violation{Invariant::kStopsOnFailure, what};
  };
  // What the destager met the committer hears of when it is roused.
  for (int i = 0; i < 8; ++i) engine_->committer().Step();
  TakeAnswers();
  if (wrong_answer_.has_value()) return wrong_answer_;
  if (!log_failed()) return violated("the log goes on after a write or sync has failed");
  if (engine_->state().failure.code() != Code::kFailed) return violated("not with the code FAILED");
  if (engine_->state().failure.error_number() == 0) return violated("the cause has no errno");
  if (model_->waiting() > 0) return violated("a waiter is not answered");
  const log::AppendInput input{
      .stream = engine_->HandleOf("key-0"), .user_headers = {}, .data = AsBytes("too late")};
  const Status taken =
      engine_->state().inbox.SubmitAppend({&input, 1}, log::Durability::kNone, model_->NextToken());
  const bool closed = close_token_ != 0 && taken.code() == Code::kClosed;
  if (taken.code() != Code::kFailed && !closed) {
    return violated("an append after the failure is not refused with FAILED");
  }
  return CheckNow();
}

std::optional<Violation> Life::CheckNow() {
  FoundLog found;
  if (auto violation = ReadEverything(engine_.get(), false, &found)) {
    return disk_->crashed() ? std::nullopt : violation;
  }
  for (const auto& [key, records] : found) {
    if (!records.empty()) model_->Shown(records.back().lsn);
  }
  return model_->CheckLive(found);
}

void Life::Settle() {
  for (int idle = 0; idle < 3 && !disk_->crashed();) {
    const bool committed = engine_->committer().Step() == log::StepOutcome::kProgress;
    handover_.SpoilWhatIsFree();
    const bool destaged = engine_->destager().Step() == log::StepOutcome::kProgress;
    TakeAnswers();
    idle = committed || destaged ? 0 : idle + 1;
    if (idle > 0) clock_.Advance(workload_.options.mark_delay_us + 1);
  }
}

std::optional<Violation> Life::AppendOne() { return AppendAlone(MakeRecord()); }

std::optional<Violation> Life::AppendOne(const std::string& key, const std::string& payload) {
  Submitted::Record record;
  record.key = key;
  record.payload = payload;
  return AppendAlone(std::move(record));
}

// Lets the log go on, with nothing else going on, until the request is answered.
std::optional<Violation> Life::Await(log::Token token) {
  handover_.Publish();
  for (int i = 0; i < 2000 && model_->Waits(token) && !disk_->crashed(); ++i) {
    const bool committed = engine_->committer().Step() == log::StepOutcome::kProgress;
    handover_.SpoilWhatIsFree();
    if (!committed && engine_->destager().Step() != log::StepOutcome::kProgress) {
      clock_.Advance(1000);
    }
    TakeAnswers();
  }
  if (wrong_answer_.has_value()) return wrong_answer_;
  if (!model_->Waits(token) || disk_->crashed()) return std::nullopt;
  return Violation{Invariant::kRunsOn, "an append after recovery is not answered"};
}

std::optional<Violation> Life::AppendAlone(Submitted::Record record) {
  const std::uint64_t told = model_->highest_lsn_told();
  const std::uint64_t expected = model_->AcknowledgedRecords(record.key) + 1;
  const std::string key = record.key;
  Submitted request{.token = model_->NextToken(), .records = {std::move(record)}};
  if (handover_.Append(request) != Handed::kTaken) {
    return Violation{Invariant::kRunsOn, "an append after recovery is refused"};
  }
  const log::Token token = request.token;
  model_->Submit(std::move(request));
  if (auto violation = Await(token)) return violation;
  if (disk_->crashed()) return std::nullopt;
  const Submitted& submitted = model_->newest();
  if (submitted.state != Submitted::State::kAcknowledged) {
    return Violation{Invariant::kRunsOn, "an append after recovery is not acknowledged"};
  }
  if (submitted.records.front().lsn <= told) {
    return Violation{
        Invariant::kNumbersNotReused,
        "LSN " + std::to_string(submitted.records.front().lsn) + " was handed out before"};
  }
  if (submitted.records.front().sequence != expected) {
    return Violation{Invariant::kNumbersNotReused, "sequences do not go on where they ended"};
  }
  return CheckNow();
}

std::optional<Violation> Life::Retry(const Submitted& earlier) {
  const Submitted::Record& record = earlier.records.front();
  const bool stored = model_->RecordsInRow(record.key) >= earlier.expected_sequence;
  if (auto violation = RetryWith(earlier, record.payload, stored)) return violation;
  if (disk_->crashed()) return std::nullopt;
  // Where it is stored now, whoever expects to be in its place learns that he is not.
  const bool taken = model_->RecordsInRow(record.key) >= earlier.expected_sequence;
  return taken ? RetryWith(earlier, record.payload + " other", true) : std::nullopt;
}

// As lib/ does: a conflict is looked at, and is none where the same record has the sequence.
std::optional<Violation> Life::RetryWith(const Submitted& earlier, std::string payload,
                                         bool stored) {
  const auto violated = [](const std::string& what) {
    return Violation{Invariant::kExpectedSequence, "a retry: " + what};
  };
  Submitted request{.token = model_->NextToken(),
                    .durability = earlier.durability,
                    .expected_sequence = earlier.expected_sequence,
                    .records = earlier.records};
  Submitted::Record& record = request.records.front();
  const bool other = record.payload != payload;
  record.payload = std::move(payload);
  record.sequence = record.lsn = 0;
  const Submitted::Record wanted = record;
  const std::uint64_t next = model_->RecordsInRow(record.key) + 1;
  if (handover_.Append(request) != Handed::kTaken) return violated("it is refused");
  const log::Token token = request.token;
  model_->Submit(std::move(request));
  if (auto violation = Await(token)) return violation;
  if (disk_->crashed()) return std::nullopt;
  const bool appended = model_->newest().state == Submitted::State::kAcknowledged;
  if (appended != (next == earlier.expected_sequence))
    return violated("appended where it cannot be");
  if (appended) return CheckNow();
  model_->Forget(token);
  if (!stored) return std::nullopt;
  log::ReadResult result;
  engine_->reader().Read({.stream = engine_->HandleOf(wanted.key),
                          .from_sequence = earlier.expected_sequence,
                          .to_sequence = earlier.expected_sequence,
                          .accepted = true},
                         &result);
  if (!result.status.ok() || result.records.size() != 1) return violated("nothing to compare with");
  const log::RecordColumns& found = result.records.front();
  const std::string_view data(reinterpret_cast<const char*>(result.bytes.get()) + found.data_offset,
                              found.data_bytes);
  if (other && data == wanted.payload) return violated("it is there though it was refused");
  const bool same = model_->IsThere(wanted.key, wanted.payload);
  if (!other && same != (data == wanted.payload)) return violated("it does not find itself");
  return std::nullopt;
}

}  // namespace seglog::crash
