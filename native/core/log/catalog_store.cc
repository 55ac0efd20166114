// SPDX-License-Identifier: MIT
#include "log/catalog_store.h"

#include "log/catalog_sense.h"

namespace seglog::log {
namespace {

constexpr const char* kTemporaryPath = "CATALOG.tmp";
constexpr std::uint64_t kCatalogBytesLimit = std::uint64_t{4} << 30;

}  // namespace

Status CatalogStore::Load(const char* path, StoredCatalog* out) {
  const Result<bool> exists = fs_->Exists(path);
  if (!exists.ok()) return exists.status();
  out->exists = exists.value();
  if (!out->exists) {
    out->status = Status(Code::kNotFound, "there is no such file").WithPath(path);
    return Status::Ok();
  }
  Result<std::unique_ptr<io::File>> file = fs_->Open(path, io::OpenOptions{});
  if (!file.ok()) return file.status();
  const Result<std::uint64_t> size = file.value()->Size();
  if (!size.ok()) return size.status();
  if (size.value() > kCatalogBytesLimit) {
    out->status = Status(Code::kCorrupt, "the catalogue is larger than any can be").WithPath(path);
    return Status::Ok();
  }
  AlignedBuffer bytes;
  bytes.Resize(static_cast<std::size_t>(size.value()));
  const Result<std::size_t> read = file.value()->ReadAt(0, bytes.mutable_bytes());
  if (!read.ok()) return read.status();
  Result<format::Catalog> catalog = format::DecodeCatalog(bytes.bytes().first(read.value()));
  out->status = catalog.ok() ? CheckCatalog(catalog.value()) : catalog.status();
  if (!out->status.ok()) {
    out->status = out->status.WithPath(path);
    return Status::Ok();
  }
  out->catalog = std::move(catalog).value();
  return Status::Ok();
}

Status CatalogStore::WriteFirst(format::Catalog* catalog) {
  catalog->snapshot_number = ++snapshot_number_;
  encoded_.Clear();
  format::EncodeCatalog(*catalog, &encoded_);
  return Replace(copy_is_older_ ? kCatalogCopyPath : kCatalogPath);
}

Status CatalogStore::WriteSecond() {
  SEGLOG_RETURN_IF_ERROR(Replace(copy_is_older_ ? kCatalogPath : kCatalogCopyPath));
  encoded_ = AlignedBuffer();
  return Status::Ok();
}

Status CatalogStore::Replace(const char* path) {
  const Result<bool> left_over = fs_->Exists(kTemporaryPath);
  if (!left_over.ok()) return left_over.status();
  if (left_over.value()) SEGLOG_RETURN_IF_ERROR(fs_->Remove(kTemporaryPath));
  {
    Result<std::unique_ptr<io::File>> file =
        fs_->Open(kTemporaryPath, io::OpenOptions{.mode = io::OpenMode::kCreateExclusive});
    if (!file.ok()) return file.status();
    SEGLOG_RETURN_IF_ERROR(file.value()->WriteAt(0, encoded_.bytes(), io::WriteMode::kUnsynced));
    SEGLOG_RETURN_IF_ERROR(file.value()->SyncData());
  }
  SEGLOG_RETURN_IF_ERROR(fs_->Rename(kTemporaryPath, path));
  return fs_->SyncDirectory("");
}

}  // namespace seglog::log
