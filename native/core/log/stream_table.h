// SPDX-License-Identifier: MIT
// The streams of a log and their segments, as of the last commit that was built (or, during
// recovery, accepted). Every change goes through an Apply function, the same for a commit being
// built and for one being replayed, so that both can only come to the same table.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/status.h"
#include "format/catalog.h"
#include "format/commit_block.h"
#include "format/segment_file.h"
#include "hash/sha256.h"
#include "log/log.h"
#include "log/pending_bytes.h"
#include "log/segment_summary.h"

namespace seglog::log {

struct Segment {
  explicit Segment(const format::CatalogSegment& stored)
      : row(stored), pending(PendingBegin(stored)), durable_end(stored.end) {}

  format::CatalogSegment row;
  PendingBytes pending;  // from what is destaged to row.end
  // Of the commit in flight, what goes to the file by itself: it lies before the pending bytes, and
  // readers find it here until it is written.
  std::shared_ptr<AlignedBuffer> body;
  // Of the file so far, for the footer; null where not all of it passed through memory. The
  // destager's alone.
  std::unique_ptr<SegmentSummary> summary;
  std::uint64_t durable_end;  // frames below lie in durable commits
  // The journal file with the oldest block that pending bytes need; 0 while nothing is pending.
  std::uint64_t oldest_generation = 0;
  std::uint32_t times_carried = 0;
  std::uint32_t holders = 0;  // of a shared segment: streams whose oldest shared frame is in it
  // Bodies may be written below: the file is there, under a durable name, and has the blocks.
  std::uint64_t room_end = 0;
  std::uint64_t room_wanted = 0;     // for a body of so many bytes, that found no room
  std::uint32_t written_bodies = 0;  // that wait for the destager to gather what they say
  bool bulk = false;                 // the newest commit brought a body, or would have
  bool destaging = false;            // the destager is writing pending bytes
  bool dropped = false;              // no stream has it any more; its file will go
  bool seal_ordered = false;         // its footer is durable, the commit that says so is not
  bool seal_refused = false;         // its file fails its checks: left as it is, readers report it

  bool open() const { return row.state == format::SegmentState::kOpen; }
  bool empty() const { return row.end == format::kSegmentDataOffset; }
  // A power cut does not undo its beginning: it has a file, or durable frames.
  bool is_durable() const { return row.destaged != 0 || durable_end > format::kSegmentDataOffset; }
  // Offsets from here on are in memory.
  std::uint64_t memory_begin() const {
    return pending.begin() - (body == nullptr ? 0 : body->size());
  }
  // What is pending goes with the next body: writing it before would be to write it twice.
  bool waits_for_body() const { return open() && bulk && room_end > row.end; }

 private:
  static std::uint64_t PendingBegin(const format::CatalogSegment& stored) {
    return stored.destaged == 0 ? format::kSegmentDataOffset : stored.destaged;
  }
};

// Where the segment's file lies, from the log's directory. The key of shared segments is "".
std::string SegmentPath(const std::string& key, const format::CatalogSegment& row);

struct Stream {
  explicit Stream(std::string stream_key) : key(std::move(stream_key)) {}

  std::uint64_t id = 0;  // 0: named by a caller, but without a record so far
  const std::string key;
  std::uint64_t created_us = 0;
  std::uint64_t first_sequence = 1;  // records below were truncated
  std::uint64_t next_sequence = 1;
  hash::Sha256Digest dropped_chain{};  // of the last segment that was dropped
  std::uint64_t visible_next = 1;      // readers see records below
  bool hides_synced = false;           // a record that waits for its sync lies at visible_next
  bool touched = false;                // changed by a commit that is not durable yet
  bool queued_for_destage = false;
  format::CatalogShared shared;  // what comes before the first of its own segments
  // By first sequence; the last one is open. Shared with whoever works on a segment when it is
  // dropped.
  std::vector<std::shared_ptr<Segment>> segments;

