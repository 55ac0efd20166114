// SPDX-License-Identifier: MIT
// The destager does what no append waits for: it prepares the next journal file, moves durable
// bytes from memory to their segment files, seals segments that ended, and makes checkpoints so
// that journal files can be used again. Its loop is Step(), like the committer's. It never writes
// the journal or changes the numbers of the table; where a checkpoint needs a commit, it orders
// one.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "log/catalog_store.h"
#include "log/committer.h"
#include "log/seal_job.h"
#include "log/state.h"

namespace seglog::log {

// Destage thread only, except where said.
class Destager final {
 public:
  Destager(State* state, CatalogStore catalogs) : state_(state), catalogs_(std::move(catalogs)) {}

  // Takes over from recovery, which knows which snapshot is the older one.
  void Begin(CatalogStore catalogs);

  StepOutcome Step();
  // Boot time in microseconds at which an idle destager wants to step again, UINT64_MAX for never.
  std::uint64_t WakeAt() const { return retry_at_us_; }

 private:
  // A checkpoint frees the journal files before `generation`. Each segment that needs one of them
  // is destaged, or its bytes are carried forward.
  enum class Phase : std::uint8_t {
    kNone,
    kFlush,
    kDestage,
    kCarry,
    kCapture,
    kWriteFirst,
    kWriteSecond
  };
  struct Laggard {
    StreamHandle stream = 0;
    std::shared_ptr<Segment> segment;
    std::uint64_t end = 0;  // bytes below need the old files
    bool destage = false;
  };

  static bool MetFullDisk(const Status& cause);
  StepOutcome Fail(const Status& cause);
  bool JournalIsWanted(std::uint64_t* bytes);
  StepOutcome PrepareJournal(std::uint64_t bytes);

  bool CheckpointIsDue();
  void MoveTo(Phase phase) { phase_ = phase; }
  StepOutcome StepCheckpoint();
  void BeginCheckpoint();
  void ChooseWhatToDestage();
  StepOutcome DestageLaggard();
  void OrderCarrying();
  bool TakeCapture();
  StepOutcome FreeJournals();
  bool DropIsDue(format::CatalogDropped* next);
  StepOutcome DropSegment(const format::CatalogDropped& dropped);

  // The end of a session: see closing.cc.
  enum class Closing : std::uint8_t {
    kWriteFirst,
    kWriteSecond,
    kDestage,
    kRepeat,
    kRemove,
    kEnded
  };
  StepOutcome StepClosing();
  Status DoClosing();
  bool JournalHasGrown();
  Status DestageForClosing();
  Status RepeatForClosing();
  Status RemoveOldJournals();
  Status ReleaseRoom();

  StepOutcome StepQueue();
  // Gives the stream's open segment a file with blocks for bodies, where one was in want of it.
  bool RoomIsWanted(StreamHandle* handle, std::shared_ptr<Segment>* segment);
  Status MakeRoom(StreamHandle handle, Segment* segment);
  format::SegmentHeader HeaderOf(const Stream& stream, const Segment& segment) const;
  // Writes and syncs one chunk. `whole`: everything of an ended segment, whole pages otherwise.
  Status DestageChunk(StreamHandle handle, const std::shared_ptr<Segment>& segment, bool* progress);
  struct Chunk {
    std::string path;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    bool fresh = false;  // the first of its file, behind the header page
    AlignedBuffer bytes;

    std::uint64_t offset() const { return fresh ? 0 : from; }
  };
  Status WriteChunk(const Chunk& chunk);
  static void Summarize(Segment* segment, std::uint64_t offset, std::uint64_t stream_id,
                        ByteSpan bytes);
  bool SummarizeBody();
  Result<SegmentFiles::FileRef> CreateSegmentFile(const std::string& path);
  std::uint64_t DestageLimit(const Segment& segment) const;
  bool FindSegmentToDestage(StreamHandle handle, std::shared_ptr<Segment>* segment, bool* waits);
  bool FindSegmentToSeal(StreamHandle handle, bool* waits);
  StepOutcome StepSeal();

  State* const state_;
  CatalogStore catalogs_;
  Phase phase_ = Phase::kNone;
  std::uint64_t generation_ = 0;       // the checkpoint frees what is older
  std::uint32_t bodies_in_a_row_ = 0;  // that were summarized
  std::vector<Laggard> laggards_;
  std::size_t laggard_ = 0;
  format::Catalog snapshot_;
  std::uint64_t snapshots_mark_ = 0;  // both durable snapshots reflect the commits up to here
  std::unique_ptr<SealJob> seal_job_;
  Segment* sealing_ = nullptr;
  std::uint64_t retry_at_us_ = UINT64_MAX;  // after a full disk
  Closing closing_ = Closing::kWriteFirst;
  bool shrinking_ = false;  // closed with a clean snapshot: the rest may fail for want of room
};

}  // namespace seglog::log
