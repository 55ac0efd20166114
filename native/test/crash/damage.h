// SPDX-License-Identifier: MIT
// Damages logs that are at rest, and looks whether opening and reading find it: single bits
// anywhere, the last commit from every byte on, and each file that recovery depends on.
#pragma once

#include <cstdint>
#include <optional>
#include <set>

#include "test/crash/enumeration.h"

namespace seglog::crash {

struct DamageTotals {
  std::uint64_t logs = 0;
  std::uint64_t bits_flipped = 0;
  std::uint64_t found_by_opening = 0;
  std::uint64_t found_by_reading = 0;
  std::uint64_t without_effect = 0;  // padding, a copy that was used instead, unused space
  std::uint64_t tails_damaged = 0;
  std::uint64_t tails_cut_off = 0;
  std::uint64_t tails_untouched = 0;  // the damage hit padding, or changed nothing
  std::uint64_t files_damaged = 0;
};

class DamagePhase final {
 public:
  DamagePhase(Totals* totals, DamageTotals* damage) : totals_(totals), damage_(damage) {}

  // Flips one bit in `stride` of those in pages that are in use, of a log that holds `requests`
  // appends.
  std::optional<Failure> FlipBits(std::uint64_t seed, std::uint32_t requests, std::uint64_t stride);
  // The last commit, above the mark: cut, zeroed and overwritten from each of its bytes on.
  std::optional<Failure> DamageTail(std::uint64_t seed);
  // Removes, swaps and forges whole files; each case has a row in the recovery table.
  std::optional<Failure> DamageFiles(std::uint64_t seed);

 private:
  struct RestingLog;
  struct Outcome {
    Status opened;
    std::optional<Violation> read;  // the first error of reading
    std::vector<log::Damage> verified;
    std::set<std::string> sealed_files;
    log::RecoveryReport report;
    FoundLog found;
    bool changed_disk = false;
  };

  RestingLog MakeLog(std::uint64_t seed, std::uint32_t requests, bool marked, bool closed);
  Outcome Look(const test::DiskImage& image);
  std::optional<Failure> FlipBit(const RestingLog& log, const std::string& path,
                                 std::uint64_t offset, unsigned bit);
  static std::optional<Failure> JudgeVerifying(const Outcome& outcome, const std::string& path,
                                               const std::string& where);
  std::optional<Failure> CheckTail(const RestingLog& log, const test::DiskImage& image,
                                   const std::string& how);
  std::optional<Failure> ExpectCorrupt(const RestingLog& log, const test::DiskImage& image,
                                       log::RecoveryRow row, const std::string& how);

  Totals* const totals_;
  DamageTotals* const damage_;
};

}  // namespace seglog::crash
