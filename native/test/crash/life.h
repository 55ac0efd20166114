// SPDX-License-Identifier: MIT
// One life of a simulated program: it opens the log on a simulated disk, submits requests, and
// steps the log's loops in an order that the seed decides, until it has done enough or the power is
// cut.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "test/crash/model.h"
#include "test/support/simulated_clock.h"
#include "test/support/simulated_disk.h"

namespace seglog::crash {

// A kind of program. Weights are in tenths of all submissions.
struct Workload {
  const char* name = "";
  std::uint32_t keys = 3;
  std::uint32_t requests = 40;
  std::uint32_t percent_os = 0;
  std::uint32_t percent_none = 0;
  std::uint32_t percent_batch = 10;
  std::uint32_t percent_sync = 5;  // sync() calls
  std::uint32_t percent_seal = 3;
  std::uint32_t percent_large = 5;
  std::uint32_t payload_bytes_max = 200;
  bool close = true;  // properly, at the end
  log::Options options;
};

// The workloads of the suite, small and each with a point of its own.
const std::vector<Workload>& Workloads();

class Life final {
 public:
  Life(test::SimulatedDisk* disk, const Workload& workload, std::uint64_t seed, Model* model);

  // Runs recovery. The Status is the log's own.
  Status Open(log::RecoveryReport* report);
  // Submits and steps until everything is answered (and closed), the power is cut, or a violation.
  std::optional<Violation> Run();
  // The same up to so many submissions, without closing; also ends when nothing moves any more.
  std::optional<Violation> RunUntil(std::uint32_t submitted);
  // Appends a record that is durable, with nothing else going on; checks its numbers, and that it
  // can be read.
  std::optional<Violation> AppendOne();
  std::optional<Violation> AppendOne(const std::string& key, const std::string& payload);
  // What happens while the log has stopped for writing, or the disk is full, from now on.
  void ExpectFullDisk(bool full) { disk_is_full_ = full; }
  std::optional<Violation> CheckStopped();
  bool log_failed() const { return !engine_->state().failure.ok(); }

  // Lets the log finish what it has to do: destage, seal, write its mark.
  void Settle();

  log::Engine& engine() { return *engine_; }

 private:
  std::uint64_t Below(std::uint64_t bound) { return random_.Next() % bound; }
  bool Percent(std::uint32_t percent) { return Below(100) < percent; }
  void SubmitOne();
  void SubmitAppend();
  Submitted::Record MakeRecord();
  std::optional<Violation> StepSomething();
  std::optional<Violation> CheckNow();
  bool Done();
  void TakeAnswers();
  std::optional<Violation> AppendAlone(Submitted::Record record);
  void JudgeAnswer(const log::Completion& answer, const Submitted* request);

  test::SimulatedDisk* const disk_;
  const Workload& workload_;
  Model* const model_;
  test::SimulatedRandom random_;      // decides what the program does
  test::SimulatedRandom log_random_;  // what the log sees
  test::SimulatedClock clock_;
  std::unique_ptr<io::FileSystem> fs_;
  std::unique_ptr<log::Engine> engine_;
  log::Token token_ = 0;
  std::uint32_t submitted_ = 0;
  std::uint64_t idle_steps_ = 0;  // in a row
  std::uint64_t steps_ = 0;
  log::Token close_token_ = 0;
  bool close_answered_ = false;
  bool committer_failed_ = false;  // one of its calls met a fault
  bool disk_is_full_ = false;
  std::optional<Violation> wrong_answer_;
};

}  // namespace seglog::crash
