// SPDX-License-Identifier: MIT
#include "test/crash/model.h"

#include <algorithm>
#include <set>

namespace seglog::crash {
namespace {

Violation Violated(Invariant invariant, std::string what) {
  return {.invariant = invariant, .what = std::move(what)};
}

std::string Name(const Submitted::Record& record) {
  return "record '" + record.payload.substr(0, 24) + "' of " + record.key;
}

}  // namespace

const char* InvariantName(Invariant invariant) {
  switch (invariant) {
    case Invariant::kAckedPresent:
      return "ACKED_PRESENT";
    case Invariant::kKernelKeepsOs:
      return "KERNEL_KEEPS_OS";
    case Invariant::kNothingInvented:
      return "NOTHING_INVENTED";
    case Invariant::kOrder:
      return "ORDER";
    case Invariant::kBatchWhole:
      return "BATCH_WHOLE";
    case Invariant::kLossIsASuffix:
      return "LOSS_IS_A_SUFFIX";
    case Invariant::kNoFalseAlarm:
      return "NO_FALSE_ALARM";
    case Invariant::kReopensTheSame:
      return "REOPENS_THE_SAME";
    case Invariant::kNumbersNotReused:
      return "NUMBERS_NOT_REUSED";
    case Invariant::kReportIsRight:
      return "REPORT_IS_RIGHT";
    case Invariant::kDamageIsFound:
      return "DAMAGE_IS_FOUND";
    case Invariant::kRunsOn:
      return "RUNS_ON";
    case Invariant::kHiddenUntilDurable:
      return "HIDDEN_UNTIL_DURABLE";
    case Invariant::kEitherSnapshotOpens:
      return "EITHER_SNAPSHOT_OPENS";
    case Invariant::kVerifyIsRight:
      return "VERIFY_IS_RIGHT";
    case Invariant::kSealedIsWhole:
      return "SEALED_IS_WHOLE";
    case Invariant::kStopsOnFailure:
      return "STOPS_ON_FAILURE";
    case Invariant::kFullDiskPasses:
      return "FULL_DISK_PASSES";
    case Invariant::kNoHole:
      return "NO_HOLE";
    case Invariant::kExpectedSequence:
      return "EXPECTED_SEQUENCE";
    case Invariant::kDurableLsnIsTrue:
      return "DURABLE_LSN_IS_TRUE";
    case Invariant::kSyncEveryHolds:
      return "SYNC_EVERY_HOLDS";
    case Invariant::kIngestIsABeginning:
      return "INGEST_IS_A_BEGINNING";
  }
  return "?";
}

const Submitted* Model::Answer(const log::Completion& completion) {
  if (completion.token == 0) return nullptr;
  for (auto request = requests_.rbegin(); request != requests_.rend(); ++request) {
    if (request->token != completion.token) continue;
    if (!completion.status.ok()) {
      request->state = Submitted::State::kRefused;
      request->changed_nothing = completion.status.code() != Code::kFailed;
      return &*request;
    }
    request->state = Submitted::State::kAcknowledged;
    for (std::size_t i = 0; i < request->records.size(); ++i) {
      request->records[i].lsn = completion.first_lsn + i;
      request->records[i].sequence =
          completion.sequences.empty() ? completion.sequence : completion.sequences[i];
      Shown(request->records[i].lsn);
    }
    return &*request;
  }
  return nullptr;
}

std::optional<Violation> Model::CheckAnswer(const Submitted& request,
                                            const log::Completion& completion, const Sight& sight) {
  const auto index = static_cast<std::size_t>(&request - requests_.data());
  const Code code = completion.status.code();
  if (code == Code::kNoSpace && !request.records.empty()) {
    rows_.push_back({.first = index, .end = requests_.size(), .journal = sight.journal});
  }
  if (code == Code::kSeqConflict) {
    const std::string& key = request.records.front().key;
    const std::string next = std::to_string(SequenceIn(index, key));
    const bool certain = !refusals_possible_ || Count(Submitted::State::kUnanswered) == 0;
    if (certain && completion.status.detail() != next) {
      return Violated(Invariant::kExpectedSequence,
                      key + " would go on with " + next + ", not " + completion.status.detail());
    }
    if (completion.status.detail() == std::to_string(request.expected_sequence)) {
      return Violated(Invariant::kExpectedSequence, "the sequence that was expected is a conflict");
    }
  }
  if (!completion.status.ok()) return std::nullopt;
  if (request.waits_for_lsn != 0) {
    DurableTold(request.waits_for_lsn);
    if (sight.durable_lsn >= request.waits_for_lsn) return std::nullopt;
    return Violated(Invariant::kDurableLsnIsTrue, "it is behind what waitDurable() answered");
  }
  if (request.records.empty()) return std::nullopt;
  if (request.durability == log::Durability::kSync &&
      sight.durable_lsn < request.records.back().lsn) {
    return Violated(Invariant::kDurableLsnIsTrue, "it is behind what was acknowledged as durable");
  }
  for (const Row& row : rows_) {
    if (index > row.first && index < row.end && sight.journal == row.journal &&
        !sight.next_journal) {
      return Violated(Invariant::kNoHole, Name(request.records.front()) +
                                              " was taken behind one that a full disk refused");
    }
  }
  return CheckNumbers(request, index);
}

// The sequence that a record of this request gets: everything handed over before it has its number.
std::uint64_t Model::SequenceIn(std::size_t request, const std::string& key) const {
  std::uint64_t sequence = 1;
  for (std::size_t i = 0; i < request; ++i) {
    const Submitted::State state = requests_[i].state;
    if (state == Submitted::State::kRefused || state == Submitted::State::kLost) continue;
    for (const auto& record : requests_[i].records) sequence += record.key == key ? 1 : 0;
  }
  return sequence;
}

std::optional<Violation> Model::CheckNumbers(const Submitted& request, std::size_t index) const {
  if (request.expected_sequence != 0 &&
      request.records.front().sequence != request.expected_sequence) {
    return Violated(Invariant::kExpectedSequence,
                    Name(request.records.front()) + " has another sequence than was expected");
  }
  if (refusals_possible_ && Count(Submitted::State::kUnanswered) > 0) return std::nullopt;
  std::map<std::string, std::uint64_t> next;
  for (const Submitted::Record& record : request.records) {
    std::uint64_t& sequence =
        next.try_emplace(record.key, SequenceIn(index, record.key)).first->second;
    if (record.sequence != sequence++) {
      return Violated(Invariant::kOrder, Name(record) + " is not numbered in the order of calls");
    }
  }
  return std::nullopt;
}

void Model::RefusalTold() {
  // What waits for its answer need not tell it again.
  for (Submitted& request : requests_) {
    request.told_otherwise = request.told_otherwise || request.state == Submitted::State::kWaiting;
  }
  requests_.push_back({.tells_refusals = true, .state = Submitted::State::kRefused, .records = {}});
  requests_.back().changed_nothing = true;
}

void Model::Forget(log::Token token) {
  for (Submitted& request : requests_) {
    if (request.token == token) request.state = Submitted::State::kLost;
  }
}

bool Model::Waits(log::Token token) const {
  return std::any_of(requests_.begin(), requests_.end(), [token](const Submitted& request) {
    return request.token == token && request.state == Submitted::State::kWaiting;
  });
}

bool Model::IsThere(const std::string& key, const std::string& payload) const {
  for (const Submitted& request : requests_) {
    if (request.state != Submitted::State::kAcknowledged) continue;
    for (const auto& record : request.records) {
      if (record.key == key && record.payload == payload) return true;
    }
  }
  return false;
}

std::uint64_t Model::NewestLsn() const {
  std::uint64_t lsn = 0;
  for (const Submitted& request : requests_) {
    if (request.state != Submitted::State::kAcknowledged || request.records.empty()) continue;
    lsn = std::max(lsn, request.records.back().lsn);
  }
  return lsn;
}

std::vector<Submitted> Model::NewestExpecting(std::size_t count) const {
  std::vector<Submitted> newest;
  for (auto request = requests_.rbegin(); request != requests_.rend(); ++request) {
    if (newest.size() == count) break;
    if (request->expected_sequence == 0 || request->state == Submitted::State::kLost ||
        request->changed_nothing) {
      continue;
    }
    newest.push_back(*request);
  }
  return newest;
}

std::uint64_t Model::RecordsInRow(const std::string& key) const {
  return SequenceIn(requests_.size(), key) - 1;
}

std::uint64_t Model::AcknowledgedRecords(const std::string& key) const {
  std::uint64_t count = 0;
  for (const Submitted& request : requests_) {
    if (request.state != Submitted::State::kAcknowledged) continue;
    for (const auto& record : request.records) count += record.key == key ? 1 : 0;
  }
  return count;
}

std::uint64_t Model::Count(Submitted::State state) const {
  return static_cast<std::uint64_t>(
      std::count_if(requests_.begin(), requests_.end(),
                    [state](const auto& request) { return request.state == state; }));
}

// Which requests must have survived: requests are committed in the order of submission, so whatever
// came before a durable one is durable too.
std::vector<bool> Model::Required(bool killed_only) const {
  std::vector<bool> required(requests_.size(), false);
  bool seen = false;
  for (std::size_t i = requests_.size(); i-- > 0;) {
    const Submitted& request = requests_[i];
    if (request.state == Submitted::State::kAcknowledged) {
      const bool appended = !request.records.empty();
      seen = seen || request.is_sync ||
             (appended && request.durability == log::Durability::kSync) ||
             (appended && killed_only && request.durability == log::Durability::kOs);
    }
    required[i] = seen && request.state != Submitted::State::kRefused &&
                  request.state != Submitted::State::kLost;
    // Whether it was refused is told; see CheckTellings.
    if (request.state == Submitted::State::kUnanswered && refusals_possible_) required[i] = false;
  }
  return required;
}

// Walks the requests in order and matches each record with the next of its stream. `positions` ends
// up as the number of records matched per stream.
std::optional<Violation> Model::CheckStreams(
    const FoundLog& found, std::map<std::string, std::uint64_t>* positions) const {
  std::set<std::string> known;
  std::set<std::uint64_t> lsns;
  for (const Submitted& request : requests_) {
    // Gone for good, or never taken: it must not come back.
    if (request.state == Submitted::State::kLost || request.changed_nothing) continue;
    for (const auto& record : request.records) known.insert(record.key + '\0' + record.payload);
  }
  for (const auto& [key, records] : found) {
    std::uint64_t sequence = 0;
    std::uint64_t lsn = 0;
    std::set<std::string> seen;
    for (const FoundRecord& record : records) {
      if (!known.contains(key + '\0' + record.payload)) {
        return Violated(Invariant::kNothingInvented,
                        key + " holds what was never appended: " + record.payload.substr(0, 24));
      }
      if (!seen.insert(record.payload).second) {
        return Violated(Invariant::kNothingInvented, key + " holds a record twice");
      }
      if (record.sequence != ++sequence)
        return Violated(Invariant::kOrder, key + " has a gap in its sequences");
      if (record.lsn <= lsn) return Violated(Invariant::kOrder, key + " has LSNs that do not rise");
      if (!lsns.insert(record.lsn).second)
        return Violated(Invariant::kOrder, "an LSN is there twice");
      lsn = record.lsn;
    }
    (*positions)[key] = 0;
  }
  return std::nullopt;
}

// Where the record is the next of its stream, it counts as there.
std::optional<Violation> Model::MatchRecord(const Submitted& request,
                                            const Submitted::Record& record, Walk* walk,
                                            std::size_t* there) const {
  const auto stream = walk->found.find(record.key);
  std::uint64_t& position = walk->positions[record.key];
  if (stream == walk->found.end() || position >= stream->second.size()) return std::nullopt;
  const FoundRecord& next = stream->second[position];
  if (next.payload != record.payload) return std::nullopt;
  if (next.headers != record.headers) {
    return Violated(Invariant::kAckedPresent, Name(record) + " has other headers");
  }
  if (record.sequence != 0 && (record.sequence != next.sequence || record.lsn != next.lsn)) {
    return Violated(Invariant::kAckedPresent,
                    Name(record) + " has other numbers than acknowledged");
  }
  if (request.expected_sequence != 0 && request.expected_sequence != next.sequence) {
    return Violated(Invariant::kExpectedSequence,
                    Name(record) + " has another sequence than was expected");
  }
  if (next.lsn <= walk->last_lsn) {
    return Violated(Invariant::kOrder, Name(record) + " is before what was handed over earlier");
  }
  walk->last_lsn = next.lsn;
  ++position;
  ++*there;
  return std::nullopt;
}

// Of what was ingested a beginning is stored; what is behind a refused one only once that was told.
std::optional<Violation> Model::CheckTellings(const Submitted& request, Walk* walk) const {
  if (!request.tells_refusals) return std::nullopt;
  if (request.state == Submitted::State::kRefused && request.changed_nothing) {
    walk->ingested_hole = false;
  }
  if (request.state == Submitted::State::kAcknowledged && walk->ingested_hole &&
      !request.told_otherwise) {
    return Violated(Invariant::kIngestIsABeginning,
                    "sync() resolved, but ingested records are not there");
  }
  return std::nullopt;
}

std::optional<Violation> Model::CheckRequest(std::size_t index, Walk* walk) const {
  const Submitted& request = requests_[index];
  if (request.records.empty()) return CheckTellings(request, walk);
  const std::string name = Name(request.records.front());
  std::size_t there = 0;
  for (const Submitted::Record& record : request.records) {
    if (auto violation = MatchRecord(request, record, walk, &there)) return violation;
  }
  walk->matched += there;
  if (there != 0 && there != request.records.size()) {
    return Violated(Invariant::kBatchWhole, "a batch with " + name + " is there in part");
  }
  const bool unanswered = request.state == Submitted::State::kUnanswered;
  if (there != 0) {
    if (unanswered && walk->ingested_hole) {
      return Violated(Invariant::kIngestIsABeginning,
                      name + " is there, but one that was ingested before it was refused");
    }
    if (!walk->lost_some) return std::nullopt;
    return Violated(Invariant::kLossIsASuffix, name + " is there, but something before it is not");
  }
  if (walk->required[index]) {
    return Violated(Invariant::kAckedPresent, name + " is missing");
  }
  if (walk->killed_only && walk->required_of_kernel[index]) {
    return Violated(Invariant::kKernelKeepsOs, name + " is missing");
  }
  if (unanswered && refusals_possible_) {
    walk->ingested_hole = true;
  } else {
    walk->lost_some = walk->lost_some || request.state != Submitted::State::kRefused;
  }
  if (request.state == Submitted::State::kAcknowledged) {
    walk->lost_acknowledged = std::max(walk->lost_acknowledged, request.records.back().lsn);
  }
  return std::nullopt;
}

// The highest durable LSN that was told was a record's; all before it are there if it is.
std::optional<Violation> Model::CheckDurableLsn(const FoundLog& found) const {
  if (durable_lsn_told_ == 0) return std::nullopt;
  for (const auto& [key, records] : found) {
    for (const FoundRecord& record : records) {
      if (record.lsn == durable_lsn_told_) return std::nullopt;
    }
  }
  return Violated(Invariant::kDurableLsnIsTrue,
                  "LSN " + std::to_string(durable_lsn_told_) + " was durable, and is missing");
}

std::optional<Violation> Model::Check(const FoundLog& found, const log::RecoveryReport& report,
                                      bool killed_only) const {
  Walk walk{.found = found,
            .killed_only = killed_only,
            .required = Required(false),
            .required_of_kernel = Required(true),
            .positions = {}};
  if (auto violation = CheckStreams(found, &walk.positions)) return violation;
  std::uint64_t total = 0;
  for (const auto& [key, records] : found) total += records.size();
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i].state == Submitted::State::kLost) continue;
    if (auto violation = CheckRequest(i, &walk)) return violation;
  }
  if (walk.matched != total)
    return Violated(Invariant::kOrder, "records are out of the order of appending");
  if (closed_ && walk.ingested_hole) {
    return Violated(Invariant::kIngestIsABeginning, "close() told nothing of a refused record");
  }
  if (auto violation = CheckDurableLsn(found)) return violation;
  const std::uint64_t lost_acknowledged = walk.lost_acknowledged;
  if (lost_acknowledged != 0 &&
      (report.lost_lsn_first == 0 || report.lost_lsn_last < lost_acknowledged)) {
    return Violated(Invariant::kReportIsRight, "LSN " + std::to_string(lost_acknowledged) +
                                                   " was handed out and lost, and is not reported");
  }
  if (closed_ && report.status != log::RecoveryStatus::kClean) {
    return Violated(Invariant::kReportIsRight, "closed properly, but reported as " +
                                                   std::string(RecoveryStatusName(report.status)));
  }
  return std::nullopt;
}

