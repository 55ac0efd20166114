// SPDX-License-Identifier: MIT
// What one thread sleeps on until another has something for it. Telling costs no system call while
// the thread is awake.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace seglog::log {

// Notify: any thread. The rest: the one thread that sleeps.
class Waker final {
 public:
  // Counted, so that nothing is missed between looking and sleeping: read it before looking.
  std::uint64_t events() const { return events_.load(); }

  void Notify() {
    events_.fetch_add(1);
    if (!asleep_.load()) return;
    // The lock: the sleeper is either before its look at events_, or waits.
    { const std::lock_guard lock(mutex_); }
    changed_.notify_one();
  }

  // Until an event after the `seen` ones, or for so many microseconds (UINT64_MAX: for ever).
  void Sleep(std::uint64_t seen, std::uint64_t micros) {
    std::unique_lock lock(mutex_);
    asleep_.store(true);
    const auto roused = [&] { return events_.load() != seen; };
    if (micros == UINT64_MAX) {
      changed_.wait(lock, roused);
    } else {
      changed_.wait_for(lock, std::chrono::microseconds{micros}, roused);
    }
    asleep_.store(false);
  }

 private:
  std::atomic<std::uint64_t> events_{0};
  std::atomic<bool> asleep_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace seglog::log
