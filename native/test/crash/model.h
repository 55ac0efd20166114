// SPDX-License-Identifier: MIT
// What a simulated program did with a log and was told, and what the log therefore must hold after
// any crash: the contract of docs/durability.md as named invariants. A model outlives the log's
// lives.
#pragma once

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
};
const char* InvariantName(Invariant invariant);

struct Violation {
  Invariant invariant;
  std::string what;
};

struct Submitted {
  enum class State : std::uint8_t { kWaiting, kAcknowledged, kRefused, kLost };
  struct Record {
    std::string key;
    std::string payload;  // unique in the model
    std::string headers;
    std::uint64_t sequence = 0;  // 0: not told
    std::uint64_t lsn = 0;
  };
  log::Token token = 0;
  log::Durability durability = log::Durability::kSync;
  bool after_failure = false;      // submitted when the log had stopped for writing
  bool is_sync = false;            // sync(): asks that everything before it be durable
  std::string truncated_key = {};  // truncateBefore, where not empty
  std::uint64_t truncated_before = 0;
  State state = State::kWaiting;
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
  std::uint64_t refused() const { return Count(Submitted::State::kRefused); }
  // Of one key.
  std::uint64_t AcknowledgedRecords(const std::string& key) const;
  bool closed_properly() const { return closed_; }
  void set_closed(bool closed) { closed_ = closed; }
  std::uint64_t NextPayloadNumber() { return ++payloads_; }

 private:
  std::uint64_t Count(Submitted::State state) const;
  std::vector<bool> Required(bool killed_only) const;
  std::optional<Violation> CheckStreams(const FoundLog& found,
                                        std::map<std::string, std::uint64_t>* positions) const;

  std::vector<Submitted> requests_;
  std::uint64_t highest_lsn_told_ = 0;
  std::uint64_t payloads_ = 0;
  bool closed_ = false;
};

// Everything that readers of the engine see. An error is a violation of `on_error`.
std::optional<Violation> ReadEverything(log::Engine* engine, bool accepted, FoundLog* found);

}  // namespace seglog::crash
