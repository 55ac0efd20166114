// SPDX-License-Identifier: MIT
#include "log/seal_job.h"

namespace seglog::log {

SealJob::SealJob(State* state, SegmentView view, const SegmentOrigin& origin,
                 const SegmentSummary* summary)
    : state_(state), check_(std::move(view), origin) {
  const format::CatalogSegment& row = check_.view().row();
  SEGLOG_ASSERT(row.state == format::SegmentState::kEnded && row.destaged == row.end);
  if (summary == nullptr || !summary->Covers(row)) return;
  footer_ = summary->Footer(row, origin.previous_chain);
}

Status SealJob::Step() {
  SEGLOG_ASSERT(!done_);
  if (footer_.has_value()) return WriteFooter();
  SEGLOG_RETURN_IF_ERROR(check_.Step());
  if (!check_.damage().empty()) {
    const Damage& damage = check_.damage().listed.front();
    return Status(Code::kCorrupt, damage.what).WithPath(damage.file);
  }
  if (check_.done()) footer_ = check_.footer();
  return Status::Ok();
}

Status SealJob::WriteFooter() {
  AlignedBuffer bytes;
  format::EncodeFooter(*footer_, &bytes);
  footer_bytes_ = bytes.size();
  const std::uint64_t offset = format::FooterOffset(footer_->data_end);
  const Result<SegmentFiles::FileRef> file = state_->segment_files.ForWriting(check_.view().path());
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
  const format::SegmentFooter& footer = *footer_;
  return {.stream_id = footer.stream_id,
          .segment_id = footer.segment_id,
          .footer_offset = format::FooterOffset(footer.data_end),
          .footer_bytes = footer_bytes_,
          .content_sha256 = footer.content_sha256,
          .chain_sha256 = footer.chain_sha256};
}

}  // namespace seglog::log
