// SPDX-License-Identifier: MIT
#include "log/segment_summary.h"

#include <algorithm>
#include <cstring>

namespace seglog::log {

void CountFrame(const format::FrameHeader& header, std::uint64_t offset, std::uint64_t last_lsn,
                format::SegmentFooter* footer) {
  if (footer->index.empty() || offset >= footer->index.back().offset + format::kIndexStrideBytes) {
    const std::uint64_t lsn_min = footer->index.empty() ? 0 : footer->index.back().lsn;
    footer->index.push_back({.sequence = footer->last_sequence + 1,
                             .lsn = std::max(lsn_min, header.first_lsn),
                             .time_us = header.time_us,
                             .offset = offset});
  }
  if (header.record_count == 0) return;
  if (footer->record_count == 0) {
    footer->first_lsn = header.first_lsn;
    footer->first_time_us = header.time_us;
  }
  footer->record_count += header.record_count;
  footer->last_sequence += header.record_count;
  footer->last_lsn = std::max(footer->last_lsn, last_lsn);
  footer->last_time_us = header.time_us;
}

SegmentSummary::SegmentSummary(std::uint64_t segment_id, std::uint64_t stream_id,
                               std::uint64_t first_sequence) {
  footer_.segment_id = segment_id;
  footer_.stream_id = stream_id;
  footer_.first_sequence = first_sequence;
  footer_.last_sequence = first_sequence - 1;
}

void SegmentSummary::Update(ByteSpan bytes) {
  if (!sound_) return;
  content_.Update(bytes);
  while (!bytes.empty()) {
    std::size_t taken = 0;
    if (position_ < next_frame_) {
      taken =
          static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), next_frame_ - position_));
    } else {
      const auto had = static_cast<std::size_t>(position_ - next_frame_);
      taken = std::min(bytes.size(), header_.size() - had);
      std::memcpy(header_.data() + had, bytes.data(), taken);
      if (had + taken == header_.size()) {
        const Result<format::FrameHeader> header = format::DecodeFrameHeader(header_);
        sound_ = header.ok();
        if (!sound_) return;
        // The last LSN of all is the table's: a frame's own takes more than its header to tell.
        CountFrame(header.value(), next_frame_, 0, &footer_);
        next_frame_ += header->total_bytes();
      }
    }
    position_ += taken;
    bytes = bytes.subspan(taken);
  }
}

bool SegmentSummary::Covers(const format::CatalogSegment& row) const {
  return sound_ && position_ == row.end && next_frame_ == row.end &&
         footer_.last_sequence + 1 == row.next_sequence && footer_.first_lsn == row.first_lsn &&
         footer_.first_time_us == row.first_time_us && footer_.last_time_us == row.last_time_us;
}

format::SegmentFooter SegmentSummary::Footer(const format::CatalogSegment& row,
                                             const hash::Sha256Digest& previous_chain) const {
  SEGLOG_ASSERT(Covers(row));
  format::SegmentFooter footer = footer_;
  footer.data_end = row.end;
  footer.last_lsn = row.last_lsn;
  footer.previous_chain_sha256 = previous_chain;
  hash::Sha256 content = content_;
  footer.content_sha256 = content.Finish();
  footer.chain_sha256 = format::ChainSha256(previous_chain, footer.content_sha256);
  return footer;
}

}  // namespace seglog::log
