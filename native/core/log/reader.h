// SPDX-License-Identifier: MIT
// Reads records of one stream, verified, in slabs of about the size that was asked for. Damage is
// an error with its place, or skipped and reported when the request says so.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "log/frame_check.h"
#include "log/segment_view.h"
#include "log/state.h"

namespace seglog::log {

// One thread at a time.
class Reader final {
 public:
  explicit Reader(State* state) : state_(state) {}

  void Read(const ReadRequest& request, ReadResult* result);

 private:
  // Where a read is.
  struct Place {
    bool shared = false;  // among the segments that streams share: see shared_read.cc
    StreamHandle stream = 0;
    std::uint64_t stream_id = 0;
    std::string key;
    std::uint64_t limit = 0;  // records below are visible
    SegmentView segment;      // where `shared`, none until a frame's is looked for
    // Where `shared`: what the stream has there, and where that ends.
    format::CatalogShared frames;
    std::uint64_t next_sequence = 0;
  };
  // True pairs of sequence and frame offset, by offset: where a walk may begin.
  struct Hints {
    std::vector<format::IndexEntry> entries;
    bool footer_tried = false;
    bool header_tried = false;
  };
  // A frame in a shared segment, whole.
  struct SharedFrame {
    Place place;
    SegmentWindow window;
    format::FrameHeader header;
  };

  enum class Walk : std::uint8_t { kMore, kDone };

  bool FindPlace(const ReadRequest& request, std::uint64_t* sequence, Place* place,
                 ReadResult* result);
  // What was read was truncated away meanwhile; whatever was found in its file means nothing.
  bool WasDropped(const Place& place, std::uint64_t sequence);
  Status ReadShared(const ReadRequest& request, const Place& place, std::uint64_t* sequence,
                    ReadResult* result);
  bool PlaceOfShared(const Place& stream, std::uint64_t segment_id, Place* place);
  Status WalkLinks(const Place& stream, std::uint64_t sequence, std::vector<SharedFrame>* frames,
                   format::SharedPosition* stopped);
  Status FetchShared(const Place& stream, const format::SharedPosition& position,
                     std::uint64_t next_sequence, SharedFrame* frame);
  Status SearchShared(const Place& stream, std::uint64_t sequence,
                      const format::SharedPosition& until, std::vector<SharedFrame>* frames);
  void CollectShared(const ReadRequest& request, const std::vector<SharedFrame>& frames,
                     std::uint64_t* sequence, ReadResult* result);
  Status FindStart(const ReadRequest& request, const Place& place, std::uint64_t sequence,
                   std::uint64_t* offset);
  Status CheckHeader(const SegmentView& segment, Hints* hints);
  Status LoadFooter(const SegmentView& segment, Hints* hints);
  void NoteHint(std::uint64_t segment_id, const format::FrameHeader& header, std::uint64_t offset);
  Status ReadSegment(const ReadRequest& request, const Place& place, std::uint64_t* sequence,
                     ReadResult* result);
  Walk CollectFrame(const ReadRequest& request, const Place& place, const SegmentWindow& window,
                    std::size_t position, const format::FrameHeader& header,
                    std::uint64_t* sequence, ReadResult* result);
  static void AddColumns(const SegmentWindow& window, const format::FrameHeader& header,
                         const format::RecordView& record, std::uint64_t lsn, ReadResult* result);
  Status SkipDamage(const ReadRequest& request, const Place& place, const Status& cause,
                    std::uint64_t* offset, std::uint64_t* sequence, ReadResult* result);

  State* const state_;
  std::unordered_map<std::uint64_t, Hints> hints_;  // by segment id
};

}  // namespace seglog::log
