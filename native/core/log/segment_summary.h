// SPDX-License-Identifier: MIT
// What the footer of a segment says of its frames. Gathered while they pass on their way to the
// file, so that sealing need not read back what was written: on a busy disk each such read makes
// commits wait.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "format/catalog.h"
#include "format/frame.h"
#include "format/segment_file.h"
#include "hash/sha256.h"

namespace seglog::log {

// Adds a frame to what the footer of its segment says. The footer of a shared segment counts the
// records of all streams, and since LSNs may fall there from frame to frame of one commit, it has
// the highest so far.
void CountFrame(const format::FrameHeader& header, std::uint64_t offset, std::uint64_t last_lsn,
                format::SegmentFooter* footer);

// One thread at a time.
class SegmentSummary final {
 public:
  SegmentSummary(std::uint64_t segment_id, std::uint64_t stream_id, std::uint64_t first_sequence);

  // `bytes` lie at position() of the file: the header page first, then frames, in pieces of any
  // size.
  void Update(ByteSpan bytes);
  std::uint64_t position() const { return position_; }

  // Whether this is all of an ended segment, as the table has it.
  bool Covers(const format::CatalogSegment& row) const;
  // Of a segment that it covers.
  format::SegmentFooter Footer(const format::CatalogSegment& row,
                               const hash::Sha256Digest& previous_chain) const;

 private:
  hash::Sha256 content_;
  format::SegmentFooter footer_;
  std::uint64_t position_ = 0;
  std::uint64_t next_frame_ = format::kSegmentDataOffset;
  std::array<std::byte, format::kFrameHeaderBytes>
      header_{};       // as much of the next frame's as came
  bool sound_ = true;  // else something passed that is no frame
};

}  // namespace seglog::log
