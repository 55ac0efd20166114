// SPDX-License-Identifier: MIT
#include "log/destager.h"

#include <algorithm>

#include "format/key_name.h"

namespace seglog::log {
namespace {

// How long a full disk is left alone before the next try.
constexpr std::uint64_t kRetryUs = 500'000;
// Bodies are gathered before other segments are written and sealed, up to so many.
constexpr std::uint32_t kBodiesInARowMax = 16;
// Bodies are given room for so many of the size that wanted it; for as much again as the segment
// has, within these bounds, since many streams may get something large once.
constexpr std::uint64_t kRoomBodies = 8;
constexpr std::uint64_t kRoomBytesMin = 1u << 20;
constexpr std::uint64_t kRoomBytesMax = 16u << 20;

}  // namespace

void Destager::Begin(CatalogStore catalogs) {
  catalogs_ = std::move(catalogs);
  const std::lock_guard lock(state_->mutex);
  snapshots_mark_ = state_->durable_commit;
}

StepOutcome Destager::Step() {
  std::uint64_t journal_bytes = 0;
  bool closing = false;
  {
    const std::lock_guard lock(state_->mutex);
    closing = state_->closing;
    if (!state_->failure.ok()) return StepOutcome::kIdle;
    if (state_->no_space) {
      if (state_->environment.clock->BootMicros() < retry_at_us_) return StepOutcome::kIdle;
      state_->no_space = false;
    }
    retry_at_us_ = UINT64_MAX;
    if (closing) {
      if (state_->close_result.has_value()) return StepOutcome::kIdle;
      journal_bytes = 0;
    } else if (!JournalIsWanted(&journal_bytes)) {
      journal_bytes = 0;
    }
  }
  if (journal_bytes != 0) return PrepareJournal(journal_bytes);
  if (closing) return StepClosing();
  StreamHandle handle = 0;
  std::shared_ptr<Segment> segment;
  // Until there is room, what is large is written twice.
  if (RoomIsWanted(&handle, &segment)) {
    const Status made = MakeRoom(handle, segment.get());
    return made.ok() || MetFullDisk(made) ? StepOutcome::kProgress : Fail(made);
  }
  format::CatalogDropped dropped;
  if (DropIsDue(&dropped)) return DropSegment(dropped);
  if (phase_ == Phase::kNone && CheckpointIsDue()) {
    BeginCheckpoint();
    return StepOutcome::kProgress;  // The committer has something to do now.
  }
  // While a checkpoint waits for the committer, there may be other things to do.
  if (phase_ != Phase::kNone && StepCheckpoint() == StepOutcome::kProgress)
    return StepOutcome::kProgress;
  // Now and then other work has its turn, however many bodies come.
  if (++bodies_in_a_row_ <= kBodiesInARowMax && SummarizeBody()) return StepOutcome::kProgress;
  bodies_in_a_row_ = 0;
  if (seal_job_ != nullptr) return StepSeal();
  return StepQueue();
}

// And nothing worse: what a sync met is never tried again.
bool Destager::MetFullDisk(const Status& cause) {
  const bool from_sync = std::string_view(cause.syscall()).find("sync") != std::string_view::npos;
  return cause.code() == Code::kNoSpace && !from_sync;
}

// A full disk pauses; anything else stops the log for writing, and reopening recovers.
StepOutcome Destager::Fail(const Status& cause) {
  if (MetFullDisk(cause)) {
    const Status released = ReleaseRoom();
    if (!released.ok() && !MetFullDisk(released)) return Fail(released);
  }
  const std::lock_guard lock(state_->mutex);
  if (MetFullDisk(cause)) {
    state_->no_space = true;
    retry_at_us_ = state_->environment.clock->BootMicros() + kRetryUs;
    return StepOutcome::kProgress;  // Who waits for room has to hear of it.
  }
  if (state_->failure.ok()) {
    state_->failure = cause.WithCode(Code::kFailed, "a write behind the journal failed: ");
  }
  return StepOutcome::kProgress;
}

bool Destager::JournalIsWanted(std::uint64_t* bytes) {
  const JournalFile& current = *state_->journal;
  const std::uint64_t asked = state_->next_journal_bytes;
  *bytes = std::max(state_->options.journal_file_bytes, AlignUp<std::uint64_t>(asked, kPageBytes));
  if (state_->next_journal != nullptr) return state_->next_journal->bytes() < asked;
  return asked != 0 || current.HalfFull();
}

StepOutcome Destager::PrepareJournal(std::uint64_t bytes) {
  format::JournalIdentity identity;
  std::optional<FreeJournalFile> recycle;
  {
    const std::lock_guard lock(state_->mutex);
    identity = {.log_uuid = state_->log_uuid,
                .generation = ++state_->highest_generation,
                .salt = state_->environment.random->Next()};
    auto& free = state_->free_journals;
    const auto fitting = std::find_if(free.begin(), free.end(),
                                      [&](const auto& file) { return file.bytes == bytes; });
    if (fitting != free.end()) {
      recycle = *fitting;
      free.erase(fitting);
    }
  }
  Result<std::unique_ptr<JournalFile>> prepared =
      JournalFile::Prepare(state_->environment.fs, state_->options.direct, identity, bytes,
                           recycle.has_value() ? &*recycle : nullptr);
  if (!prepared.ok()) return Fail(prepared.status());
  std::unique_ptr<JournalFile> too_small;
  {
    const std::lock_guard lock(state_->mutex);
    too_small = std::exchange(state_->next_journal, std::move(prepared).value());
  }
  if (too_small == nullptr) return StepOutcome::kProgress;
  // No block was issued into it, and its generation is passed over.
  const Status removed =
      state_->environment.fs->Remove(format::JournalPath(too_small->generation()));
  return removed.ok() ? StepOutcome::kProgress : Fail(removed);
}

StepOutcome Destager::StepQueue() {
  StreamHandle handle = 0;
  std::shared_ptr<Segment> segment;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->destage_queue.empty()) return StepOutcome::kIdle;
    handle = state_->destage_queue.front();
    bool waits = false;
    if (!FindSegmentToDestage(handle, &segment, &waits) && !FindSegmentToSeal(handle, &waits)) {
      state_->destage_queue.pop_front();
      state_->table.at(handle).queued_for_destage = waits;
      if (waits) state_->destage_queue.push_back(handle);
      return StepOutcome::kProgress;
    }
  }
  if (segment == nullptr) return StepOutcome::kProgress;
  bool progress = false;
  const Status destaged = DestageChunk(handle, segment, &progress);
  return destaged.ok() ? StepOutcome::kProgress : Fail(destaged);
}

