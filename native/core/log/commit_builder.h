// SPDX-License-Identifier: MIT
// Builds one commit block out of requests and orders, and brings the stream table to the state
// after it: numbers records, cuts frames, begins streams, rotates segments, adds to the bytes that
// are pending. Works in memory only, under the state mutex, on the commit thread.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "format/commit_block.h"
#include "log/state.h"

namespace seglog::log {

// An idle log keeps a block buffer of at most so much: of many logs in one process most are idle.
inline constexpr std::size_t kIdleBlockBytesMax = 32 * 1024;

class CommitBuilder final {
 public:
  explicit CommitBuilder(State* state) : state_(state) {}

  // `bytes_max`: what the block may take on disk.
  void Begin(std::uint64_t time_us, std::uint64_t bytes_max);
  bool empty() const { return block_.item_count() == 0 && parts_.empty(); }

  // At most so many bytes are added to the block by the request; Fits is false when that is too
  // many.
  std::uint64_t BytesBound(std::span<const AppendInput> records) const;
  std::uint64_t bytes_bound() const { return bytes_bound_; }
  bool Fits(std::uint64_t bytes) const { return bytes_bound_ + bytes <= bytes_max_; }

  // Orders come before requests: they concern bytes of earlier commits. Each returns false, and
  // adds nothing, when it does not fit.
  bool AddFiller(const SegmentRef& order);
  bool AddCarried(const CarryOrder& order);
  bool AddSealed(const format::SealedItem& item);
  bool AddTruncation(StreamHandle handle, std::uint64_t first_sequence);

  // Numbers the records, whose bytes are borrowed until BuildFrames. Fills in LSN and sequences.
  // Returns true when the records may be shown and acknowledged before they are durable.
  bool AddAppend(std::span<const AppendInput> records, Durability durability, std::uint64_t bytes,
                 Completion* answer);
  // The sequence that a record would get that is added now.
  std::uint64_t NextSequence(StreamHandle stream) const;
  // Writes what AddAppend collected: a frame or more for each stream. `synced`: the commit is, as
  // far as is known.
  void BuildFrames(bool synced);
  // Ends the stream's open segment; after BuildFrames. False when it does not fit.
  bool AddSeal(StreamHandle handle);

  // Writes the header and returns the block, padded, until the next Begin.
  AlignedBuffer* Finish(const format::CommitHeader& header, const format::JournalIdentity& identity,
                        std::uint64_t offset);
  std::uint64_t block_bytes() const { return block_.block_bytes(); }
  // Between commits: gives back what a busy moment needed.
  void Shrink();
  std::uint64_t time_us() const { return time_us_; }
  std::uint64_t record_count() const { return record_count_; }
  std::uint64_t carried_bytes() const { return carried_bytes_; }
  // What goes straight to segment files: to be written before the block.
  struct Body {
    std::shared_ptr<Segment> segment;
    std::string path;
    std::uint64_t offset = 0;
    std::shared_ptr<AlignedBuffer> bytes;
  };
  const std::vector<Body>& bodies() const { return bodies_; }
  std::uint64_t body_bytes() const;
  // The commit has to be durable before what it wants can be done.
  bool wants_sync() const { return wants_sync_; }
  // Streams whose state changed, each once since the last call.
  void TakeTouched(std::vector<StreamHandle>* out);

 private:
  struct PartRecord {
    format::RecordInput input;
    std::uint64_t lsn;
  };
  // One stream's records in this commit.
  struct Part {
    StreamHandle stream = 0;
    bool shared = false;      // goes to the segment that streams share
    std::uint64_t bytes = 0;  // of its records' data and user headers
    std::vector<PartRecord> records;
  };

  Part& PartOf(StreamHandle handle);
  void PlaceParts();
  bool BelongsToShared(const Part& part, std::uint64_t* bytes);
  void BuildPart(const Part& part);
  // How many of the records make the next frame, and how many bytes it takes in the segment.
  struct FrameCut {
    std::size_t count = 0;
    std::uint64_t bytes = 0;
  };
  // A frame of several records is no larger, so that a segment is not either.
  std::uint64_t FrameBytesMax() const;
  FrameCut CutFrame(std::span<const PartRecord> records, bool with_lsn_differences) const;
  void BuildFrame(Stream* stream, std::span<const PartRecord> records, bool shared,
                  bool with_lsn_differences);
  // Appends the records to `out` as the body of a frame at `offset`; fills in what follows from
  // them.
  void BuildRecords(std::span<const PartRecord> records, std::uint64_t segment_id,
                    std::uint64_t offset, bool with_lsn_differences, AlignedBuffer* out,
                    format::FrameHeader* header);
  std::size_t BuildBody(Stream* stream, const Part& part, std::span<const PartRecord> records,
                        bool with_lsn_differences);
  void WantRoom(const Part& part, Segment* segment);
  void BuildBodyFrame(const format::BodyItem& item, std::span<const PartRecord> records,
                      bool with_lsn_differences, AlignedBuffer* body);
  void FillBody(const format::BodyItem& item, AlignedBuffer* body) const;
  void Rotate(Stream* stream);
  void CreateStream(Stream* stream);
  void AppendPending(Stream* owner, const format::FrameItem& item);
  bool RotationIsDue(const Segment& segment, std::uint64_t frame_bytes) const;
  void Touch(StreamHandle handle);

  State* const state_;
  format::CommitBlockBuilder block_;
  format::FrameBodyBuilder frame_body_;
  std::uint64_t time_us_ = 0;
  std::uint64_t bytes_max_ = 0;
  std::uint64_t body_bytes_min_ = 0;  // so much of a stream goes out of line
  std::uint64_t bytes_bound_ = 0;     // what the block takes at most with all that was added
  std::uint64_t record_count_ = 0;
  std::uint64_t carried_bytes_ = 0;
  bool wants_sync_ = false;
  std::vector<Body> bodies_;
  std::vector<Part> parts_;
  std::vector<std::uint32_t> part_of_stream_;  // by handle: index in parts_ + 1, 0 for none
  std::vector<StreamHandle> touched_;
};

}  // namespace seglog::log
