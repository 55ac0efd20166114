// SPDX-License-Identifier: MIT
// How many objects of some kinds live in this process, so that a leak can be seen from outside.
#pragma once

#include <atomic>
#include <cstdint>

namespace seglog::log {

inline std::atomic<std::uint64_t> live_logs = 0;
inline std::atomic<std::uint64_t> live_channels = 0;
inline std::atomic<std::uint64_t> live_rings = 0;

// A member of what is counted.
class Counted final {
 public:
  explicit Counted(std::atomic<std::uint64_t>* count) : count_(count) { count_->fetch_add(1); }
  ~Counted() { count_->fetch_sub(1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  std::atomic<std::uint64_t>* const count_;
};

}  // namespace seglog::log
