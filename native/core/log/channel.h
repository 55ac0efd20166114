// SPDX-License-Identifier: MIT
// What lies between a log and one of those who use it, normally a JavaScript environment: the ring
// that its appends come through, what was answered to it, and how it is told that there are
// answers. It may end at any moment: after Cut nothing of the user's is touched, neither the ring's
// memory nor the wake function. What was handed over is in the inbox (request.h).
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "log/append_ring.h"
#include "log/live_objects.h"
#include "log/log.h"

namespace seglog::log {

// Any thread. Shared by the user and the threads of the log: either may be the last to let go.
class Channel final {
 public:
  // Called on threads of the log when there is something to take; must not call back.
  using WakeFunction = std::function<void()>;

  // `ring` (append_ring.h) stays until Cut; empty: everything comes by calls. No wake function:
  // nobody is behind it.
  Channel(MutableByteSpan ring, WakeFunction wake);

  // Which of the log's channels it is: 0 until it is attached. Never another's.
  std::uint32_t number() const { return number_; }
  // Null where there is none, or none any more. For holders of the state mutex or of the inbox's.
  AppendRing* ring() { return ring_.has_value() ? &*ring_ : nullptr; }

  // Adds what was answered, and says so. Nothing where it was cut.
  void Deliver(std::vector<Completion>* completions);
  void Deliver(Completion completion);
  void Deliver(ReadResult result);
  void Deliver(VerifyResult result);
  // Adds what was answered since the last call to `out`.
  void TakeAnswers(Answers* out);
  // The answer to this token, which TakeAnswers does not give again.
  std::optional<Completion> TakeAnswerTo(Token token);

  // The end. Where it is attached, the inbox calls it (Inbox::Detach).
  void Cut();

 private:
  friend class Inbox;

  void Announce();

  std::optional<Counted> counted_;
  std::uint32_t number_ = 0;  // set once, before anything is delivered

  // Cut holds the state mutex, the inbox's and wake_mutex_; who uses the ring holds one of them.
  std::optional<AppendRing> ring_;
  std::mutex wake_mutex_;
  WakeFunction wake_;  // guarded by wake_mutex_; empty: cut

  std::mutex answers_mutex_;
  Answers answered_;  // guarded by answers_mutex_, as below
  bool cut_ = false;
};

}  // namespace seglog::log
