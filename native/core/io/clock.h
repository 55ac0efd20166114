// SPDX-License-Identifier: MIT
// Time and randomness as the log sees them: passed in, so that a simulation can drive both.
#pragma once

#include <cstdint>

namespace seglog::io {

// Any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::uint64_t WallMicros() = 0;  // since 1970-01-01 UTC; may jump
  virtual std::uint64_t BootMicros() = 0;  // CLOCK_BOOTTIME; never goes back while the machine runs
};

// Any thread.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t Next() = 0;
};

}  // namespace seglog::io
