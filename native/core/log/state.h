// SPDX-License-Identifier: MIT
// What the committer, the destager and the readers of one log share. Each of them runs on a thread
// of its own (or all on one, under a simulation); everything below the mutex is guarded by it, and
// nobody holds it across a system call.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "format/catalog.h"
#include "io/clock.h"
#include "io/file_system.h"
#include "log/journal_file.h"
#include "log/log_clock.h"
#include "log/options.h"
#include "log/request.h"
#include "log/segment_files.h"
#include "log/stream_table.h"
#include "log/written_bodies.h"

namespace seglog::log {

// The outside world, passed in. Outlives the log.
struct Environment {
  io::FileSystem* fs = nullptr;
  io::Clock* clock = nullptr;
  io::Random* random = nullptr;
};

struct SegmentRef {
  StreamHandle stream = 0;
  std::shared_ptr<Segment> segment;
};

// Repeat the segment's pending bytes below `end` in the current journal file. They are all that the
// files before `generation` are needed for.
struct CarryOrder {
  StreamHandle stream = 0;
  std::shared_ptr<Segment> segment;
  std::uint64_t end = 0;
  std::uint64_t generation = 0;
};

struct State {
  State(const Environment& outside, const Options& chosen)
      : options(chosen),
        environment(outside),
        log_clock(outside.clock),
        inbox(options),
        segment_files(outside.fs, chosen.open_segments_max, chosen.direct) {}

  const Options options;
  const Environment environment;
  LogClock log_clock;  // committer only
  Inbox inbox;
  SegmentFiles segment_files;
  format::LogUuid log_uuid{};
  std::uint64_t session = 0;  // the generation that this opening began; ids are made from it

  std::mutex mutex;
  StreamTable table;
  Status failure;         // the first failed write or sync; nothing is written after it
  bool no_space = false;  // destaging or preparing met a full disk and pauses

  // Commits. `issued` ones were given a place in the journal, durable ones are known to survive.
  std::uint64_t next_lsn = 1;
  std::uint64_t durable_lsn = 0;
  std::uint64_t issued_commit = 0;
  std::uint64_t durable_commit = 0;
  std::uint64_t recorded_mark = 0;  // the mark in the last issued block
  std::uint64_t last_time_us = 0;   // log time of the last issued block
  bool shows_undurable = false;  // weaker modes are in use: LSNs are reserved ahead of the durable
  std::uint64_t lsn_limit = 1;   // in the last issued block
  std::uint64_t durable_lsn_limit = 1;
  std::uint32_t ids_given = 0;

  // Journal files, by generation: old ones, the one being written, the one prepared to come next.
  std::vector<LiveJournalFile> old_journals;
  std::unique_ptr<JournalFile> journal;
  std::unique_ptr<JournalFile> next_journal;
  std::vector<FreeJournalFile> free_journals;
  std::uint64_t highest_generation = 0;
  std::uint64_t next_journal_bytes = 0;  // what the committer needs the next file to have at least

  // Orders from the destager to the committer, and their answers.
  std::vector<SegmentRef> fill_orders;  // give each a filler, so that it ends on a page
  std::vector<CarryOrder> carry_orders;
  std::vector<format::SealedItem> sealed_orders;
  bool capture_wanted = false;  // make everything durable, then copy the table:
  std::optional<format::Catalog> captured;

  // Files of dropped segments that may be given to new ones.
  std::vector<std::string> free_segments;

  // From the committer to the destager.
  std::deque<StreamHandle> destage_queue;
  std::deque<StreamHandle> room_queue;  // with an open segment that wants room for bodies
  bool room_unsupported = false;        // by the file system
  WrittenBodies written_bodies;         // from the committer, for summaries
  bool destager_has_news = false;  // something for the destager changed since it was last roused
  bool closing = false;            // everything is committed and durable; write the last snapshot
  std::optional<Status> close_result;

  struct Counters {
    std::uint64_t commits = 0, syncs = 0, mark_blocks = 0, records = 0;
    std::uint64_t journal_bytes_written = 0, segment_bytes_written = 0;
    std::uint64_t body_bytes_written = 0;  // of segment_bytes_written, those that no journal had
    std::uint64_t checkpoints = 0, carried_bytes = 0, segments_sealed = 0, segments_recycled = 0;
  } counters;

  // The rest is for holders of the mutex.
  std::uint64_t NewId() {
    SEGLOG_ASSERT(ids_given != UINT32_MAX && session <= UINT32_MAX);
    return session << 32 | ++ids_given;
  }
  std::uint64_t LiveJournalBytes() const {
    std::uint64_t bytes = journal == nullptr ? 0 : journal->bytes();
    for (const LiveJournalFile& old : old_journals) bytes += old.bytes;
    return bytes;
  }
  // The table and the numbers as a snapshot. Only while everything is durable and nothing in
  // flight.
  format::Catalog Capture();
  // The oldest journal file whose blocks hold bytes that no segment file holds durably.
  std::uint64_t OldestNeededGeneration();
  // The first live file from that generation on that has a block; the current one where none has.
  std::uint64_t FirstWithBlocks(std::uint64_t generation) const;
  // The number of the first block in that live file; of the next block where there is none yet.
  std::uint64_t FirstCommitOf(std::uint64_t generation) const;
  void QueueForDestage(StreamHandle handle) {
    Stream& stream = table.at(handle);
    destager_has_news = true;
    if (stream.queued_for_destage) return;
    stream.queued_for_destage = true;
    destage_queue.push_back(handle);
  }
};

}  // namespace seglog::log
