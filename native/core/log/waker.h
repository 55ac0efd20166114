// SPDX-License-Identifier: MIT
// What threads sleep on until another has something for them. Telling costs no system call while
// all are awake.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace seglog::log {

// Any thread.
class Waker final {
 public:
  // Counted, so that nothing is missed between looking and sleeping: read it before looking.
  std::uint64_t events() const { return events_.load(); }

  void Notify() {
    events_.fetch_add(1);
    if (asleep_.load() == 0) return;
    // The lock: a sleeper is either before its look at events_, or waits.
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
  }

  // Until an event after the `seen` ones, or for so many microseconds (UINT64_MAX: for ever).
  void Sleep(std::uint64_t seen, std::uint64_t micros) {
    std::unique_lock lock(mutex_);
    asleep_.fetch_add(1);
    const auto roused = [&] { return events_.load() != seen; };
    if (micros == UINT64_MAX) {
      changed_.wait(lock, roused);
    } else {
      changed_.wait_for(lock, std::chrono::microseconds{micros}, roused);
    }
    asleep_.fetch_sub(1);
  }

 private:
  std::atomic<std::uint64_t> events_{0};
  std::atomic<std::uint32_t> asleep_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace seglog::log
