// SPDX-License-Identifier: MIT
// The machine's clocks and its randomness.
#pragma once

#include <cstdint>

#include "io/clock.h"

namespace seglog::io {

// Any thread.
class SystemClock final : public Clock {
 public:
  std::uint64_t WallMicros() override;
  std::uint64_t BootMicros() override;  // goes on while the machine sleeps
};

// The kernel's generator. Any thread.
class SystemRandom final : public Random {
 public:
  std::uint64_t Next() override;
};

}  // namespace seglog::io
