// SPDX-License-Identifier: MIT
// npm run test:crash. Enumerates until so many distinct disk images were recovered, prints what was
// covered, and exits with 1 at the first violation.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "test/crash/damage.h"
#include "test/crash/enumeration.h"
#include "test/crash/faults.h"
#include "test/crash/kills.h"
#include "test/crash/stale.h"
#include "test/crash/truncation.h"

namespace seglog::crash {
namespace {

struct Arguments {
  std::uint64_t images = 20'000;  // distinct
  std::uint64_t seed = 1;
  std::uint64_t images_per_point = 12;
  std::uint64_t flip_stride = 7;  // one bit in so many
  std::uint64_t damaged_logs = 100;
  std::uint64_t truncating_runs = 20;
  std::uint64_t other_snapshots = 1;  // 0: never with the newest catalogue damaged
  std::uint64_t kill_seeds = 4;
  std::uint64_t fault_seeds = 12;
  std::uint64_t stale_seeds = 100;
  const char* workload = "";  // only this one, of those that crash, are killed or meet faults
  const char* phase = "all";  // or "crash", "kills", "faults", "stale", "damage",
                              // "truncation"
};

Arguments Parse(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::uint64_t number = std::strtoull(values[i + 1], nullptr, 10);
    if (std::strcmp(values[i], "--images") == 0) arguments.images = number;
    if (std::strcmp(values[i], "--seed") == 0) arguments.seed = number;
    if (std::strcmp(values[i], "--flip-stride") == 0) arguments.flip_stride = number;
    if (std::strcmp(values[i], "--damaged-logs") == 0) arguments.damaged_logs = number;
    if (std::strcmp(values[i], "--truncating-runs") == 0) arguments.truncating_runs = number;
    if (std::strcmp(values[i], "--other-snapshots") == 0) arguments.other_snapshots = number;
    if (std::strcmp(values[i], "--kill-seeds") == 0) arguments.kill_seeds = number;
    if (std::strcmp(values[i], "--fault-seeds") == 0) arguments.fault_seeds = number;
    if (std::strcmp(values[i], "--stale-seeds") == 0) arguments.stale_seeds = number;
    if (std::strcmp(values[i], "--phase") == 0) arguments.phase = values[i + 1];
    if (std::strcmp(values[i], "--workload") == 0) arguments.workload = values[i + 1];
    if (std::strcmp(values[i], "--images-per-point") == 0) arguments.images_per_point = number;
  }
  return arguments;
}

void Line(const char* name, std::uint64_t number) {
  std::printf("%-28s %10llu\n", name, static_cast<unsigned long long>(number));
}

void Print(const LifeCounts& counts) {
  Line("calls of programs", counts.calls);
  Line("  that found no room", counts.without_room);
  Line("  committed by the caller", counts.here);
  Line("  after it had made room", counts.here_for_room);
  Line("  expected another sequence", counts.conflicts);
  Line("  ingested", counts.ingested);
  Line("  told a refusal of these", counts.refusals_told);
  Line("acknowledged, undurable, max", counts.undurable_max);
}

void Print(const Totals& totals) {
  std::printf("workload runs        %10llu\n", static_cast<unsigned long long>(totals.workloads));
  std::printf("crash points         %10llu\n",
              static_cast<unsigned long long>(totals.crash_points));
  std::printf("disk images          %10llu\n", static_cast<unsigned long long>(totals.images));
  std::printf("distinct disk images %10zu\n", totals.distinct.size());
  std::printf("recoveries           %10llu\n", static_cast<unsigned long long>(totals.recoveries));
  std::printf("inside recoveries    %10llu\n",
              static_cast<unsigned long long>(totals.recoveries_inside));
  std::printf("later lives          %10llu\n", static_cast<unsigned long long>(totals.later_lives));
  std::printf("newest catalogue bad %10llu\n",
              static_cast<unsigned long long>(totals.other_snapshots));
  std::printf("appends looked for   %10llu\n",
              static_cast<unsigned long long>(totals.appends_kept));
  std::printf("retries              %10llu\n", static_cast<unsigned long long>(totals.retries));
  for (std::size_t row = 0; row < totals.rows.size(); ++row) {
    std::printf("  row %-22s %10llu\n", RecoveryRowName(static_cast<log::RecoveryRow>(row)),
                static_cast<unsigned long long>(totals.rows[row]));
  }
  for (std::size_t status = 0; status < totals.statuses.size(); ++status) {
    std::printf("  status %-19s %10llu\n",
                RecoveryStatusName(static_cast<log::RecoveryStatus>(status)),
                static_cast<unsigned long long>(totals.statuses[status]));
  }
}

void Print(const KillTotals& kills) {
  Line("kills", kills.kills);
  Line("  inside recovery", kills.kills_inside_recovery);
  Line("cuts after kills", kills.cuts);
}

void Print(const FaultTotals& faults) {
  Line("runs with a failing call", faults.runs);
  Line("  that met it", faults.faults_met);
  Line("  that stopped", faults.stopped);
  Line("  that did not open", faults.failed_openings);
  Line("runs on a full disk", faults.full_disks);
  Line("  requests refused", faults.refused_for_space);
}

void Print(const DamageTotals& damage) {
  Line("logs damaged at rest", damage.logs);
  Line("bits flipped", damage.bits_flipped);
  Line("  found by opening", damage.found_by_opening);
  Line("  found by reading", damage.found_by_reading);
  Line("  without effect", damage.without_effect);
  Line("tails damaged", damage.tails_damaged);
  Line("  cut off and reported", damage.tails_cut_off);
  Line("  padding only", damage.tails_untouched);
  Line("files damaged", damage.files_damaged);
}

std::vector<Workload> ChosenWorkloads(const Arguments& arguments) {
  std::vector<Workload> chosen = Workloads();
  if (*arguments.workload != '\0') {
    std::erase_if(chosen, [&](const Workload& workload) {
      return std::strcmp(workload.name, arguments.workload) != 0;
    });
  }
  SEGLOG_ASSERT(!chosen.empty());
  return chosen;
}

test::MetadataModel MetadataOf(std::uint64_t seed) {
  return seed % 2 == 0 ? test::MetadataModel::kOrderedJournal : test::MetadataModel::kStrictPosix;
}

std::optional<Failure> RunCrashes(const Arguments& arguments, Totals* totals) {
  const std::vector<Workload> workloads = ChosenWorkloads(arguments);
  Enumeration enumeration(totals, arguments.other_snapshots != 0);
  for (std::uint64_t seed = arguments.seed; totals->distinct.size() < arguments.images; ++seed) {
    for (const Workload& workload : workloads) {
      if (auto failure =
              enumeration.Run(workload, seed, MetadataOf(seed), arguments.images_per_point)) {
        return failure;
      }
    }
  }
  return std::nullopt;
}

std::optional<Failure> RunKills(const Arguments& arguments, Totals* totals, KillTotals* kills) {
  constexpr std::uint64_t kTrials = 24;
  const std::vector<Workload> workloads = ChosenWorkloads(arguments);
  Enumeration enumeration(totals, arguments.other_snapshots != 0);
  KillPhase phase(&enumeration, kills);
  for (std::uint64_t seed = arguments.seed; seed < arguments.seed + arguments.kill_seeds; ++seed) {
    for (const Workload& workload : workloads) {
      if (auto failure = phase.Run(workload, seed, MetadataOf(seed), kTrials)) return failure;
    }
  }
  return std::nullopt;
}

std::optional<Failure> RunFaults(const Arguments& arguments, Totals* totals, FaultTotals* faults) {
  constexpr std::uint64_t kRingFillings = 6;
  constexpr std::uint64_t kFillingStride = 1'000;  // of seeds
  const std::vector<Workload> workloads = ChosenWorkloads(arguments);
  Enumeration enumeration(totals, arguments.other_snapshots != 0);
  FaultPhase phase(&enumeration, faults);
  for (std::uint64_t seed = arguments.seed; seed < arguments.seed + arguments.fault_seeds; ++seed) {
    for (const Workload& workload : workloads) {
      if (auto failure = phase.FailCalls(workload, seed, MetadataOf(seed))) return failure;
      // What refusals leave behind depends on what lay in the ring just then.
      const std::uint64_t fillings = workload.ring_bytes == 0 ? 1 : kRingFillings;
      for (std::uint64_t i = 0; i < fillings; ++i) {
        const std::uint64_t other = seed + i * kFillingStride;
        if (auto failure = phase.FillDisk(workload, other, MetadataOf(other))) return failure;
      }
    }
  }
  return std::nullopt;
}

std::optional<Failure> RunStale(const Arguments& arguments, Totals* totals, StaleTotals* stale) {
  StalePhase phase(totals, stale);
  for (std::uint64_t seed = arguments.seed; seed < arguments.seed + arguments.stale_seeds; ++seed) {
    if (auto failure = phase.Run(seed)) return failure;
  }
  return std::nullopt;
}

std::optional<Failure> RunDamage(const Arguments& arguments, Totals* totals, DamageTotals* damage) {
  DamagePhase phase(totals, damage);
  for (std::uint64_t seed = arguments.seed; seed < arguments.seed + arguments.damaged_logs;
       ++seed) {
    if (auto failure = phase.DamageFiles(seed)) return failure;
  }
  for (std::uint64_t seed = arguments.seed; seed < arguments.seed + 3; ++seed) {
    if (auto failure = phase.DamageTail(seed)) return failure;
    if (auto failure = phase.FlipBits(seed, 12, arguments.flip_stride)) return failure;
  }
  return std::nullopt;
}

void Print(const TruncationTotals& truncation) {
  std::printf(
      "truncating: %llu runs, %llu crash points, %llu images, %llu truncations, %llu segment "
      "files used again\n",
      static_cast<unsigned long long>(truncation.runs),
      static_cast<unsigned long long>(truncation.crash_points),
      static_cast<unsigned long long>(truncation.images),
      static_cast<unsigned long long>(truncation.truncations),
      static_cast<unsigned long long>(truncation.segments_recycled));
}

std::optional<Failure> RunTruncation(const Arguments& arguments, Totals* totals,
                                     TruncationTotals* truncation) {
  TruncationPhase phase(totals, truncation);
  for (std::uint64_t seed = arguments.seed; seed < arguments.seed + arguments.truncating_runs;
       ++seed) {
    const auto metadata =
        seed % 2 == 0 ? test::MetadataModel::kOrderedJournal : test::MetadataModel::kStrictPosix;
    if (auto failure = phase.Run(seed, metadata, 6)) return failure;
  }
  return std::nullopt;
}

int Main(const Arguments& arguments) {
  Totals totals;
  DamageTotals damage;
  TruncationTotals truncation;
  KillTotals kills;
  FaultTotals faults;
  StaleTotals stale;
  std::optional<Failure> failure;
  const auto wanted = [&](const char* phase) {
    if (failure.has_value()) return false;
    return std::strcmp(arguments.phase, "all") == 0 || std::strcmp(arguments.phase, phase) == 0;
  };
  if (wanted("crash")) failure = RunCrashes(arguments, &totals);
  if (wanted("kills")) failure = RunKills(arguments, &totals, &kills);
  if (wanted("faults")) failure = RunFaults(arguments, &totals, &faults);
  if (wanted("stale")) failure = RunStale(arguments, &totals, &stale);
  if (wanted("damage")) failure = RunDamage(arguments, &totals, &damage);
  if (wanted("truncation")) failure = RunTruncation(arguments, &totals, &truncation);
  Print(totals);
  Print(totals.counts);
  Print(kills);
  Print(faults);
  Line("blocks of others behind ends", stale.blocks_behind_the_end);
  Line("blocks of others in records", stale.blocks_in_records);
  Line("footers changed", stale.footers);
  Line("truncations damaged", stale.torn_truncations);
  Print(damage);
  Print(truncation);
  if (!failure.has_value()) {
    std::printf("0 violations\n");
    return 0;
  }
  std::printf("VIOLATION %s: %s\n  at %s\n", InvariantName(failure->violation.invariant),
              failure->violation.what.c_str(), failure->where.c_str());
  return 1;
}

}  // namespace
}  // namespace seglog::crash

int main(int count, char** values) {
  return seglog::crash::Main(seglog::crash::Parse(count, values));
}