bool Destager::RoomIsWanted(StreamHandle* handle, std::shared_ptr<Segment>* segment) {
  const std::lock_guard lock(state_->mutex);
  while (!state_->room_queue.empty()) {
    *handle = state_->room_queue.front();
    state_->room_queue.pop_front();
    *segment = state_->table.at(*handle).segments.back();
    // Else it rotated since.
    if ((*segment)->room_wanted != 0 && (*segment)->is_durable()) return true;
  }
  return false;
}

// The file's name and its header are durable when a body may go to it. What bodies need is known to
// be there, so that a commit never meets a full disk: without room they go through the journal.
Status Destager::MakeRoom(StreamHandle handle, Segment* segment) {
  format::SegmentHeader header;
  std::string path;
  std::uint64_t size = 0;
  std::uint64_t had = 0;
  std::uint64_t destaged = 0;
  bool fresh = false;
  {
    const std::lock_guard lock(state_->mutex);
    const Stream& stream = state_->table.at(handle);
    had = segment->room_end;
    destaged = std::max<std::uint64_t>(segment->row.destaged, kPageBytes);
    path = SegmentPath(stream.key, segment->row);
    header = HeaderOf(stream, *segment);
    fresh = segment->row.destaged == 0;
    const std::uint64_t room = std::max(std::clamp(segment->row.end, kRoomBytesMin, kRoomBytesMax),
                                        kRoomBodies * segment->room_wanted);
    // The last body may end with a filler behind segment_bytes; a record may be larger than that.
    const std::uint64_t most =
        std::max(state_->options.segment_bytes, segment->row.end + 2 * segment->room_wanted);
    size = AlignUp<std::uint64_t>(std::min(most, segment->row.end + room) + 2 * kPageBytes,
                                  kPageBytes);
    segment->room_wanted = 0;
  }
  const Result<SegmentFiles::FileRef> file =
      fresh ? CreateSegmentFile(path) : state_->segment_files.ForWriting(path);
  if (!file.ok()) return file.status();
  if (fresh) {
    AlignedBuffer page;
    page.Resize(kPageBytes);
    format::EncodeSegmentHeader(header, page.mutable_bytes());
    SEGLOG_RETURN_IF_ERROR(file.value()->WriteAt(0, page.bytes(), io::WriteMode::kUnsynced));
    Summarize(segment, 0, header.stream_id, page.bytes());
  }
  const Result<bool> allocated = file.value()->Allocate(size);
  // What a failed try got is for those who cannot do without. No body lies there.
  if (!allocated.ok()) SEGLOG_RETURN_IF_ERROR(file.value()->Truncate(std::max(had, destaged)));
  // Of a file with bodies a sync is the committer's: it has to hear of their errors.
  if (fresh) SEGLOG_RETURN_IF_ERROR(file.value()->SyncData());
  const std::lock_guard lock(state_->mutex);
  if (fresh) segment->row.destaged = format::kSegmentDataOffset;
  if (!allocated.ok()) return Status::Ok();
  if (allocated.value()) segment->room_end = size;
  state_->room_unsupported = !allocated.value();
  return Status::Ok();
}

