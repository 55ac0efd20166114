// SPDX-License-Identifier: MIT
// Seals one ended segment whose bytes are all in its file: reads it back, verifies every frame and
// record, hashes it, lists its index, and writes the footer, durably. What does not verify is not
// sealed.
#pragma once

#include <cstdint>
#include <vector>

#include "format/catalog.h"
#include "format/commit_block.h"
#include "format/frame.h"
#include "format/segment_file.h"
#include "hash/sha256.h"
#include "log/segment_files.h"

namespace seglog::log {

// Destager only.
class SealJob final {
 public:
  // `row`: of the ended segment. `previous_chain`: of the stream's segment before it, zeros if
  // none.
  SealJob(SegmentFiles* files, std::string path, std::uint64_t stream_id,
          const format::CatalogSegment& row, const hash::Sha256Digest& previous_chain);

  // Does a piece of about kPieceBytes. kCorrupt when the file fails its checks.
  Status Step();
  bool done() const { return done_; }
  // What the journal says once the footer is durable.
  format::SealedItem Item() const;

 private:
  static constexpr std::uint64_t kPieceBytes = 1u << 20;

  Status ReadPiece(io::File* file);
  Result<std::size_t> VerifyFrames(ByteSpan piece);
  void ListFrame(const format::FrameHeader& header, std::uint64_t offset);
  void CountFrame(const format::FrameHeader& header, std::uint64_t last_lsn);
  Status WriteFooter();

  SegmentFiles* const files_;
  const std::string path_;
  const format::CatalogSegment row_;
  format::SegmentFooter footer_;
  hash::Sha256 content_;
  std::uint64_t position_ = 0;
  std::uint64_t piece_bytes_ = kPieceBytes;
  std::uint64_t footer_bytes_ = 0;
  bool done_ = false;
};

}  // namespace seglog::log
