// SPDX-License-Identifier: MIT
// Checks all that is stored of one segment, piece by piece, around what is damaged: the header
// page, every frame and record, sequences without a gap, all of it against the table's row; and of
// a sealed segment the footer, the hashes, the padding and the file's length. What an ended
// segment's footer must say follows on the way: sealing writes it, verifying compares it.
#pragma once

#include <cstdint>

#include "format/segment_file.h"
#include "hash/sha256.h"
#include "log/report.h"
#include "log/segment_view.h"
#include "log/shared_check.h"

namespace seglog::log {

// What a segment goes on from, by the table: the stream's segment before it.
struct SegmentOrigin {
  format::LogUuid log_uuid{};
  // 0 where the table has none before it: the header may name one that was dropped.
  std::uint64_t previous_id = 0;
  std::uint64_t previous_next_sequence = 0;
  hash::Sha256Digest previous_chain{};
};
// `before`: that segment, null for none. With the state's mutex held.
SegmentOrigin OriginOf(const State& state, const Stream& stream, const Segment* before);

// One thread at a time.
class SegmentCheck final {
 public:
  // Sound frames of a shared segment go to `links` too, where that is not null.
  SegmentCheck(SegmentView view, const SegmentOrigin& origin, SharedCheck* links = nullptr);

  // Checks a piece of about kPieceBytes; a frame that is larger is one piece. A Status is an error
  // of the system; damage is collected.
  Status Step();
  bool done() const { return phase_ == Phase::kDone; }

  // Of what Step has seen so far. Damage counts only if the segment was not dropped meanwhile.
  const DamageList& damage() const { return damage_; }
  DamageList TakeDamage() { return std::move(damage_); }
  std::uint64_t sound_records() const { return sound_records_; }
  std::uint64_t bytes_done() const { return position_; }
  const SegmentView& view() const { return view_; }
  // Of an ended segment without damage: its footer, as it is or will be.
  const format::SegmentFooter& footer() const { return footer_; }

  // What is stored of a segment, header and footer included.
  static std::uint64_t StoredBytes(const format::CatalogSegment& row) {
    return row.footer_offset == 0 ? row.end : row.footer_offset + row.footer_bytes;
  }

 private:
  static constexpr std::uint64_t kPieceBytes = 1u << 20;
  enum class Phase : std::uint8_t { kHeader, kFrames, kSearch, kFooter, kDone };

  Status CheckHeader();
  void CheckHeaderFields(const format::SegmentHeader& header);
  Status CheckFrames();
  void CheckOneFrame(ByteSpan bytes, const format::FrameHeader& header);
  void NameBadRecords(ByteSpan bytes, const format::FrameHeader& header);
  void CheckOrder(const format::FrameHeader& header);
  const char* StrangenessOf(const format::FrameHeader& header) const;
  void BeginSearch(std::uint64_t from, const Status& cause);
  Status Search();
  void EndFrames();
  const char* DifferenceFromRow() const;
  Status CheckFooter();
  Status CheckLength(io::File* file, bool* long_enough);
  void CheckTrailer(MutableByteSpan footer);
  void CheckFooterBytes(MutableByteSpan bytes);
  void CompareFooter(const format::SegmentFooter& stored);
  const char* FooterDifference(const format::SegmentFooter& stored) const;
  void AddDamage(std::uint64_t offset, std::uint64_t bytes, const std::string& what,
                 std::uint64_t first = 0, std::uint64_t next = 0);

  const SegmentView view_;
  SegmentWindow window_;  // the piece that was looked at last
  const SegmentOrigin origin_;
  SharedCheck* const links_;
  Phase phase_ = Phase::kHeader;
  std::uint64_t position_ = 0;  // checked up to here
  DamageList damage_;
  std::uint64_t sound_records_ = 0;
  std::uint64_t expected_sequence_;  // of the next frame, or record of a shared segment
  bool frames_are_sound_ = true;     // and the header page: what is made of them can be compared
  format::SegmentFooter footer_;     // what the frames so far amount to
  hash::Sha256 content_;             // unless the segment is open
  bool file_is_ours_ = true;
  std::uint64_t search_from_ = 0;      // kSearch: where the damage begins,
  std::uint64_t search_position_ = 0;  // how far it reaches at least,
  std::string search_cause_;           // and what it is
};

}  // namespace seglog::log
