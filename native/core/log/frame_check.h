// SPDX-License-Identifier: MIT
// Checks a whole frame: header, table, and every record. Shared by reading, sealing and recovery.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "format/frame.h"

namespace seglog::log {

struct CheckedFrame {
  format::FrameHeader header;
  std::uint64_t last_lsn = 0;
};

// One record of a checked frame, its position counted from the start of the frame.
struct CheckedRecord {
  format::RecordView view;
  std::uint64_t lsn = 0;
};

// `bytes` begins with the frame and holds all of it. Fills `records` (may be null) in order.
Result<CheckedFrame> CheckFrame(ByteSpan bytes, std::uint64_t segment_id,
                                std::uint64_t segment_offset, std::vector<CheckedRecord>* records);

// Walks a body's records; `segment_offset` is the body's. Verifies each.
Result<std::uint64_t> CheckRecords(const format::FrameHeader& header, ByteSpan body,
                                   std::uint64_t segment_id, std::uint64_t segment_offset,
                                   std::vector<CheckedRecord>* records);

}  // namespace seglog::log
