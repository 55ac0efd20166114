// SPDX-License-Identifier: MIT
// Reads records of one stream, verified, in slabs of about the size that was asked for. Damage is
// an error with its place, or skipped and reported when the request says so.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "log/frame_check.h"
#include "log/segment_view.h"
#include "log/state.h"

namespace seglog::log {

// One thread at a time.
class Reader final {
 public:
  explicit Reader(State* state) : state_(state) {}

  void Read(const ReadRequest& request, ReadResult* result);

 private:
  // Where a read is.
  struct Place {
    SegmentView segment;
    std::uint64_t limit = 0;  // records below are visible
  };
  // True pairs of sequence and frame offset, by offset: where a walk may begin.
  struct Hints {
    std::vector<format::IndexEntry> entries;
    bool footer_tried = false;
  };

  enum class Walk : std::uint8_t { kMore, kDone };

  bool FindPlace(const ReadRequest& request, std::uint64_t* sequence, Place* place,
                 ReadResult* result);
  std::uint64_t StartOffset(const ReadRequest& request, const Place& place, std::uint64_t sequence);
  void LoadFooter(const SegmentView& segment, Hints* hints);
  void NoteHint(std::uint64_t segment_id, const format::FrameHeader& header, std::uint64_t offset);
  Status ReadSegment(const ReadRequest& request, const Place& place, std::uint64_t* sequence,
                     ReadResult* result);
  Walk CollectFrame(const ReadRequest& request, const Place& place, const SegmentWindow& window,
                    std::size_t position, const format::FrameHeader& header,
                    std::uint64_t* sequence, ReadResult* result);
  static void AddColumns(const SegmentWindow& window, const format::FrameHeader& header,
                         const format::RecordView& record, std::uint64_t lsn, ReadResult* result);
  Status SkipDamage(const ReadRequest& request, const Place& place, const Status& cause,
                    std::uint64_t* offset, std::uint64_t* sequence, ReadResult* result);

  State* const state_;
  std::unordered_map<std::uint64_t, Hints> hints_;  // by segment id
};

}  // namespace seglog::log
