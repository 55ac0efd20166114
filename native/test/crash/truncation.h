// SPDX-License-Identifier: MIT
// Crashes a program that appends, seals and truncates at every I/O call: what was truncated may be
// gone or there, nothing else ever is, and files of dropped segments that are used again harm
// nobody.
#pragma once

#include <cstdint>
#include <optional>

#include "test/crash/enumeration.h"

namespace seglog::crash {

struct TruncationTotals {
  std::uint64_t runs = 0;
  std::uint64_t crash_points = 0;
  std::uint64_t images = 0;
  std::uint64_t truncations = 0;
  std::uint64_t segments_recycled = 0;
};

class TruncationPhase final {
 public:
  TruncationPhase(Totals* totals, TruncationTotals* truncation)
      : totals_(totals), truncation_(truncation) {}

  std::optional<Failure> Run(std::uint64_t seed, test::MetadataModel metadata, std::size_t images);

 private:
  struct Program;
  std::optional<Failure> CheckImage(const test::DiskImage& image, const Program& program,
                                    const test::DiskOptions& options, const std::string& where);

  Totals* const totals_;
  TruncationTotals* const truncation_;
};

}  // namespace seglog::crash