  bool born() const { return id != 0; }
  Segment* open_segment() { return segments.empty() ? nullptr : segments.back().get(); }
  // Where records in shared segments end and those in its own begin.
  std::uint64_t shared_next_sequence() const {
    return segments.empty() ? next_sequence : segments.front()->row.first_sequence;
  }
  Segment* FindSegment(std::uint64_t segment_id);
  // The id of the segment before this one, 0 if there is none.
  std::uint64_t IdBefore(const Segment& segment) const;
};

// Not a stream that anybody named, but the row of segments that streams share. Its sequences count
// the records of all of them.
inline constexpr StreamHandle kSharedHandle = 0;

// Guarded by the log's state mutex.
class StreamTable final {
 public:
  StreamTable();

  // Finds or adds; an added stream is not born.
  StreamHandle HandleOf(std::string_view key);
  // Finds only.
  std::optional<StreamHandle> Find(std::string_view key) const;
  Stream& at(StreamHandle handle) {
    SEGLOG_ASSERT(handle < streams_.size());
    return *streams_[handle];
  }
  std::size_t size() const { return streams_.size(); }
  std::uint64_t born_count() const { return by_id_.size() - 1; }
  Stream& shared() { return *streams_[kSharedHandle]; }
  // Those that have segments of their own, the row of shared ones included. None ever loses its
  // last.
  const std::vector<StreamHandle>& with_segments() const { return with_segments_; }
  Stream* FindId(std::uint64_t stream_id);
  // Whose row of segments the frame's segment is in.
  Stream* OwnerOf(const format::FrameItem& item) {
    return item.shared() ? &shared() : FindId(item.stream_id);
  }
  // Of a stream that exists.
  StreamHandle HandleOfId(std::uint64_t stream_id) const {
    const auto found = by_id_.find(stream_id);
    SEGLOG_ASSERT(found != by_id_.end());
    return found->second;
  }

  // kCorrupt when the item contradicts the table; then nothing was changed.
  Status Apply(const format::CreateStreamItem& item);
  Status Apply(const format::RotateItem& item);
  // `commit`: the number of the block that the item is in.
  Status Apply(const format::SealedItem& item, std::uint64_t commit);
  Status Apply(const format::TruncateBeforeItem& item, std::uint64_t commit);
  // The body's bytes are in the file, or on their way: nothing of the segment is pending.
  Status Apply(const format::BodyItem& item, std::uint64_t time_us);
  // Moves the segment's end and counters over the frame. The bytes are the caller's concern.
  Status Apply(const format::FrameItem& item, std::uint64_t time_us, std::uint64_t last_lsn);

  // For reading a damaged log: passes over what lies between the segment's end and this frame.
  void SkipTo(const format::FrameItem& item);
  void SkipTo(const format::BodyItem& item);

  // Dropped segments whose files may still be there, in the order of dropping.
  std::vector<format::CatalogDropped>& dropped() { return dropped_; }

  void Load(const format::Catalog& catalog);
  void Store(format::Catalog* catalog) const;

 private:
  Status ApplyShared(const format::FrameItem& item, std::uint64_t time_us, std::uint64_t last_lsn);
  // The frames lie at the end of the open segment.
  Status CheckPlace(std::uint64_t segment_id, std::uint64_t offset, const Segment* segment) const;
  void SkipOwnTo(std::uint64_t stream_id, std::uint64_t segment_id, std::uint64_t offset,
                 std::uint64_t sequence);
  void ReleaseShared(Stream* stream);
  void DropTruncated(Stream* stream, std::uint64_t commit);

  std::vector<format::CatalogDropped> dropped_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::unordered_map<std::string_view, StreamHandle> by_key_;  // views of the streams' own
  std::unordered_map<std::uint64_t, StreamHandle> by_id_;
  std::vector<StreamHandle> with_segments_;
};

}  // namespace seglog::log
