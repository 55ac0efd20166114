// SPDX-License-Identifier: MIT
// Calls that fail: EIO on writes and syncs, short writes, a full disk. After a failed write or sync
// the log answers every waiter, takes nothing more and goes on reading; a full disk only passes.
// Whatever was acknowledged is there after reopening, whether the process was killed or the
// machine.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "test/crash/enumeration.h"

namespace seglog::crash {

struct FaultTotals {
  std::uint64_t runs = 0;
  std::uint64_t faults_met = 0;
  std::uint64_t stopped = 0;  // logs that stopped for writing
  std::uint64_t failed_openings = 0;
  std::uint64_t full_disks = 0;
  std::uint64_t refused_for_space = 0;  // requests
};

class FaultPhase final {
 public:
  FaultPhase(Enumeration* enumeration, FaultTotals* totals)
      : enumeration_(enumeration), totals_(totals) {}

  // Each kind of fault once, at a call that the seed decides.
  std::optional<Failure> FailCalls(const Workload& workload, std::uint64_t seed,
                                   test::MetadataModel metadata);
  // The disk is full for a while.
  std::optional<Failure> FillDisk(const Workload& workload, std::uint64_t seed,
                                  test::MetadataModel metadata);

 private:
  std::optional<Failure> FailCall(const Enumeration::Context& context, const test::Fault& fault);
  std::optional<Failure> Reopen(const Enumeration::Context& context, test::SimulatedDisk* disk,
                                Model* model);

  Enumeration* const enumeration_;
  FaultTotals* const totals_;
};

}  // namespace seglog::crash