void Model::Accept(const FoundLog& found) {
  std::set<std::string> there;
  for (const auto& [key, records] : found) {
    for (const FoundRecord& record : records) there.insert(key + '\0' + record.payload);
  }
  for (Submitted& request : requests_) {
    bool kept = request.records.empty() ? request.state == Submitted::State::kAcknowledged : true;
    for (auto& record : request.records)
      kept = kept && there.contains(record.key + '\0' + record.payload);
    if (!kept) {
      request.state = Submitted::State::kLost;
      continue;
    }
    // What was recovered counts as durable from now on.
    request.state = Submitted::State::kAcknowledged;
    request.durability = log::Durability::kSync;
    for (auto& record : request.records) {
      for (const FoundRecord& each : found.at(record.key)) {
        if (each.payload != record.payload) continue;
        record.sequence = each.sequence;
        record.lsn = each.lsn;
        Shown(each.lsn);
      }
    }
  }
  closed_ = false;
  refusals_possible_ = false;
  durable_lsn_told_ = 0;
  rows_.clear();
}

std::optional<Violation> Model::CheckLive(const FoundLog& found) const {
  std::map<std::string, std::uint64_t> positions;
  if (auto violation = CheckStreams(found, &positions)) return violation;
  std::set<std::string> there;
  for (const auto& [key, records] : found) {
    for (const FoundRecord& record : records) there.insert(key + '\0' + record.payload);
  }
  bool refused = false;
  // Read your writes: what was acknowledged is visible, in any mode.
  for (const Submitted& request : requests_) {
    if (request.state == Submitted::State::kLost) continue;
    if (request.state != Submitted::State::kAcknowledged) {
      refused =
          refused || (request.state == Submitted::State::kRefused && !request.changed_nothing);
      if (request.durability != log::Durability::kSync) continue;
      for (const auto& record : request.records) {
        if (!there.contains(record.key + '\0' + record.payload)) continue;
        return Violated(Invariant::kHiddenUntilDurable,
                        Name(record) + " is not durable, but visible");
      }
      continue;
    }
    for (const auto& record : request.records) {
      const auto stream = found.find(record.key);
      const bool visible = stream != found.end() && stream->second.size() >= record.sequence &&
                           stream->second[record.sequence - 1].payload == record.payload;
      if (visible) continue;
      // A weaker append behind a record that still waits for its sync stays hidden with it.
      const bool may_be_hidden =
          refused || waiting() > 0 || Count(Submitted::State::kUnanswered) > 0;
      if (request.durability != log::Durability::kSync && may_be_hidden) continue;
      return Violated(Invariant::kAckedPresent,
                      Name(record) + " was acknowledged and is not visible");
    }
  }
  return std::nullopt;
}

}  // namespace seglog::crash
