// SPDX-License-Identifier: MIT
// npm run test:crash. Enumerates until so many distinct disk images were recovered, prints what was
// covered, and exits with 1 at the first violation.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "test/crash/enumeration.h"

namespace seglog::crash {
namespace {

struct Arguments {
  std::uint64_t images = 20'000;  // distinct
  std::uint64_t seed = 1;
  std::uint64_t images_per_point = 12;
};

Arguments Parse(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i + 1 < count; i += 2) {
    const std::uint64_t number = std::strtoull(values[i + 1], nullptr, 10);
    if (std::strcmp(values[i], "--images") == 0) arguments.images = number;
    if (std::strcmp(values[i], "--seed") == 0) arguments.seed = number;
    if (std::strcmp(values[i], "--images-per-point") == 0) arguments.images_per_point = number;
  }
  return arguments;
}

void Print(const Totals& totals) {
  std::printf("workload runs        %10llu\n", static_cast<unsigned long long>(totals.workloads));
  std::printf("crash points         %10llu\n", static_cast<unsigned long long>(totals.crash_points));
  std::printf("disk images          %10llu\n", static_cast<unsigned long long>(totals.images));
  std::printf("distinct disk images %10zu\n", totals.distinct.size());
  std::printf("recoveries           %10llu\n", static_cast<unsigned long long>(totals.recoveries));
  std::printf("inside recoveries    %10llu\n", static_cast<unsigned long long>(totals.recoveries_inside));
  std::printf("later lives          %10llu\n", static_cast<unsigned long long>(totals.later_lives));
  for (std::size_t row = 0; row < totals.rows.size(); ++row) {
    std::printf("  row %-22s %10llu\n", RecoveryRowName(static_cast<log::RecoveryRow>(row)),
                static_cast<unsigned long long>(totals.rows[row]));
  }
  for (std::size_t status = 0; status < totals.statuses.size(); ++status) {
    std::printf("  status %-19s %10llu\n", RecoveryStatusName(static_cast<log::RecoveryStatus>(status)),
                static_cast<unsigned long long>(totals.statuses[status]));
  }
}

int Main(const Arguments& arguments) {
  Totals totals;
  Enumeration enumeration(&totals);
  for (std::uint64_t seed = arguments.seed; totals.distinct.size() < arguments.images; ++seed) {
    for (const Workload& workload : Workloads()) {
      const auto metadata = seed % 2 == 0 ? test::MetadataModel::kOrderedJournal : test::MetadataModel::kStrictPosix;
      if (auto failure = enumeration.Run(workload, seed, metadata, arguments.images_per_point)) {
        std::printf("VIOLATION %s: %s\n  at %s\n", InvariantName(failure->violation.invariant),
                    failure->violation.what.c_str(), failure->where.c_str());
        Print(totals);
        return 1;
      }
    }
  }
  Print(totals);
  std::printf("0 violations\n");
  return 0;
}

}  // namespace
}  // namespace seglog::crash

int main(int count, char** values) { return seglog::crash::Main(seglog::crash::Parse(count, values)); }
