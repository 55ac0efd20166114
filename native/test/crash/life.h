// SPDX-License-Identifier: MIT
// One life of a simulated program: it opens the log on a simulated disk, submits requests, and
// steps the log's loops in an order that the seed decides, until it has done enough or the power is
// cut.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "test/crash/handover.h"
#include "test/crash/model.h"
#include "test/crash/workload.h"
#include "test/support/simulated_clock.h"
#include "test/support/simulated_disk.h"

namespace seglog::crash {

// What a program did, and what it met.
struct LifeCounts {
  std::uint64_t calls = 0;
  std::uint64_t without_room = 0;  // the ring was full
  std::uint64_t here = 0;          // committed on the calling thread
  std::uint64_t here_for_room = 0;
  std::uint64_t conflicts = 0;  // expected another sequence
  std::uint64_t ingested = 0;
  std::uint64_t refusals_told = 0;  // of ingested records
  std::uint64_t undurable_max = 0;  // records that were acknowledged and not durable, at a time

  void Add(const LifeCounts& other);
};

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
  // After a recovery that was accepted: the program hands an append over again that expected its
  // sequence, without knowing what became of it, and tries another record in its place.
  std::optional<Violation> Retry(const Submitted& earlier);
  // What happens while the log has stopped for writing, or the disk is full, from now on.
  void ExpectFullDisk(bool full);
  std::optional<Violation> CheckStopped();
  bool log_failed() const { return !engine_->state().failure.ok(); }

  // Lets the log finish what it has to do: destage, seal, write its mark.
  void Settle();

  log::Engine& engine() { return *engine_; }
  const LifeCounts& counts() const { return counts_; }

 private:
  using Handed = Handover::Result;

  // One call of the program.
  struct Call {
    Submitted submitted;
    log::Request control;  // where it has no records
  };
  // Acknowledged, and the log does not say yet that it is durable.
  struct Undurable {
    std::uint64_t last_lsn;
    std::uint64_t records;
    std::uint64_t bytes;
    std::uint64_t since_us;  // boot time
  };

  std::uint64_t Below(std::uint64_t bound) { return random_.Next() % bound; }
  bool Percent(std::uint32_t percent) { return Below(100) < percent; }
  Call MakeCall();
  Call MakeControl(log::Request::Kind kind);
  Call MakeAppend();
  Call MakeIngest();
  std::uint64_t SequenceToExpect(const std::string& key);
  Submitted::Record MakeRecord();
  std::optional<Violation> SubmitOne();
  Handed Hand(Call* call);
  bool RefusalIsTold();
  std::optional<Violation> CallHere(Call call);
  std::optional<Violation> HandHere(Call* call);
  std::optional<Violation> StepHere();
  std::optional<Violation> StepSomething();
  std::optional<Violation> StepCommitter();
  std::optional<Violation> CheckSyncEvery(log::StepOutcome outcome);
  std::optional<Violation> CheckRunsOn();
  std::optional<Violation> CheckNow();
  bool Done();
  void TakeAnswers();
  void NoteUndurable(const Submitted& request);
  std::optional<Violation> Await(log::Token token);
  std::optional<Violation> AppendAlone(Submitted::Record record);
  std::optional<Violation> RetryWith(const Submitted& earlier, std::string payload, bool stored);
  void JudgeAnswer(const log::Completion& answer, const Submitted* request);

  test::SimulatedDisk* const disk_;
  const Workload& workload_;
  Model* const model_;
  test::SimulatedRandom random_;      // decides what the program does
  test::SimulatedRandom log_random_;  // what the log sees
  test::SimulatedClock clock_;
  std::unique_ptr<io::FileSystem> fs_;
  Handover handover_;
  std::unique_ptr<log::Engine> engine_;
  std::optional<Call> queued_;  // had no room; nothing else is handed over before it
  std::deque<Undurable> undurable_;
  std::uint64_t durable_lsn_at_opening_ = 0;
  std::uint32_t submitted_ = 0;
  std::uint64_t idle_steps_ = 0;  // in a row
  std::uint64_t steps_ = 0;
  log::Token close_token_ = 0;
  log::Token drain_token_ = 0;
  bool close_answered_ = false;
  bool committer_failed_ = false;  // one of its calls met a fault
  bool disk_is_full_ = false;
  std::optional<Violation> wrong_answer_;
  LifeCounts counts_;
};

}  // namespace seglog::crash
