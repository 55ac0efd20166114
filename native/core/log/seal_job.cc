// SPDX-License-Identifier: MIT
#include "log/seal_job.h"

#include <algorithm>

#include "log/frame_check.h"

namespace seglog::log {

SealJob::SealJob(SegmentFiles* files, std::string path, std::uint64_t stream_id,
                 const format::CatalogSegment& row, const hash::Sha256Digest& previous_chain)
    : files_(files), path_(std::move(path)), row_(row) {
  SEGLOG_ASSERT(row.state == format::SegmentState::kEnded && row.destaged == row.end);
  footer_.segment_id = row.id;
  footer_.stream_id = stream_id;
  footer_.data_end = row.end;
  footer_.first_sequence = row.first_sequence;
  footer_.last_sequence = row.first_sequence - 1;
  footer_.previous_chain_sha256 = previous_chain;
}

Status SealJob::Step() {
  SEGLOG_ASSERT(!done_);
  if (position_ == row_.end) return WriteFooter();
  const Result<SegmentFiles::FileRef> file = files_->ForReading(path_);
  if (!file.ok()) return file.status();
  return ReadPiece(file.value().get());
}

Status SealJob::ReadPiece(io::File* file) {
  AlignedBuffer piece;
  piece.Resize(static_cast<std::size_t>(std::min(piece_bytes_, row_.end - position_)));
  const Result<std::size_t> read = file->ReadAt(position_, piece.mutable_bytes());
  if (!read.ok()) return read.status();
  if (read.value() != piece.size()) {
    return Status(Code::kCorrupt, "the segment file is shorter than what was written")
        .WithPath(path_);
  }
  const Result<std::size_t> verified = VerifyFrames(piece.bytes());
  if (!verified.ok()) return verified.status().WithPath(path_);
  content_.Update(piece.bytes().first(verified.value()));
  position_ += verified.value();
  return Status::Ok();
}

// Returns how many bytes hold whole frames; asks for a larger piece when there is not even one.
Result<std::size_t> SealJob::VerifyFrames(ByteSpan piece) {
  std::size_t used = position_ == 0 ? format::kSegmentDataOffset : 0;
  if (used > 0) {
    const Result<format::SegmentHeader> header = format::DecodeSegmentHeader(piece.first(used));
    if (!header.ok()) return header.status();
    if (header->segment_id != row_.id)
      return Status(Code::kCorrupt, "the file is another segment's");
  }
  while (piece.size() - used >= format::kFrameHeaderBytes) {
    const ByteSpan rest = piece.subspan(used);
    const Result<format::FrameHeader> header = format::DecodeFrameHeader(rest);
    if (!header.ok()) return header.status();
    if (header->total_bytes() > row_.end - position_ - used) {
      return Status(Code::kCorrupt, "a frame ends behind its segment");
    }
    if (header->total_bytes() > rest.size()) {
      if (used == 0) piece_bytes_ = header->total_bytes();
      return used;
    }
    const Result<CheckedFrame> frame = CheckFrame(rest, row_.id, position_ + used, nullptr);
    if (!frame.ok()) return frame.status();
    ListFrame(frame->header, position_ + used);
    CountFrame(frame->header, frame->last_lsn);
    used += static_cast<std::size_t>(header->total_bytes());
  }
  piece_bytes_ = kPieceBytes;
  return used;
}

// In shared segments sequences count the records of all streams, and LSNs may fall from frame to
// frame of one commit.
void SealJob::ListFrame(const format::FrameHeader& header, std::uint64_t offset) {
  std::vector<format::IndexEntry>& index = footer_.index;
  if (!index.empty() && offset < index.back().offset + format::kIndexStrideBytes) return;
  const std::uint64_t lsn_min = index.empty() ? 0 : index.back().lsn;
  index.push_back({.sequence = footer_.last_sequence + 1,
                   .lsn = std::max(lsn_min, header.first_lsn),
                   .time_us = header.time_us,
                   .offset = offset});
}

void SealJob::CountFrame(const format::FrameHeader& header, std::uint64_t last_lsn) {
  if (header.record_count == 0) return;
  if (footer_.record_count == 0) {
    footer_.first_lsn = header.first_lsn;
    footer_.first_time_us = header.time_us;
  }
  footer_.record_count += header.record_count;
  footer_.last_sequence += header.record_count;
  footer_.last_lsn = std::max(footer_.last_lsn, last_lsn);
  footer_.last_time_us = header.time_us;
}

Status SealJob::WriteFooter() {
  if (footer_.last_sequence + 1 != row_.next_sequence) {
    return Status(Code::kCorrupt, "the segment file does not hold the records it should")
        .WithPath(path_);
  }
  footer_.content_sha256 = content_.Finish();
  footer_.chain_sha256 = format::ChainSha256(footer_.previous_chain_sha256, footer_.content_sha256);
  AlignedBuffer bytes;
  format::EncodeFooter(footer_, &bytes);
  footer_bytes_ = bytes.size();
  const std::uint64_t offset = format::FooterOffset(row_.end);
  const Result<SegmentFiles::FileRef> file = files_->ForWriting(path_);
  if (!file.ok()) return file.status();
  SEGLOG_RETURN_IF_ERROR(file.value()->WriteAt(offset, bytes.bytes(), io::WriteMode::kUnsynced));
  // An earlier try that a crash cut short may have left a longer one.
  SEGLOG_RETURN_IF_ERROR(file.value()->Truncate(offset + footer_bytes_));
  SEGLOG_RETURN_IF_ERROR(file.value()->SyncData());
  done_ = true;
  return Status::Ok();
}

format::SealedItem SealJob::Item() const {
  SEGLOG_ASSERT(done_);
  return {.stream_id = footer_.stream_id,
          .segment_id = row_.id,
          .footer_offset = format::FooterOffset(row_.end),
          .footer_bytes = footer_bytes_,
          .content_sha256 = footer_.content_sha256,
          .chain_sha256 = footer_.chain_sha256};
}

}  // namespace seglog::log
