// SPDX-License-Identifier: MIT
// Checks one of the catalogue's two files piece by piece, without holding it: that it is one, as
// long as it says, with the right checksum. Its rows are not looked at: recovery does that.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/status.h"
#include "format/catalog.h"
#include "io/file_system.h"

namespace seglog::log {

// One thread at a time, also while the destager writes: it replaces the file as a whole, and what
// was opened stays as it was.
class CatalogCheck final {
 public:
  CatalogCheck(io::FileSystem* fs, const char* path) : fs_(fs), path_(path) {}

  // Checks a piece of about kPieceBytes. A Status is an error of the system.
  Status Step();
  bool done() const { return done_; }

  // Once it is done:
  const char* path() const { return path_; }
  bool missing() const { return missing_; }
  std::uint64_t bytes() const { return bytes_; }
  // What is wrong, "" where nothing is.
  const std::string& what() const { return what_; }
  // Of a file that is sound.
  const std::optional<format::CatalogStart>& start() const { return start_; }

 private:
  static constexpr std::uint64_t kPieceBytes = 1u << 20;

  Status Open();
  void CheckPiece(ByteSpan piece);
  void Reject(const std::string& what);

  io::FileSystem* fs_;
  const char* path_;
  std::unique_ptr<io::File> file_;
  std::uint64_t bytes_ = 0;
  std::uint64_t position_ = 0;
  std::uint32_t checksum_ = 0;  // of what was read so far
  std::optional<format::CatalogStart> start_;
  std::string what_;
  bool missing_ = false;
  bool done_ = false;
};

}  // namespace seglog::log
