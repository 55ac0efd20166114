// SPDX-License-Identifier: MIT
#include "test/crash/life.h"

namespace seglog::crash {
namespace {

// Journal files of six blocks, segments of two pages: everything happens often.
log::Options TinyOptions() {
  log::Options options;
  options.segment_bytes = 12 * 1024;
  options.shared_stream_bytes_max = 0;
  options.journal_first_bytes = 32 * 1024;
  options.journal_file_bytes = 32 * 1024;
  options.journal_live_bytes_max = 96 * 1024;
  options.commit_bytes_max = 8 * 1024;
  options.frame_bytes_max = 1024;
  options.destage_bytes = 8 * 1024;
  options.carry_bytes_max = 4 * 1024;
  options.lsn_reserve = 8;
  options.open_segments_max = 3;
  return options;
}

std::vector<Workload> MakeWorkloads() {
  std::vector<Workload> all;
  const auto add = [&](const char* name) -> Workload& {
    Workload& workload = all.emplace_back();
    workload.name = name;
    workload.options = TinyOptions();
    return workload;
  };
  add("sync-appends");
  Workload& mixed = add("mixed-durability");
  mixed.percent_os = 30;
  mixed.percent_none = 30;
  mixed.percent_sync = 10;
  Workload& unsynced = add("unsynced-with-syncs");
  unsynced.percent_none = 90;
  unsynced.percent_os = 5;
  unsynced.percent_sync = 8;
  unsynced.close = false;
  Workload& batches = add("batches");
  batches.percent_batch = 70;
  batches.percent_os = 10;
  Workload& sealing = add("rotation-and-sealing");
  sealing.keys = 2;
  sealing.percent_seal = 20;
  sealing.payload_bytes_max = 1500;
  Workload& recycling = add("recycling");
  recycling.requests = 90;
  recycling.payload_bytes_max = 900;
  recycling.percent_large = 10;
  Workload& quiet = add("quiet-streams-carried");
  quiet.keys = 6;
  quiet.requests = 80;
  quiet.percent_large = 0;
  quiet.payload_bytes_max = 60;
  quiet.percent_none = 20;
  quiet.options.journal_live_bytes_max = 64 * 1024;
  Workload& tiny = add("tiny-streams");
  tiny.keys = 20;
  tiny.requests = 80;
  tiny.percent_large = 0;
  tiny.percent_seal = 5;
  tiny.percent_none = 20;
  tiny.options.shared_stream_bytes_max = 64 * 1024;
  Workload& growing = add("streams-that-outgrow-shared-segments");
  growing.keys = 6;
  growing.requests = 80;
  growing.percent_seal = 10;
  growing.percent_os = 20;
  growing.options.shared_stream_bytes_max = 800;
  Workload& large = add("records-larger-than-a-journal-file");
  large.requests = 25;
  large.percent_large = 35;
  large.options.record_bytes_max = 64 * 1024;
  Workload& bodies = add("bodies");
  bodies.keys = 2;
  bodies.requests = 60;
  bodies.payload_bytes_max = 4000;
  bodies.percent_batch = 20;
  bodies.percent_seal = 5;
  bodies.percent_os = 15;
  bodies.options.segment_bytes = 48 * 1024;
  bodies.options.out_of_line_bytes = 2000;
  Workload& unsynced_bodies = add("unsynced-bodies");
  unsynced_bodies.keys = 2;
  unsynced_bodies.requests = 60;
  unsynced_bodies.payload_bytes_max = 4000;
  unsynced_bodies.percent_none = 80;
  unsynced_bodies.percent_sync = 6;
  unsynced_bodies.close = false;
  unsynced_bodies.options.segment_bytes = 24 * 1024;
  unsynced_bodies.options.out_of_line_bytes = 2000;
  return all;
}

}  // namespace

const std::vector<Workload>& Workloads() {
  static const std::vector<Workload> kAll = MakeWorkloads();
  return kAll;
}

Life::Life(test::SimulatedDisk* disk, const Workload& workload, std::uint64_t seed, Model* model)
    : disk_(disk),
      workload_(workload),
      model_(model),
      random_(seed),
      log_random_(seed * 0x9E3779B97F4A7C15u + 1),
      fs_(disk->Mount()) {
  clock_.Advance(seed % 1'000'000);
}

Status Life::Open(log::RecoveryReport* report) {
  const log::Environment environment{.fs = fs_.get(), .clock = &clock_, .random = &log_random_};
  Result<std::unique_ptr<log::Engine>> engine =
      log::Engine::Open(environment, workload_.options, report);
  if (!engine.ok()) return engine.status();
  engine_ = std::move(engine).value();
  return Status::Ok();
}

std::optional<Violation> Life::Run() {
  while (!Done()) {
    if (submitted_ < workload_.requests && Percent(30)) {
      SubmitOne();
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
  while (!disk_->crashed() && (submitted_ < submitted || model_->waiting() > 0)) {
    if (submitted_ < submitted && Percent(30)) {
      SubmitOne();
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
  if (submitted_ < workload_.requests || model_->waiting() > 0) return false;
  if (!workload_.close) return true;
  if (close_token_ == 0) {
    close_token_ = ++token_;
    log::Request request;
    request.kind = log::Request::Kind::kClose;
    request.token = close_token_;
    engine_->state().inbox.Submit(std::move(request));
  }
  return close_answered_;
}

void Life::SubmitOne() {
  ++submitted_;
  if (Percent(workload_.percent_sync)) {
    Submitted& sync = model_->Submit(
        {.token = ++token_, .after_failure = log_failed(), .is_sync = true, .records = {}});
    log::Request request;
    request.kind = log::Request::Kind::kSync;
    request.token = sync.token;
    engine_->state().inbox.Submit(std::move(request));
  } else if (Percent(workload_.percent_seal)) {
    Submitted& seal = model_->Submit(
        {.token = ++token_, .after_failure = log_failed(), .is_sync = true, .records = {}});
    log::Request request;
    request.kind = log::Request::Kind::kSeal;
    request.stream = engine_->HandleOf("key-" + std::to_string(Below(workload_.keys)));
    request.token = seal.token;
    engine_->state().inbox.Submit(std::move(request));
  } else {
    SubmitAppend();
  }
}

void Life::SubmitAppend() {
  Submitted request{.token = ++token_, .after_failure = log_failed(), .records = {}};
  const std::uint64_t dice = Below(100);
  if (dice < workload_.percent_os) {
    request.durability = log::Durability::kOs;
  } else if (dice < workload_.percent_os + workload_.percent_none) {
    request.durability = log::Durability::kNone;
  }
  const std::uint64_t count = Percent(workload_.percent_batch) ? 2 + Below(5) : 1;
  for (std::uint64_t i = 0; i < count; ++i) request.records.push_back(MakeRecord());
  std::vector<log::AppendInput> inputs;
  for (const Submitted::Record& record : request.records) {
    inputs.push_back({.stream = engine_->HandleOf(record.key),
                      .user_headers = AsBytes(record.headers),
                      .data = AsBytes(record.payload)});
  }
  const Status taken =
      engine_->state().inbox.SubmitAppend(inputs, request.durability, request.token);
  if (taken.ok()) model_->Submit(std::move(request));
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

std::optional<Violation> Life::StepSomething() {
  log::StepOutcome outcome = log::StepOutcome::kIdle;
  if (Percent(10)) {
    clock_.Advance(Below(4000));
    return std::nullopt;
  }
  const bool committer = Percent(60);
  const std::uint64_t faults = disk_->faults_met();
  outcome = committer ? engine_->committer().Step() : engine_->destager().Step();
  if (committer && disk_->faults_met() > faults) committer_failed_ = true;
  TakeAnswers();
  idle_steps_ = outcome == log::StepOutcome::kProgress ? 0 : idle_steps_ + 1;
  if ((idle_steps_ > 3000 || ++steps_ > 100'000) && !disk_->crashed()) {
    return Violation{Invariant::kRunsOn, "requests are never answered"};
  }
  return std::nullopt;
}

void Life::TakeAnswers() {
  std::vector<log::Completion> answers;
  engine_->committer().TakeCompletions(&answers);
  if (disk_->crashed()) return;  // Nobody hears them.
  for (const log::Completion& answer : answers) {
    if (answer.token == close_token_) {
      close_answered_ = true;
      model_->set_closed(answer.status.ok());
      JudgeAnswer(answer, nullptr);
    } else {
      JudgeAnswer(answer, model_->Answer(answer));
    }
  }
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
    return;
  }
  const Code code = answer.status.code();
  const bool is_close = request == nullptr;
  if (code == Code::kNoSpace) {
    if (!disk_is_full_)
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
      engine_->state().inbox.SubmitAppend({&input, 1}, log::Durability::kNone, ++token_);
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

std::optional<Violation> Life::AppendAlone(Submitted::Record record) {
  const std::uint64_t told = model_->highest_lsn_told();
  Submitted request{.token = ++token_, .records = {record}};
  const log::StreamHandle handle = engine_->HandleOf(record.key);
  const std::uint64_t expected = model_->AcknowledgedRecords(record.key) + 1;
  const log::AppendInput input{
      .stream = handle, .user_headers = AsBytes(record.headers), .data = AsBytes(record.payload)};
  const Status taken =
      engine_->state().inbox.SubmitAppend({&input, 1}, request.durability, request.token);
  if (!taken.ok()) return Violation{Invariant::kRunsOn, "append refused: " + taken.ToString()};
  Submitted& submitted = model_->Submit(std::move(request));
  for (int i = 0; i < 2000 && submitted.state == Submitted::State::kWaiting && !disk_->crashed();
       ++i) {
    if (engine_->committer().Step() != log::StepOutcome::kProgress) {
      if (engine_->destager().Step() != log::StepOutcome::kProgress) clock_.Advance(1000);
    }
    TakeAnswers();
  }
  if (disk_->crashed()) return std::nullopt;
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

}  // namespace seglog::crash
