// SPDX-License-Identifier: MIT
// Seals one ended segment whose bytes are all in its file: checks what is stored of it, and writes
// the footer, durably. What does not verify is not sealed.
#pragma once

#include <cstdint>

#include "format/commit_block.h"
#include "log/segment_check.h"

namespace seglog::log {

// Destager only.
class SealJob final {
 public:
  // `view`: of the ended segment.
  SealJob(State* state, SegmentView view, const SegmentOrigin& origin);

  // Does a piece. kCorrupt when the file fails its checks.
  Status Step();
  bool done() const { return done_; }
  // What the journal says once the footer is durable.
  format::SealedItem Item() const;

 private:
  Status WriteFooter();

  State* const state_;
  SegmentCheck check_;
  std::uint64_t footer_bytes_ = 0;
  bool done_ = false;
};

}  // namespace seglog::log
