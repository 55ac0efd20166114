// SPDX-License-Identifier: MIT
// What a simulated program did with a log and was told, and what the log therefore must hold after
// any crash: the contract of docs/durability.md as named invariants. A model outlives the log's
// lives.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "log/engine.h"

namespace seglog::crash {

// The invariants. Each violation names one; planted bugs name the ones that catch them.
enum class Invariant : std::uint8_t {
  kAckedPresent,         // what was acknowledged as durable is there, bytes and numbers
  kKernelKeepsOs,        // after a mere kill, what was acknowledged as 'os' is there
  kNothingInvented,      // what is there was appended, to that key, once
  kOrder,                // in order of appending, sequences without a gap, LSNs rising
  kBatchWhole,           // a batch is whole or absent
  kLossIsASuffix,        // what is lost was appended after all that is there
  kNoFalseAlarm,         // a power cut is never taken for corruption, and opening succeeds
  kReopensTheSame,       // opening again finds the same
  kNumbersNotReused,     // an LSN that was handed out is never another record's; sequences go on
  kReportIsRight,        // status and ranges of log.recovery
  kDamageIsFound,        // damage to acknowledged data is an error, never a wrong or missing record
  kRunsOn,               // no answer is left out, nothing stops without a failure
  kHiddenUntilDurable,   // a reader sees no record that a failed sync could still take back
  kEitherSnapshotOpens,  // with the newest catalogue damaged, the other one opens the same log
  kVerifyIsRight,        // verifying names damage in a damaged log, and none in a sound one
  kSealedIsWhole,        // a segment that the catalogue calls sealed has a sound footer and content
  kStopsOnFailure,       // after a failed write or sync nothing is acknowledged, and reads go on
  kFullDiskPasses,       // a full disk refuses what does not fit, loses nothing, and then goes on
  kNoHole,               // nothing of a row is taken behind what a full disk refused of it
  kExpectedSequence,     // who expects a sequence gets it or changes nothing; a retry finds itself
  kDurableLsnIsTrue,    // what the durable LSN covers survives a power cut, and it covers the acked
  kSyncEveryHolds,      // what is acknowledged and not durable stays below the bounds of syncEvery
  kIngestIsABeginning,  // of what was ingested a beginning is stored, until a refusal was told
};
const char* InvariantName(Invariant invariant);

struct Violation {
  Invariant invariant;
  std::string what;
};

struct Submitted {
  enum class State : std::uint8_t {
    kWaiting,
    kUnanswered,  // ingested: it is taken, or refused and that is told
    kAcknowledged,
    kRefused,
    kLost,  // it must not come back
  };
  struct Record {
    std::string key;
    std::string payload;  // unique in the model
    std::string headers;
    std::uint64_t sequence = 0;  // 0: not told
    std::uint64_t lsn = 0;
  };
  log::Token token = 0;
  log::Durability durability = log::Durability::kSync;
  bool after_failure = false;           // submitted when the log had stopped for writing
  bool is_sync = false;                 // sync(): asks that everything before it be durable
  bool tells_refusals = false;          // sync(): its answer is the refusal of an ingested record
  bool told_otherwise = false;          // before it was answered
  std::uint64_t waits_for_lsn = 0;      // waitDurable
  std::uint64_t expected_sequence = 0;  // of one record; 0: any
  State state = State::kWaiting;
  bool changed_nothing = false;  // refused, and not because the log failed
  std::vector<Record> records;
};

struct FoundRecord {
  std::string key;
  std::uint64_t sequence = 0;
  std::uint64_t lsn = 0;
  std::string payload;
  std::string headers;

