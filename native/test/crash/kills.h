// SPDX-License-Identifier: MIT
// Kills the program instead of the machine, several times in a row and inside recoveries too: what
// is unsynced stays readable, so that the next opening may believe what is not durable yet. Then
// the power is cut.
#pragma once

#include <cstdint>
#include <optional>

#include "test/crash/enumeration.h"

namespace seglog::crash {

struct KillTotals {
  std::uint64_t kills = 0;
  std::uint64_t kills_inside_recovery = 0;
  std::uint64_t cuts = 0;
};

class KillPhase final {
 public:
  KillPhase(Enumeration* enumeration, KillTotals* totals)
      : enumeration_(enumeration), totals_(totals) {}

  std::optional<Failure> Run(const Workload& workload, std::uint64_t seed,
                             test::MetadataModel metadata, std::uint64_t trials);

 private:
  std::optional<Failure> Try(const Enumeration::Context& context, std::uint64_t trial);

  Enumeration* const enumeration_;
  KillTotals* const totals_;
};

}  // namespace seglog::crash
