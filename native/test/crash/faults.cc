// SPDX-License-Identifier: MIT
#include "test/crash/faults.h"

#include <cerrno>

namespace seglog::crash {
namespace {

struct FaultChoice {
  const char* name;
  test::FaultKind kind;
  int error_number;
  const char* path_prefix;
  std::uint64_t nth_max;  // about as many calls of this kind as a run makes
};

constexpr std::array<FaultChoice, 9> kChoices{{
    {"sync of the journal", test::FaultKind::kSync, EIO, "journal/", 60},
    {"write of the journal", test::FaultKind::kWrite, EIO, "journal/", 80},
    {"short write of the journal", test::FaultKind::kShortWrite, EIO, "journal/", 80},
    {"sync of a segment", test::FaultKind::kSync, EIO, "streams/", 12},
    {"write of a segment", test::FaultKind::kWrite, EIO, "streams/", 12},
    {"sync of a catalogue", test::FaultKind::kSync, EIO, "CATALOG", 8},
    {"short write of a catalogue", test::FaultKind::kShortWrite, EIO, "CATALOG", 8},
    {"sync of a directory", test::FaultKind::kSyncDirectory, EIO, "", 16},
    {"change of a name", test::FaultKind::kEntries, EIO, "", 16},
}};

Failure Failed(const std::string& where, const Violation& violation) {
  return {.violation = violation, .where = where};
}

Enumeration::Context MakeContext(const Workload& workload, std::uint64_t seed,
                                 test::MetadataModel metadata) {
  const bool strict = metadata == test::MetadataModel::kStrictPosix;
  return {.workload = &workload,
          .seed = seed,
          .metadata = metadata,
          .images = 3,
          .where = std::string(workload.name) + " seed " + std::to_string(seed) +
                   (strict ? " strict" : " ordered")};
}

}  // namespace

std::optional<Failure> FaultPhase::FailCalls(const Workload& workload, std::uint64_t seed,
                                             test::MetadataModel metadata) {
  test::SimulatedRandom random(seed * 7919 + 5);
  for (const FaultChoice& choice : kChoices) {
    const std::uint64_t nth = 1 + random.Next() % choice.nth_max;
    Enumeration::Context context = MakeContext(workload, seed, metadata);
    context.where += std::string(", ") + choice.name + " " + std::to_string(nth) + " fails";
    const test::Fault fault{.kind = choice.kind,
                            .nth = nth,
                            .error_number = choice.error_number,
                            .path_prefix = choice.path_prefix};
    if (auto failure = FailCall(context, fault)) return failure;
  }
  return std::nullopt;
}

std::optional<Failure> FaultPhase::FailCall(const Enumeration::Context& context,
                                            const test::Fault& fault) {
  ++totals_->runs;
  test::SimulatedDisk disk(enumeration_->DiskOptionsOf(context));
  disk.Inject(fault);
  Model model;
  {
    Life life(&disk, *context.workload, context.seed, &model);
    log::RecoveryReport report;
    const Status opened = life.Open(&report);
    if (opened.ok()) {
      if (auto violation = life.Run()) return Failed(context.where, *violation);
      if (disk.faults_met() == 0) return std::nullopt;  // The run made fewer calls.
      ++totals_->faults_met;
      // The last snapshot of a log that is closed may fail; then closing says so.
      const bool closing = life.engine().state().closing;
      if (!closing || life.log_failed()) {
        ++totals_->stopped;
        if (auto violation = life.CheckStopped()) return Failed(context.where, *violation);
      } else if (model.closed_properly()) {
        return Failed(context.where, {Invariant::kStopsOnFailure, "closed as if nothing failed"});
      }
    } else {
      ++totals_->faults_met;
      ++totals_->failed_openings;
      if (opened.code() != Code::kIoError) {
        return Failed(context.where, {Invariant::kNoFalseAlarm, "opening: " + opened.ToString()});
      }
    }
  }
  disk.ClearFaults();
  if (auto failure = enumeration_->CheckImages(context, disk, model, false, 1)) return failure;
  // Linux file systems let nothing more be written once names could not be made durable: nobody
  // goes on with them on the same machine.
  if (fault.kind == test::FaultKind::kSyncDirectory) return std::nullopt;
  return Reopen(context, &disk, &model);
}

// The process starts again on the same machine: what a failed sync dropped is still readable.
std::optional<Failure> FaultPhase::Reopen(const Enumeration::Context& context,
                                          test::SimulatedDisk* disk, Model* model) {
  Enumeration::Context again = context;
  again.where += ", reopened";
  model->set_closed(false);
  {
    Life life(disk, *context.workload, context.seed + 41, model);
    log::RecoveryReport report;
    const Status opened = life.Open(&report);
    enumeration_->Count(report);
    if (!opened.ok()) {
      return Failed(again.where, {Invariant::kNoFalseAlarm, opened.ToString()});
    }
    FoundLog found;
    if (auto violation = ReadEverything(&life.engine(), false, &found))
      return Failed(again.where, *violation);
    if (auto violation = model->Check(found, report, true)) return Failed(again.where, *violation);
    model->Accept(found);
    if (auto violation = life.AppendOne()) return Failed(again.where, *violation);
  }
  return enumeration_->CheckImages(again, *disk, *model, false, 1);
}

std::optional<Failure> FaultPhase::FillDisk(const Workload& workload, std::uint64_t seed,
                                            test::MetadataModel metadata) {
  ++totals_->full_disks;
  test::SimulatedRandom random(seed * 104'729 + 11);
  Enumeration::Context context = MakeContext(workload, seed, metadata);
  context.where += ", full disk";
  test::SimulatedDisk disk(enumeration_->DiskOptionsOf(context));
  Model model;
  Life life(&disk, workload, seed, &model);
  log::RecoveryReport report;
  const Status opened = life.Open(&report);
  if (!opened.ok()) return Failed(context.where, {Invariant::kRunsOn, opened.ToString()});
  const std::uint32_t third = workload.requests / 3;
  if (auto violation = life.RunUntil(third)) return Failed(context.where, *violation);
  disk.SetQuota(disk.AllocatedBytes() + random.Next() % 16 * kPageBytes);
  life.ExpectFullDisk(true);
  if (auto violation = life.RunUntil(2 * third)) return Failed(context.where, *violation);
  if (model.waiting() > 0) {
    return Failed(context.where,
                  {Invariant::kFullDiskPasses, "a request waits for as long as the disk is full"});
  }
  if (life.log_failed()) {
    return Failed(context.where,
                  {Invariant::kFullDiskPasses,
                   "a full disk stopped the log: " + life.engine().state().failure.ToString()});
  }
  totals_->refused_for_space += model.refused();
  if (auto failure = enumeration_->CheckImages(context, disk, model, false, 1)) return failure;
  disk.SetQuota(test::SimulatedDisk::kNoQuota);
  life.ExpectFullDisk(false);
  life.engine().Resume();
  context.where += " no more";
  if (auto violation = life.Run()) return Failed(context.where, *violation);
  enumeration_->totals()->counts.Add(life.counts());
  return enumeration_->CheckImages(context, disk, model, false, 1);
}

}  // namespace seglog::crash
