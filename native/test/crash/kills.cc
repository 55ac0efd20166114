// SPDX-License-Identifier: MIT
#include "test/crash/kills.h"

namespace seglog::crash {
namespace {

constexpr std::uint64_t kLivesMax = 4;
// A recovery takes about so many calls.
constexpr std::uint64_t kRecoveryCalls = 24;
constexpr std::uint64_t kLifeCalls = 160;

}  // namespace

std::optional<Failure> KillPhase::Run(const Workload& workload, std::uint64_t seed,
                                      test::MetadataModel metadata, std::uint64_t trials) {
  const bool strict = metadata == test::MetadataModel::kStrictPosix;
  const Enumeration::Context context{.workload = &workload,
                                     .seed = seed,
                                     .metadata = metadata,
                                     .images = 3,
                                     .where = std::string(workload.name) + " seed " +
                                              std::to_string(seed) +
                                              (strict ? " strict" : " ordered")};
  for (std::uint64_t trial = 0; trial < trials; ++trial) {
    if (auto failure = Try(context, trial)) return failure;
  }
  return std::nullopt;
}

std::optional<Failure> KillPhase::Try(const Enumeration::Context& context, std::uint64_t trial) {
  test::SimulatedRandom random(context.seed * 1'000'003 + trial);
  const auto fail = [](const std::string& where, const Violation& violation) {
    return Failure{.violation = violation, .where = where};
  };
  test::SimulatedDisk disk(enumeration_->DiskOptionsOf(context));
  Model model;
  Enumeration::Context here = context;
  here.where += " kills " + std::to_string(trial) + ":";
  const std::uint64_t lives = 2 + random.Next() % (kLivesMax - 1);
  for (std::uint64_t number = 0; number < lives; ++number) {
    const bool in_recovery = number > 0 && random.Next() % 3 != 0;
    const std::uint64_t call = 1 + random.Next() % (in_recovery ? kRecoveryCalls : kLifeCalls);
    const auto effect = static_cast<test::CutEffect>(random.Next() % 2);
    here.where += " " + std::to_string(call);
    if (number > 0) disk.RestartProcess();
    disk.CrashAt(call, effect);
    model.set_closed(false);
    Life life(&disk, *context.workload, context.seed + trial * kLivesMax + number, &model);
    log::RecoveryReport report;
    const Status opened = life.Open(&report);
    enumeration_->Count(report);
    ++totals_->kills;
    if (!opened.ok()) {
      ++totals_->kills_inside_recovery;
      if (disk.crashed()) continue;
      return fail(here.where, {Invariant::kNoFalseAlarm, "after a kill: " + opened.ToString()});
    }
    FoundLog found;
    if (auto violation = ReadEverything(&life.engine(), false, &found))
      return fail(here.where, *violation);
    if (auto violation = model.Check(found, report, true)) return fail(here.where, *violation);
    model.Accept(found);
    if (auto violation = life.Run()) return fail(here.where, *violation);
    enumeration_->totals()->counts.Add(life.counts());
  }
  ++totals_->cuts;
  return enumeration_->CheckImages(here, disk, model, false, 1);
}

}  // namespace seglog::crash
