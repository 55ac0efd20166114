// SPDX-License-Identifier: MIT
// Whether each stream still has all its frames in shared segments, and each frame leads to the one
// before it. It is told of sound frames in the order in which they lie, and compares them with the
// table as it was at the beginning. So the segments are read once, whatever is damaged, where
// following the links themselves would search them for each stream.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "format/frame.h"
#include "log/report.h"
#include "log/state.h"

namespace seglog::log {

// One thread at a time. Borrows the state.
class SharedCheck final {
 public:
  explicit SharedCheck(State* state) : state_(state) {}

  // Notes what each stream has there. With the state's mutex held.
  void Begin();
  // A frame whose header verified. Those that were truncated before the beginning or written after
  // it do not count.
  void Add(const format::FrameHeader& header, const format::SharedPosition& position);
  // All were added. Damage that begins where a missing frame should gets its key and sequences;
  // for other missing frames damage is added. Takes the state's mutex.
  void End(DamageList* damage);
  bool ended() const { return ended_; }

 private:
  struct Links {
    StreamHandle stream = 0;
    std::uint64_t expected_sequence = 0;  // of the next frame
    std::uint64_t next_sequence = 0;      // behind the last frame
    format::SharedPosition newest;        // by the table
    format::SharedPosition last = {};     // of the frame before; nowhere where that does not count
  };
  // Records that nothing leads to, or that lie behind a wrong link.
  struct Break {
    StreamHandle stream = 0;
    std::uint64_t first_sequence = 0, next_sequence = 0;
    format::SharedPosition position;
    const char* what;
  };

  // False where the records were truncated meanwhile.
  bool DamageOf(const Break& broken, Damage* damage);

  State* const state_;
  std::unordered_map<std::uint64_t, Links> links_;  // by stream id
  std::vector<Break> breaks_;                       // at most one for each frame that is stored
  bool ended_ = false;
};

}  // namespace seglog::log
