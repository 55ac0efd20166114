// SPDX-License-Identifier: MIT
// Time and randomness that a test controls.
#pragma once

#include <atomic>
#include <cstdint>

#include "io/clock.h"

namespace seglog::test {

// Stands still until a test moves it. Any thread.
class SimulatedClock final : public io::Clock {
 public:
  // 2026-01-01 00:00:00 UTC, on a machine that has run for an hour.
  static constexpr std::uint64_t kWallDefault = 1'767'225'600'000'000;
  static constexpr std::uint64_t kBootDefault = 3'600'000'000;

  explicit SimulatedClock(std::uint64_t wall_us = kWallDefault,
                          std::uint64_t boot_us = kBootDefault)
      : wall_us_(wall_us), boot_us_(boot_us) {}

  std::uint64_t WallMicros() override { return wall_us_.load(); }
  std::uint64_t BootMicros() override { return boot_us_.load(); }

  // Time passes: both clocks go on.
  void Advance(std::uint64_t us) {
    wall_us_ += us;
    boot_us_ += us;
  }
  // The wall clock is set, forwards or backwards.
  void SetWall(std::uint64_t wall_us) { wall_us_ = wall_us; }
  void AdvanceBoot(std::uint64_t us) { boot_us_ += us; }
  // A reboot: the clock starts again.
  void SetBoot(std::uint64_t boot_us) { boot_us_ = boot_us; }

 private:
  std::atomic<std::uint64_t> wall_us_;
  std::atomic<std::uint64_t> boot_us_;
};

// splitmix64 over a counter: the numbers are the seed's, their order among threads is not. Any
// thread.
class SimulatedRandom final : public io::Random {
 public:
  explicit SimulatedRandom(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() override {
    std::uint64_t value = state_.fetch_add(kStep) + kStep;
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
    return value ^ (value >> 31);
  }

 private:
  static constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15;
  std::atomic<std::uint64_t> state_;
};

}  // namespace seglog::test