format::SegmentHeader Destager::HeaderOf(const Stream& stream, const Segment& segment) const {
  return {.log_uuid = state_->log_uuid,
          .segment_id = segment.row.id,
          .stream_id = stream.id,
          .first_sequence = segment.row.first_sequence,
          .created_us = segment.row.created_us,
          .previous_segment_id = stream.IdBefore(segment),
          .key = stream.key};
}

// The oldest of the stream's segments that has enough durable bytes in memory. `waits`: one has,
// but bodies before them are to be gathered first.
bool Destager::FindSegmentToDestage(StreamHandle handle, std::shared_ptr<Segment>* segment,
                                    bool* waits) {
  Stream& stream = state_->table.at(handle);
  for (auto candidate = stream.segments.rbegin(); candidate != stream.segments.rend();
       ++candidate) {
    const Segment& each = **candidate;
    if (each.row.state == format::SegmentState::kSealed) break;
    if (each.waits_for_body()) continue;
    const std::uint64_t bytes = DestageLimit(each) - each.pending.begin();
    const bool unfinished =
        !each.open() && each.row.destaged != each.row.end && each.durable_end == each.row.end;
    if (!unfinished && (bytes == 0 || bytes + kPageBytes <= state_->options.destage_bytes))
      continue;
    if (each.written_bodies > 0) {
      *waits = true;
    } else {
      *segment = *candidate;
    }
  }
  return *segment != nullptr;
}

bool Destager::FindSegmentToSeal(StreamHandle handle, bool* waits) {
  Stream& stream = state_->table.at(handle);
  std::shared_ptr<Segment> found;
  const Segment* before = nullptr;
  for (std::size_t i = stream.segments.size(); i-- > 0;) {
    const std::shared_ptr<Segment>& each = stream.segments[i];
    if (each->row.state == format::SegmentState::kSealed) break;
    if (each->open()) continue;
    found = each;
    before = i == 0 ? nullptr : stream.segments[i - 1].get();
  }
  if (found == nullptr || found->seal_ordered || found->seal_refused) return false;
  if (found->row.destaged != found->row.end || found->durable_end != found->row.end) return false;
  if (found->written_bodies > 0) {
    *waits = true;
    return false;
  }
  seal_job_ = std::make_unique<SealJob>(state_, SegmentView(state_, stream, found),
                                        OriginOf(*state_, stream, before), found->summary.get());
  sealing_ = found.get();
  return true;
}

StepOutcome Destager::StepSeal() {
  const Status stepped = seal_job_->Step();
  if (stepped.ok() && !seal_job_->done()) return StepOutcome::kProgress;
  const bool refused =
      stepped.code() == Code::kCorrupt || stepped.code() == Code::kFormatUnsupported;
  if (!stepped.ok() && !refused) {
    seal_job_.reset();  // Tried again from the start, unless this stops the log.
    return Fail(stepped);
  }
  const std::lock_guard lock(state_->mutex);
  if (stepped.ok()) {
    state_->sealed_orders.push_back(seal_job_->Item());
    sealing_->seal_ordered = true;
    sealing_->summary.reset();
    ++state_->counters.segments_sealed;
  } else {
    // The damage is reported by whoever reads it; a footer would only lend it credit.
    sealing_->seal_refused = true;
  }
  seal_job_.reset();
  return StepOutcome::kProgress;
}

