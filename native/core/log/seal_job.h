// SPDX-License-Identifier: MIT
// Seals one ended segment whose bytes are all in its file: writes the footer, durably. Where not
// all of them passed through memory since the log was opened, they are read back and checked first,
// and what does not verify is not sealed.
#pragma once

#include <cstdint>
#include <optional>

#include "format/commit_block.h"
#include "log/segment_check.h"
#include "log/segment_summary.h"

namespace seglog::log {

// Destager only.
class SealJob final {
 public:
  // `view`: of the ended segment. `summary`: of what was written to its file, null where that is
  // not known; only looked at here.
  SealJob(State* state, SegmentView view, const SegmentOrigin& origin,
          const SegmentSummary* summary);

  // Does a piece. kCorrupt when the file fails its checks.
  Status Step();
  bool done() const { return done_; }
  // What the journal says once the footer is durable.
  format::SealedItem Item() const;

 private:
  Status WriteFooter();

  State* const state_;
  SegmentCheck check_;
  std::optional<format::SegmentFooter> footer_;  // once it is known
  std::uint64_t footer_bytes_ = 0;
  bool done_ = false;
};

}  // namespace seglog::log
