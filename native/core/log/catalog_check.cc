// SPDX-License-Identifier: MIT
#include "log/catalog_check.h"

#include <algorithm>

#include "base/aligned_buffer.h"
#include "hash/crc32c.h"

namespace seglog::log {

Status CatalogCheck::Step() {
  SEGLOG_ASSERT(!done_);
  if (file_ == nullptr) {
    SEGLOG_RETURN_IF_ERROR(Open());
    if (done_) return Status::Ok();
  }
  AlignedBuffer piece;
  piece.Resize(static_cast<std::size_t>(std::min(kPieceBytes, bytes_ - position_)));
  const Result<std::size_t> read = file_->ReadAt(position_, piece.mutable_bytes());
  if (!read.ok()) return read.status();
  CheckPiece(piece.bytes().first(read.value()));
  return Status::Ok();
}

Status CatalogCheck::Open() {
  Result<std::unique_ptr<io::File>> file = fs_->Open(path_, io::OpenOptions{});
  if (!file.ok()) {
    const Code code = file.status().code();
    if (code != Code::kNotFound && code != Code::kNotALog) return file.status();
    missing_ = code == Code::kNotFound;
    Reject(missing_ ? "there is no such file" : file.status().message());
    return Status::Ok();
  }
  file_ = std::move(file).value();
  const Result<std::uint64_t> size = file_->Size();
  if (!size.ok()) return size.status();
  bytes_ = size.value();
  return Status::Ok();
}

void CatalogCheck::CheckPiece(ByteSpan piece) {
  if (position_ == 0) {
    const Result<format::CatalogStart> start = format::DecodeCatalogStart(piece, bytes_);
    if (!start.ok()) return Reject(start.status().message());
    start_ = start.value();
  }
  const std::size_t skipped = position_ == 0 ? format::kCatalogHeaderLogUuidOffset : 0;
  checksum_ = hash::Crc32c(checksum_, piece.subspan(skipped));
  position_ += piece.size();
  if (position_ < bytes_ && !piece.empty()) return;
  done_ = true;
  if (checksum_ != start_->checksum) Reject("catalogue: wrong checksum");
}

void CatalogCheck::Reject(const std::string& what) {
  what_ = what;
  start_.reset();
  done_ = true;
}

}  // namespace seglog::log