// How far the segment may be destaged now: durable bytes, whole pages unless the segment ended.
std::uint64_t Destager::DestageLimit(const Segment& segment) const {
  if (!segment.open() && segment.durable_end == segment.row.end) return segment.row.end;
  return std::max(segment.pending.begin(),
                  AlignDown<std::uint64_t>(segment.durable_end, kPageBytes));
}

Status Destager::DestageChunk(StreamHandle handle, const std::shared_ptr<Segment>& segment,
                              bool* progress) {
  Chunk chunk;
  std::uint64_t stream_id = 0;
  {
    const std::lock_guard lock(state_->mutex);
    const Stream& stream = state_->table.at(handle);
    stream_id = stream.id;
    chunk.from = segment->pending.begin();
    chunk.to = segment->dropped ? chunk.from : DestageLimit(*segment);
    const std::uint64_t end =
        AlignDown<std::uint64_t>(chunk.from + state_->options.destage_bytes, kPageBytes);
    if (chunk.to > end) chunk.to = std::max(end, chunk.from + kPageBytes);
    chunk.fresh = segment->row.destaged == 0 && !segment->dropped;
    *progress = chunk.to > chunk.from || (chunk.fresh && !segment->open());
    if (!*progress) return Status::Ok();
    chunk.path = SegmentPath(stream.key, segment->row);
    if (chunk.fresh) {
      chunk.bytes.Resize(kPageBytes);
      format::EncodeSegmentHeader(HeaderOf(stream, *segment), chunk.bytes.mutable_bytes());
    }
    chunk.bytes.Append(segment->pending.Range(chunk.from, chunk.to));
    segment->destaging = true;
  }
  const std::size_t content_bytes = chunk.bytes.size();
  chunk.bytes.PadTo(kPageBytes);
  Status written = WriteChunk(chunk);
  if (written.ok()) {
    Summarize(segment.get(), chunk.offset(), stream_id, chunk.bytes.bytes().first(content_bytes));
  }
  const std::lock_guard lock(state_->mutex);
  segment->destaging = false;
  if (!written.ok()) return written;
  state_->counters.segment_bytes_written += chunk.bytes.size();
  segment->row.destaged = chunk.to;
  segment->pending.DropBefore(chunk.to);
  if (segment->pending.size() == 0) {
    segment->oldest_generation = 0;
    segment->times_carried = 0;
  }
  return Status::Ok();
}

Status Destager::WriteChunk(const Chunk& chunk) {
  const Result<SegmentFiles::FileRef> file =
      chunk.fresh ? CreateSegmentFile(chunk.path) : state_->segment_files.ForWriting(chunk.path);
  if (!file.ok()) return file.status();
  SEGLOG_RETURN_IF_ERROR(
      file.value()->WriteAt(chunk.offset(), chunk.bytes.bytes(), io::WriteMode::kUnsynced));
  return file.value()->SyncData();
}

// `bytes` were written at `offset`. What does not follow on what is known leaves it to sealing to
// read the file back.
void Destager::Summarize(Segment* segment, std::uint64_t offset, std::uint64_t stream_id,
                         ByteSpan bytes) {
  const format::CatalogSegment& row = segment->row;
  if (offset == 0) {
    segment->summary = std::make_unique<SegmentSummary>(row.id, stream_id, row.first_sequence);
  }
  if (segment->summary == nullptr) return;
  if (segment->summary->position() == offset) {
    segment->summary->Update(bytes);
  } else {
    segment->summary.reset();
  }
}

// The oldest body that the committer wrote.
bool Destager::SummarizeBody() {
  std::optional<WrittenBodies::Body> body;
  {
    const std::lock_guard lock(state_->mutex);
    body = state_->written_bodies.Take();
  }
  if (!body.has_value()) return false;
  Summarize(body->segment.get(), body->offset, 0, body->bytes->bytes());
  const std::lock_guard lock(state_->mutex);
  --body->segment->written_bodies;
  state_->written_bodies.Keep(std::move(body->bytes));
  return true;
}

// A dropped segment's file is used again where there is one: its blocks are allocated already.
Result<SegmentFiles::FileRef> Destager::CreateSegmentFile(const std::string& path) {
  std::string recycled;
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->free_segments.empty()) {
      recycled = std::move(state_->free_segments.back());
      state_->free_segments.pop_back();
      ++state_->counters.segments_recycled;
    }
  }
  return state_->segment_files.Create(path, recycled);
}

}  // namespace seglog::log