  bool operator==(const FoundRecord&) const = default;
};
using FoundLog = std::map<std::string, std::vector<FoundRecord>>;

class Model {
 public:
  Submitted& Submit(Submitted request) { return requests_.emplace_back(std::move(request)); }
  // Returns the request that was answered, null where there is none.
  const Submitted* Answer(const log::Completion& completion);
  // What the program could see of the log when it got the answer.
  struct Sight {
    std::uint64_t durable_lsn = 0;
    std::uint64_t journal = 0;  // the generation that takes blocks
    bool next_journal = false;  // there is room beyond it
  };
  // Whether the answer fits in with those before.
  std::optional<Violation> CheckAnswer(const Submitted& request, const log::Completion& completion,
                                       const Sight& sight);
  // A record without an answer may have been refused from now on.
  void ExpectRefusals() { refusals_possible_ = true; }
  bool refusals_possible() const { return refusals_possible_; }
  // There is room again on a full disk.
  void RoomAgain() { rows_.clear(); }
  // A refusal of ingested records was told, by other means than the answer to a request.
  void RefusalTold();
  // It was refused, and its record is there by another request: nothing is expected of it any more.
  void Forget(log::Token token);
  // The log says that everything up to here is durable.
  void DurableTold(std::uint64_t lsn) { durable_lsn_told_ = std::max(durable_lsn_told_, lsn); }
  // A record's LSN was seen by a reader.
  void Shown(std::uint64_t lsn) { highest_lsn_told_ = std::max(highest_lsn_told_, lsn); }

  // Checks what recovery found; `killed_only`: no power was cut. Returns the first violation.
  std::optional<Violation> Check(const FoundLog& found, const log::RecoveryReport& report,
                                 bool killed_only) const;
  // The log goes on with what was found: the rest is lost for good.
  void Accept(const FoundLog& found);
  // Of a live log: what a reader may see now.
  std::optional<Violation> CheckLive(const FoundLog& found) const;

  std::uint64_t highest_lsn_told() const { return highest_lsn_told_; }
  std::uint64_t waiting() const { return Count(Submitted::State::kWaiting); }
  bool Waits(log::Token token) const;
  const Submitted& newest() const { return requests_.back(); }
  // Acknowledged, or found by recovery.
  bool IsThere(const std::string& key, const std::string& payload) const;
  // Of an acknowledged record; 0 where there is none.
  std::uint64_t NewestLsn() const;
  // The newest appends that expected a sequence and were not refused.
  std::vector<Submitted> NewestExpecting(std::size_t count) const;
  std::uint64_t refused() const { return Count(Submitted::State::kRefused); }
  // Of one key.
  std::uint64_t AcknowledgedRecords(const std::string& key) const;
  // Handed over and not refused.
  std::uint64_t RecordsInRow(const std::string& key) const;
  bool closed_properly() const { return closed_; }
  void set_closed(bool closed) { closed_ = closed; }
  std::uint64_t NextPayloadNumber() { return ++payloads_; }
  log::Token NextToken() { return ++tokens_; }  // never given twice, whatever the life

 private:
  // Handed over when a full disk refused the first of them, and not heard of by then.
  struct Row {
    const std::size_t first;
    const std::size_t end;
    const std::uint64_t journal;
  };
  // What a walk over the requests has met so far.
  struct Walk {
    const FoundLog& found;
    const bool killed_only;
    const std::vector<bool> required, required_of_kernel;
    std::map<std::string, std::uint64_t> positions;  // records matched of each stream
    bool lost_some = false;
    bool ingested_hole = false;           // since a refusal was told
    std::uint64_t lost_acknowledged = 0;  // highest LSN
    std::uint64_t last_lsn = 0;
    std::uint64_t matched = 0;
  };

  std::uint64_t Count(Submitted::State state) const;
  std::vector<bool> Required(bool killed_only) const;
  std::uint64_t SequenceIn(std::size_t request, const std::string& key) const;
  std::optional<Violation> CheckNumbers(const Submitted& request, std::size_t index) const;
  std::optional<Violation> CheckStreams(const FoundLog& found,
                                        std::map<std::string, std::uint64_t>* positions) const;
  std::optional<Violation> CheckRequest(std::size_t index, Walk* walk) const;
  std::optional<Violation> MatchRecord(const Submitted& request, const Submitted::Record& record,
                                       Walk* walk, std::size_t* there) const;
  std::optional<Violation> CheckTellings(const Submitted& request, Walk* walk) const;
  std::optional<Violation> CheckDurableLsn(const FoundLog& found) const;

  std::vector<Submitted> requests_;
  std::vector<Row> rows_;
  bool refusals_possible_ = false;
  std::uint64_t durable_lsn_told_ = 0;
  std::uint64_t highest_lsn_told_ = 0;
  std::uint64_t payloads_ = 0;
  log::Token tokens_ = 0;
  bool closed_ = false;
};

// Everything that readers of the engine see. An error is a violation of `on_error`.
std::optional<Violation> ReadEverything(log::Engine* engine, bool accepted, FoundLog* found);

}  // namespace seglog::crash
