// SPDX-License-Identifier: MIT
// Crashes a workload at every I/O call, looks at the disks that each crash may leave, recovers
// each, crashes again inside that recovery, appends, and crashes once more.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>

#include "test/crash/life.h"

namespace seglog::crash {

struct Totals {
  std::uint64_t workloads = 0;
  std::uint64_t crash_points = 0;
  std::uint64_t images = 0;
  std::unordered_set<std::uint64_t> distinct;  // hashes of images
  std::uint64_t recoveries = 0;
  std::uint64_t recoveries_inside = 0;  // of disks that a crash inside recovery left
  std::uint64_t later_lives = 0;        // programs that went on after a recovery, and crashed
  std::uint64_t other_snapshots = 0;    // recoveries with the newest catalogue damaged
  std::uint64_t appends_kept = 0;       // an append after recovery, looked for after one more cut
  std::uint64_t retries = 0;            // of appends that expected their sequence, after recovery
  LifeCounts counts;
  std::array<std::uint64_t, static_cast<std::size_t>(log::RecoveryRow::kCount)> rows{};
  std::array<std::uint64_t, 5> statuses{};
};

struct Failure {
  Violation violation;
  std::string where;  // workload, seed, crash point, image: enough to find it again
};

class Enumeration final {
 public:
  // `other_snapshots`: also opens disks with their newest catalogue damaged.
  Enumeration(Totals* totals, bool other_snapshots)
      : totals_(totals), other_snapshots_(other_snapshots) {}

  // One workload under one seed and one reading of how names become durable.
  std::optional<Failure> Run(const Workload& workload, std::uint64_t seed,
                             test::MetadataModel metadata, std::size_t images_per_point);

  // What a check needs to know of where it stands.
  struct Context {
    const Workload* workload;
    std::uint64_t seed;
    test::MetadataModel metadata;
    std::size_t images;
    std::string where;
  };

  // Looks at the disks that a crash now, or the one that was, may leave; `depth` 0 also crashes
  // recoveries of them and lets programs go on. `power_was_cut` some time since the model began.
  std::optional<Failure> CheckImages(const Context& context, const test::SimulatedDisk& disk,
                                     const Model& model, bool power_was_cut, int depth);
  test::DiskOptions DiskOptionsOf(const Context& context) const;
  Totals* totals() { return totals_; }
  void Count(const log::RecoveryReport& report);

 private:
  std::optional<Failure> CrashAt(const Context& context, std::uint64_t call,
                                 test::CutEffect effect);
  std::optional<Failure> CheckImage(const Context& context, const test::DiskImage& image,
                                    const Model& model, bool killed_only, int depth);
  std::optional<Failure> CrashInsideRecovery(const Context& context, const test::DiskImage& image,
                                             const Model& model, std::uint64_t calls);
  std::optional<Failure> LiveOn(const Context& context, const test::DiskImage& image,
                                const FoundLog& found, const Model& model);
  std::optional<Violation> CheckRetries(const Context& context, const Model& before, Life* life);
  std::optional<Violation> CheckAppendIsKept(const Context& context,
                                             const test::SimulatedDisk& disk, const Model& model,
                                             Life* life);
  std::optional<Failure> CheckOtherSnapshot(const Context& context, const test::DiskImage& image,
                                            const Model& model);

  Totals* const totals_;
  const bool other_snapshots_;
};

}  // namespace seglog::crash
