// SPDX-License-Identifier: MIT
// Verifies a log while it is in use: both files of the catalogue, then each segment of each stream
// that the table has when it begins, piece by piece. Damage is collected, and only an error of the
// system ends it. A segment that is dropped meanwhile is passed over. The live journal is not read:
// opening has verified it, and what it holds is in memory.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "log/catalog_check.h"
#include "log/log.h"
#include "log/segment_check.h"
#include "log/shared_check.h"
#include "log/state.h"

namespace seglog::log {

// One thread at a time; beside readers, the committer and the destager.
class Verification final {
 public:
  explicit Verification(State* state);

  // Checks a piece of about 1 MiB, or one frame where that is larger.
  Status Step();
  bool done() const {
    return catalogs_.back().done() && next_ == targets_.size() && !check_ && links_.ended();
  }
  VerifyProgress progress() const;
  VerifyReport TakeReport() { return std::move(report_); }

 private:
  // A segment that is to be checked, shared with the table. It grows until its turn comes.
  struct Target {
    StreamHandle stream = 0;
    std::shared_ptr<Segment> segment;
    std::uint64_t bytes = 0;  // that bytes_total_ has for it
  };

  void CompareCatalogs();
  void AddCatalogDamage(const CatalogCheck& catalog, const std::string& what);
  void BeginSegment();
  void EndSegment();

  State* const state_;
  std::array<CatalogCheck, 2> catalogs_;
  SharedCheck links_;
  std::vector<Target> targets_;        // the shared segments first
  std::size_t next_ = 0;               // target that was not begun
  std::optional<SegmentCheck> check_;  // of the one before it
  std::uint64_t bytes_done_ = 0;       // of targets that were ended
  std::uint64_t bytes_total_ = 0;
  VerifyReport report_;
};

}  // namespace seglog::log
