// SPDX-License-Identifier: MIT
// One segment as of one moment, to be read while the log goes on: its row, and its bytes, which
// come from the file below the destaged length and from memory above it. The journal is never read.
// Once the segment is dropped its file may become another's; then nothing found in it counts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "format/catalog.h"
#include "format/frame.h"
#include "log/report.h"
#include "log/state.h"

namespace seglog::log {

// Bytes of a segment that are gone or wrong: its file is missing, or they fail their checks.
// Reading around damage passes over these.
inline bool IsLost(const Status& status) {
  return status.code() == Code::kCorrupt || status.code() == Code::kNotFound;
}
// What verifying lists as damage of the segment. Besides what is lost: a file of another version,
// and what is no file of the log's, such as a link that was put in its place. Reads refuse these
// two; any other failure is the system's, and ends verifying and reading alike.
inline bool IsDamage(const Status& status) {
  return IsLost(status) || status.code() == Code::kFormatUnsupported ||
         status.code() == Code::kNotALog;
}

// A piece of a segment, in memory of its own, which the next piece takes over where it is enough.
struct SegmentWindow {
  std::uint64_t offset = 0;  // in the segment
  std::unique_ptr<std::byte[]> memory;
  std::size_t capacity = 0;
  ByteSpan bytes;
};

// One thread at a time. Borrows the state, and takes its mutex where it looks at what is pending.
class SegmentView final {
 public:
  static constexpr std::uint64_t kWindowBytesMin = 64 * 1024;  // for walks from frame to frame

  SegmentView() = default;
  // `stream`: whose row of segments it is in. With the state's mutex held.
  SegmentView(State* state, const Stream& stream, std::shared_ptr<Segment> segment);

  const format::CatalogSegment& row() const { return row_; }
  std::uint64_t stream_id() const { return stream_id_; }
  // "" of a shared segment.
  const std::string& key() const { return key_; }
  bool shared() const { return stream_id_ == format::kSharedStreamId; }
  // Of the stream that a frame in it names; "" where there is none.
  std::string KeyOf(const format::FrameHeader& header) const;
  const std::string& path() const { return path_; }
  bool WasDropped() const;
  // Bytes from here on are in memory; those below are durable in the file.
  std::uint64_t FirstInMemory() const;

  Result<SegmentFiles::FileRef> OpenFile() const { return state_->segment_files.ForReading(path_); }
  // Bytes [offset, offset + bytes), cut at the segment's end; fewer where the file is too short.
  Status Fetch(std::uint64_t offset, std::uint64_t bytes, SegmentWindow* window) const;
  // A window of at least `at_least` bytes, as far as the segment goes, that begins with a frame and
  // holds all of it. kCorrupt where no frame can begin there.
  Status FetchFrame(std::uint64_t offset, std::uint64_t at_least, SegmentWindow* window) const;

  enum class Search : std::uint8_t { kFound, kMore, kNone };
  // Looks for the first frame from *offset on that verifies and brings sequences from `sequence`
  // on, in one piece of the segment. kMore: none so far, *offset has moved on. Only an error of the
  // system is a Status: a missing or short file is passed over up to what memory holds.
  Result<Search> SearchFrame(std::uint64_t sequence, std::uint64_t* offset,
                             format::FrameHeader* header) const;
  // The same to the segment's end, in one go; false where there is none.
  Result<bool> FindFrame(std::uint64_t sequence, std::uint64_t* offset,
                         format::FrameHeader* header) const;

  // Without sequences where `next` is not above `first`, the first one that may be concerned.
  Damage DamageAt(std::uint64_t offset, std::uint64_t bytes, const std::string& what,
                  std::uint64_t first, std::uint64_t next) const;

 private:
  void CopyFromMemory(std::uint64_t offset, MutableByteSpan out) const;

  State* state_ = nullptr;
  std::shared_ptr<Segment> segment_;  // shared with the table, and kept when that drops it
  format::CatalogSegment row_;
  std::uint64_t stream_id_ = 0;
  std::string key_;
  std::string path_;
};

}  // namespace seglog::log
