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
  }
  return "?";
}

const Submitted* Model::Answer(const log::Completion& completion) {
  for (auto request = requests_.rbegin(); request != requests_.rend(); ++request) {
    if (request->token != completion.token) continue;
    if (!completion.status.ok()) {
      request->state = Submitted::State::kRefused;
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
      seen = seen || request.is_sync || request.durability == log::Durability::kSync ||
             (killed_only && request.durability == log::Durability::kOs);
    }
    required[i] = seen && request.state != Submitted::State::kRefused &&
                  request.state != Submitted::State::kLost;
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
    if (request.state == Submitted::State::kLost)
      continue;  // Gone for good: it must not come back.
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

std::optional<Violation> Model::Check(const FoundLog& found, const log::RecoveryReport& report,
                                      bool killed_only) const {
  std::map<std::string, std::uint64_t> positions;
  if (auto violation = CheckStreams(found, &positions)) return violation;
  const std::vector<bool> required = Required(false);
  const std::vector<bool> required_of_kernel = Required(true);
  bool lost_some = false;
  std::uint64_t lost_acknowledged = 0;  // highest LSN
  std::uint64_t matched = 0;
  std::uint64_t total = 0;
  for (const auto& [key, records] : found) total += records.size();
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    const Submitted& request = requests_[i];
    if (request.state == Submitted::State::kLost || request.records.empty()) continue;
    std::size_t there = 0;
    for (const Submitted::Record& record : request.records) {
      const auto stream = found.find(record.key);
      if (stream == found.end() || positions[record.key] >= stream->second.size()) continue;
      const FoundRecord& next = stream->second[positions[record.key]];
      if (next.payload != record.payload) continue;
      if (next.headers != record.headers) {
        return Violated(Invariant::kAckedPresent, Name(record) + " has other headers");
      }
      if (record.sequence != 0 && (record.sequence != next.sequence || record.lsn != next.lsn)) {
        return Violated(Invariant::kAckedPresent,
                        Name(record) + " has other numbers than acknowledged");
      }
      ++positions[record.key];
      ++there;
    }
    matched += there;
    if (there != 0 && there != request.records.size()) {
      return Violated(Invariant::kBatchWhole,
                      "a batch with " + Name(request.records.front()) + " is there in part");
    }
    if (there == 0) {
      if (required[i]) {
        return Violated(Invariant::kAckedPresent, Name(request.records.front()) + " is missing");
      }
      if (killed_only && required_of_kernel[i]) {
        return Violated(Invariant::kKernelKeepsOs, Name(request.records.front()) + " is missing");
      }
      lost_some = lost_some || request.state != Submitted::State::kRefused;
      if (request.state == Submitted::State::kAcknowledged) {
        lost_acknowledged = std::max(lost_acknowledged, request.records.back().lsn);
      }
    } else if (lost_some) {
      return Violated(Invariant::kLossIsASuffix,
                      Name(request.records.front()) + " is there, but something before it is not");
    }
  }
  if (matched != total)
    return Violated(Invariant::kOrder, "records are out of the order of appending");
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
      refused = refused || request.state == Submitted::State::kRefused;
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
      const bool may_be_hidden = refused || waiting() > 0;
      if (request.durability != log::Durability::kSync && may_be_hidden) continue;
      return Violated(Invariant::kAckedPresent,
                      Name(record) + " was acknowledged and is not visible");
    }
  }
  return std::nullopt;
}

std::optional<Violation> ReadEverything(log::Engine* engine, bool accepted, FoundLog* found) {
  for (const log::StreamInfo& info : engine->Streams("")) {
    std::vector<FoundRecord>& records = (*found)[info.key];
    std::uint64_t next = 1;
    while (true) {
      log::ReadResult result;
      engine->reader().Read({.stream = info.handle, .from_sequence = next, .accepted = accepted},
                            &result);
      if (!result.status.ok()) {
        return Violated(Invariant::kAckedPresent, "reading " + info.key + " at " +
                                                      std::to_string(next) + ": " +
                                                      result.status.ToString());
      }
      const auto text = [&](std::uint32_t offset, std::uint32_t bytes) {
        return std::string(reinterpret_cast<const char*>(result.bytes.get()) + offset, bytes);
      };
      std::uint64_t sequence = result.first_sequence;
      for (const log::RecordColumns& record : result.records) {
        records.push_back({.key = info.key,
                           .sequence = sequence++,
                           .lsn = record.lsn,
                           .payload = text(record.data_offset, record.data_bytes),
                           .headers = text(record.headers_offset, record.headers_bytes)});
      }
      if (result.at_end) break;
      if (result.next_sequence <= next) {
        return Violated(Invariant::kRunsOn, "reading " + info.key + " makes no progress");
      }
      next = result.next_sequence;
    }
  }
  return std::nullopt;
}

}  // namespace seglog::crash
