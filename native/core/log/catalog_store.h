// SPDX-License-Identifier: MIT
// The two files that hold the catalogue. A snapshot is written under both names, the older one
// first, each by way of a temporary file; only when both are durable may anything be recycled that
// the one before needed.
#pragma once

#include <cstdint>
#include <optional>

#include "base/aligned_buffer.h"
#include "base/status.h"
#include "format/catalog.h"
#include "io/file_system.h"

namespace seglog::log {

inline constexpr const char* kCatalogPath = "CATALOG";
inline constexpr const char* kCatalogCopyPath = "CATALOG.copy";

// What opening finds under one of the two names.
struct StoredCatalog {
  bool exists = false;
  Status status;  // why it is of no use; ok when `catalog` is set
  std::optional<format::Catalog> catalog;
};

// One thread at a time.
class CatalogStore final {
 public:
  explicit CatalogStore(io::FileSystem* fs) : fs_(fs) {}

  // Reads one of the two. A failure of the system (not of the content) is the returned Status.
  Status Load(const char* path, StoredCatalog* out);
  // Which number the newest snapshot has, and whether the copy is the older of the two.
  void Begin(std::uint64_t snapshot_number, bool copy_is_older) {
    snapshot_number_ = snapshot_number;
    copy_is_older_ = copy_is_older;
  }

  // Gives the snapshot its number and writes it under the older name; then WriteSecond.
  Status WriteFirst(format::Catalog* catalog);
  Status WriteSecond();

 private:
  Status Replace(const char* path);

  io::FileSystem* fs_;
  std::uint64_t snapshot_number_ = 0;
  bool copy_is_older_ = true;
  AlignedBuffer encoded_;
};

}  // namespace seglog::log
