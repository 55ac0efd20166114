// SPDX-License-Identifier: MIT
// Reads records of one stream, verified, in slabs of about the size that was asked for. Bytes below
// the destaged length come from the segment file, the rest from memory; the journal is never read.
// Damage is an error with its place, or skipped and reported when the request says so.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/aligned_buffer.h"
#include "log/frame_check.h"
#include "log/state.h"

namespace seglog::log {

// One thread at a time.
class Reader final {
 public:
  explicit Reader(State* state) : state_(state) {}

  void Read(const ReadRequest& request, ReadResult* result);

 private:
  // What a read needs to know of the segment it is in, as of one moment.
  struct Place {
    bool shared = false;  // among the segments that streams share: see shared_read.cc
    StreamHandle stream = 0;
    std::uint64_t stream_id = 0;
    format::CatalogShared frames;  // of the stream in shared segments
    std::shared_ptr<Segment> segment;
    std::uint64_t segment_id = 0;
    std::uint64_t end = 0;
    std::uint64_t footer_offset = 0, footer_bytes = 0;
    std::uint64_t next_sequence = 0;  // behind the segment's last record
    std::uint64_t limit = 0;          // records below are visible
    bool is_last = false;
    std::string path;
    std::string key;
  };
  // The piece of a segment that is being looked at.
  struct Window {
    std::uint64_t offset = 0;  // in the segment
    std::unique_ptr<std::byte[]> memory;
    ByteSpan bytes;
  };
  // True pairs of sequence and frame offset, by offset: where a walk may begin.
  struct Hints {
    std::vector<format::IndexEntry> entries;
    bool footer_tried = false;
  };
  // A frame in a shared segment, whole.
  struct SharedFrame {
    Place place;
    Window window;
    format::FrameHeader header;
  };
  // What was read was truncated away meanwhile; whatever was found in its file means nothing.
  bool WasDropped(const Place& place, std::uint64_t sequence);

  enum class Walk : std::uint8_t { kMore, kDone };

  bool FindPlace(const ReadRequest& request, std::uint64_t* sequence, Place* place,
                 ReadResult* result);
  Status Fetch(const Place& place, std::uint64_t offset, std::uint64_t bytes, Window* window);
  Status FetchFrame(const Place& place, std::uint64_t offset, std::uint64_t at_least,
                    Window* window);
  Status ReadShared(const ReadRequest& request, const Place& place, std::uint64_t* sequence,
                    ReadResult* result);
  bool PlaceOfShared(const Place& stream, std::uint64_t segment_id, Place* place);
  Status WalkLinks(const Place& stream, std::uint64_t sequence, std::vector<SharedFrame>* frames,
                   format::SharedPosition* stopped);
  Status FetchShared(const Place& stream, const format::SharedPosition& position,
                     std::uint64_t next_sequence, SharedFrame* frame);
  void SearchShared(const Place& stream, std::uint64_t sequence,
                    const format::SharedPosition& until, std::vector<SharedFrame>* frames);
  void CollectShared(const ReadRequest& request, const std::vector<SharedFrame>& frames,
                     std::uint64_t* sequence, ReadResult* result);
  std::uint64_t StartOffset(const ReadRequest& request, const Place& place, std::uint64_t sequence);
  void LoadFooter(const Place& place, Hints* hints);
  void NoteHint(const Place& place, const format::FrameHeader& header, std::uint64_t offset);
  Status ReadSegment(const ReadRequest& request, const Place& place, std::uint64_t* sequence,
                     ReadResult* result);
  Walk CollectFrame(const ReadRequest& request, const Place& place, const Window& window,
                    std::size_t position, const format::FrameHeader& header,
                    std::uint64_t* sequence, ReadResult* result);
  static void AddColumns(const Window& window, const format::FrameHeader& header,
                         const format::RecordView& record, std::uint64_t lsn, ReadResult* result);
  Status SkipDamage(const ReadRequest& request, const Place& place, const Status& cause,
                    std::uint64_t* offset, std::uint64_t* sequence, ReadResult* result);
  std::uint64_t FirstInMemory(const Place& place);
  bool FindNextFrame(const Place& place, std::uint64_t offset, std::uint64_t sequence,
                     std::uint64_t* found, format::FrameHeader* header);

  State* const state_;
  std::unordered_map<std::uint64_t, Hints> hints_;  // by segment id
};

}  // namespace seglog::log
