// SPDX-License-Identifier: MIT
#include "io/system_clock.h"

#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

namespace seglog::io {
namespace {

#if defined(__APPLE__)
// Counts while the machine sleeps, which CLOCK_UPTIME_RAW does not: clock_gettime(3) of macOS.
constexpr clockid_t kBootClock = CLOCK_MONOTONIC_RAW;
#else
constexpr clockid_t kBootClock = CLOCK_BOOTTIME;
#endif

std::uint64_t Micros(clockid_t clock) {
  timespec now{};
  const int result = ::clock_gettime(clock, &now);
  SEGLOG_ASSERT(result == 0);  // Every kernel that we run on has both clocks.
  SEGLOG_ASSERT(now.tv_sec >= 0);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1'000;
}

}  // namespace

std::uint64_t SystemClock::WallMicros() { return Micros(CLOCK_REALTIME); }

std::uint64_t SystemClock::BootMicros() { return Micros(kBootClock); }

std::uint64_t SystemRandom::Next() {
  std::uint64_t value = 0;
  const int result = ::getentropy(&value, sizeof(value));
  SEGLOG_ASSERT(result == 0);  // Fails only for a bad pointer or a length above 256.
  return value;
}

}  // namespace seglog::io
