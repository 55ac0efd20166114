// SPDX-License-Identifier: MIT
// Log time: the wall clock when the log was opened, advanced by the boot clock. Steps of the wall
// clock while the log is open do not move it, and it never goes back.
#pragma once

#include <algorithm>
#include <cstdint>

#include "io/clock.h"
#include "log/report.h"

namespace seglog::log {

inline constexpr std::uint64_t kClockFarAheadUs = std::uint64_t{31} * 24 * 3600 * 1'000'000;

// Committer only, after Begin.
class LogClock final {
 public:
  explicit LogClock(io::Clock* clock) : clock_(clock) {}

  // `stored_us`: the last log time that the log holds, 0 in a new one. Reports a doubtful wall
  // clock.
  void Begin(std::uint64_t stored_us, RecoveryReport* report) {
    const std::uint64_t wall = clock_->WallMicros();
    report->clock_wall_us = wall;
    report->clock_stored_us = stored_us;
    report->clock_behind = wall < stored_us;
    report->clock_far_ahead =
        stored_us != 0 && wall > stored_us && wall - stored_us > kClockFarAheadUs;
    start_us_ = report->clock_behind || report->clock_far_ahead ? stored_us : wall;
    start_boot_us_ = clock_->BootMicros();
  }

  std::uint64_t Now() {
    const std::uint64_t boot = std::max(clock_->BootMicros(), start_boot_us_);
    last_us_ = std::max(last_us_, start_us_ + (boot - start_boot_us_));
    return last_us_;
  }

 private:
  io::Clock* clock_;
  std::uint64_t start_us_ = 0;
  std::uint64_t start_boot_us_ = 0;
  std::uint64_t last_us_ = 0;
};

}  // namespace seglog::log
