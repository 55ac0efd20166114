// SPDX-License-Identifier: MIT
#include "log/verify.h"

#include "log/catalog_store.h"

namespace seglog::log {

Verification::Verification(State* state)
    : state_(state),
      catalogs_{CatalogCheck(state->environment.fs, kCatalogPath),
                CatalogCheck(state->environment.fs, kCatalogCopyPath)},
      links_(state) {
  const std::lock_guard lock(state_->mutex);
  links_.Begin();
  static_assert(kSharedHandle == 0);
  for (StreamHandle handle = 0; handle < state_->table.size(); ++handle) {
    for (const auto& segment : state_->table.at(handle).segments) {
      const std::uint64_t bytes = SegmentCheck::StoredBytes(segment->row);
      targets_.push_back({.stream = handle, .segment = segment, .bytes = bytes});
      bytes_total_ += bytes;
    }
  }
}

VerifyProgress Verification::progress() const {
  return {.bytes_done = bytes_done_ + (check_ ? check_->bytes_done() : 0),
          .bytes_total = bytes_total_,
          .segments_done = next_ - (check_ ? 1 : 0),
          .segments_total = targets_.size()};
}

Status Verification::Step() {
  SEGLOG_ASSERT(!done());
  for (CatalogCheck& catalog : catalogs_) {
    if (catalog.done()) continue;
    SEGLOG_RETURN_IF_ERROR(catalog.Step());
    if (catalogs_.back().done()) CompareCatalogs();
    return Status::Ok();
  }
  if (!check_) {
    const bool more_shared = next_ < targets_.size() && targets_[next_].stream == kSharedHandle;
    if (more_shared || links_.ended()) {
      BeginSegment();
    } else {
      links_.End(&report_.damage);
    }
    return Status::Ok();
  }
  Status stepped = check_->Step();
  // Whatever became of a dropped segment's file means nothing.
  if (!stepped.ok() && !check_->view().WasDropped()) return stepped;
  if (!stepped.ok() || check_->done()) EndSegment();
  return Status::Ok();
}

void Verification::CompareCatalogs() {
  const CatalogCheck* newest = nullptr;
  for (const CatalogCheck& catalog : catalogs_) {
    if (!catalog.start().has_value()) continue;
    if (catalog.start()->log_uuid != state_->log_uuid) {
      AddCatalogDamage(catalog, "the catalogue is another log's");
    } else if (newest == nullptr ||
               catalog.start()->snapshot_number > newest->start()->snapshot_number) {
      newest = &catalog;
    }
  }
  const std::uint64_t number = newest == nullptr ? 0 : newest->start()->snapshot_number;
  for (const CatalogCheck& catalog : catalogs_) {
    // A crash between a log's first two snapshots leaves one of them.
    if (!catalog.what().empty() && !(catalog.missing() && number == 1)) {
      AddCatalogDamage(catalog, catalog.what());
    }
    // Where nobody writes, only one that is unfinished lies between the two.
    if (state_->options.read_only && catalog.start().has_value() && newest != nullptr &&
        catalog.start()->log_uuid == state_->log_uuid &&
        catalog.start()->snapshot_number + 1 < number) {
      AddCatalogDamage(catalog, "the catalogue is older than the snapshot before the newest");
    }
  }
}

void Verification::AddCatalogDamage(const CatalogCheck& catalog, const std::string& what) {
  Damage damage;
  damage.file = catalog.path();
  damage.bytes = catalog.bytes();
  damage.what = what;
  report_.damage.Add(std::move(damage));
}

void Verification::BeginSegment() {
  const Target& target = targets_[next_];
  const bool is_first = next_ == 0 || targets_[next_ - 1].stream != target.stream;
  const Segment* before = is_first ? nullptr : targets_[next_ - 1].segment.get();
  ++next_;
  const std::lock_guard lock(state_->mutex);
  if (target.segment->dropped) {
    bytes_done_ += target.bytes;
    return;
  }
  // One that was dropped meanwhile is not in the table any more, and its chain is in the stream's
  // row.
  if (before != nullptr && before->dropped) before = nullptr;
  const Stream& stream = state_->table.at(target.stream);
  check_.emplace(SegmentView(state_, stream, target.segment), OriginOf(*state_, stream, before),
                 &links_);
  bytes_total_ += SegmentCheck::StoredBytes(target.segment->row) - target.bytes;
}

void Verification::EndSegment() {
  const format::CatalogSegment& row = check_->view().row();
  bytes_done_ += SegmentCheck::StoredBytes(row);
  if (!check_->view().WasDropped()) {
    ++report_.segments;
    if (row.state == format::SegmentState::kSealed) ++report_.sealed_segments;
    report_.bytes += SegmentCheck::StoredBytes(row);
    report_.records += check_->sound_records();
    report_.damage.Add(check_->TakeDamage());
  }
  check_.reset();
}

}  // namespace seglog::log
