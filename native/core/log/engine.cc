// SPDX-License-Identifier: MIT
#include "log/engine.h"

#include "hash/crc32c.h"
#include "log/live_objects.h"

namespace seglog::log {
namespace {

StreamInfo InfoOf(StreamHandle handle, const Stream& stream) {
  StreamInfo info;
  info.handle = handle;
  info.key = stream.key;
  info.id = stream.id;
  info.first_sequence = stream.first_sequence;
  info.next_sequence = stream.visible_next;
  info.created_us = stream.created_us;
  info.segments = stream.segments.size();
  info.bytes = stream.shared.bytes;
  info.last_lsn = stream.shared.last_lsn;
  info.last_time_us = stream.shared.last_time_us;
  for (const auto& segment : stream.segments) {
    info.bytes += segment->row.end - format::kSegmentDataOffset;
    if (segment->row.last_lsn == 0) continue;
    info.last_lsn = segment->row.last_lsn;
    info.last_time_us = segment->row.last_time_us;
  }
  return info;
}

}  // namespace

Status CheckOptions(const Options& options) {
  const auto refuse = [](const char* what) { return Status(Code::kInvalidArgument, what); };
  if (options.skip_corruption && !options.read_only) {
    return refuse("onCorruption: 'skip' is for logs that are opened read-only");
  }
  if (options.journal_first_bytes % kPageBytes != 0 ||
      options.journal_file_bytes % kPageBytes != 0) {
    return refuse("journal files are whole pages of 4,096 bytes");
  }
  if (options.journal_first_bytes < 4 * kPageBytes || options.journal_file_bytes < 4 * kPageBytes) {
    return refuse("a journal file has at least four pages");
  }
  if (options.carry_bytes_max > options.journal_file_bytes / 4) {
    return refuse("carryBytesMax is at most a quarter of journalFileBytes");
  }
  if (options.journal_live_bytes_max < 2 * options.journal_file_bytes) {
    return refuse("journalLiveBytesMax is at least two journal files");
  }
  if (options.journal_live_bytes_max > kJournalLiveBytesLimit) {
    return refuse("journalLiveBytesMax is at most 1 GiB");
  }
  if (options.commit_bytes_max < kCommitBytesMaxLeast) {
    return refuse("commitBytesMax is at least 8 KiB");
  }
  if (options.record_bytes_max > format::kRecordDataBytesLimit) {
    return refuse("recordBytesMax is at most 128 MiB");
  }
  if (options.frame_bytes_max > format::kFrameBytesLimit || options.frame_bytes_max < 1024) {
    return refuse("frameBytesMax lies between 1 KiB and 512 KiB");
  }
  if (options.segment_bytes > format::kSegmentBytesLimit / 2 ||
      options.segment_bytes < 2 * kPageBytes) {
    return refuse("segmentBytes lies between 8 KiB and 16 GiB");
  }
  if (options.open_segments_max == 0 || options.destage_bytes < kPageBytes) {
    return refuse("openSegmentsMax is at least 1 and destageBytes at least a page");
  }
  if (options.lsn_reserve == 0 || options.lsn_reserve > kLsnReserveLimit) {
    return refuse("lsnReserve lies between 1 and 1,048,576");
  }
  return Status::Ok();
}

Result<std::unique_ptr<Engine>> Engine::Open(const Environment& environment, const Options& options,
                                             RecoveryReport* report) {
  SEGLOG_RETURN_IF_ERROR(CheckOptions(options));
  const std::uint64_t started = environment.clock->BootMicros();
  std::unique_ptr<Engine> engine(new Engine(environment, options));
  Recovery recovery(&engine->state_, report);
  const Status recovered = recovery.Run();
  report->duration_us = environment.clock->BootMicros() - started;
  if (!recovered.ok()) return recovered;
  engine->destager_.Begin(recovery.TakeCatalogs());
  return engine;
}

StreamHandle Engine::HandleOf(std::string_view key) {
  const std::lock_guard lock(state_.mutex);
  return state_.table.HandleOf(key);
}

std::optional<StreamHandle> Engine::Find(std::string_view key) {
  const std::lock_guard lock(state_.mutex);
  return state_.table.Find(key);
}

Result<StreamInfo> Engine::Describe(StreamHandle handle) {
  const std::lock_guard lock(state_.mutex);
  const Stream& stream = state_.table.at(handle);
  if (!stream.born()) return Status(Code::kNotFound, "there is no stream of that key");
  return InfoOf(handle, stream);
}

std::vector<StreamInfo> Engine::Streams(std::string_view prefix) {
  const std::lock_guard lock(state_.mutex);
  std::vector<StreamInfo> infos;
  for (StreamHandle handle = kSharedHandle + 1; handle < state_.table.size(); ++handle) {
    const Stream& stream = state_.table.at(handle);
    if (stream.born() && stream.key.starts_with(prefix)) infos.push_back(InfoOf(handle, stream));
  }
  return infos;
}

Stats Engine::GetStats() {
  Stats stats;
  stats.waiting_bytes = state_.inbox.waiting_bytes();
  stats.waiting_requests = state_.inbox.waiting_requests();
  stats.open_segments = state_.segment_files.open_count();
  stats.checksum_method = hash::Crc32cImplementation();
  stats.live_logs = live_logs.load();
  stats.live_channels = live_channels.load();
  stats.live_rings = live_rings.load();
  const std::lock_guard lock(state_.mutex);
  const State::Counters& counters = state_.counters;
  stats.commits = counters.commits;
  stats.syncs = counters.syncs;
  stats.mark_blocks = counters.mark_blocks;
  stats.records = counters.records;
  stats.journal_bytes_written = counters.journal_bytes_written;
  stats.segment_bytes_written = counters.segment_bytes_written;
  stats.body_bytes_written = counters.body_bytes_written;
  stats.checkpoints = counters.checkpoints;
  stats.carried_bytes = counters.carried_bytes;
  stats.segments_sealed = counters.segments_sealed;
  stats.segments_recycled = counters.segments_recycled;
  stats.journal_live_bytes = state_.LiveJournalBytes();
  for (const StreamHandle handle : state_.table.with_segments()) {
    for (const auto& segment : state_.table.at(handle).segments) {
      stats.pending_bytes += segment->row.end - segment->memory_begin();
    }
  }
  stats.streams = state_.table.born_count();
  stats.durable_lsn = state_.durable_lsn;
  stats.next_lsn = state_.next_lsn;
  stats.commit = state_.issued_commit;
  stats.durable_commit = state_.durable_commit;
  stats.no_space = state_.no_space;
  stats.failed = !state_.failure.ok();
  if (state_.journal != nullptr) {
    stats.generation = state_.journal->generation();
    stats.write_method = state_.journal->write_method();
  }
  return stats;
}

std::uint64_t Engine::DurableLsn() {
  const std::lock_guard lock(state_.mutex);
  return state_.durable_lsn;
}

bool Engine::TakeNewsForDestager() {
  const std::lock_guard lock(state_.mutex);
  return std::exchange(state_.destager_has_news, false);
}

void Engine::Resume() {
  const std::lock_guard lock(state_.mutex);
  state_.no_space = false;
}

}  // namespace seglog::log
