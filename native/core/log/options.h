// SPDX-License-Identifier: MIT
// Every bound and choice of an open log, with its default. The TypeScript API validates; the engine
// asserts. Bytes, microseconds and counts as the names say.
#pragma once

#include <cstdint>

#include "format/frame.h"

namespace seglog::log {

enum class CreateMode : std::uint8_t { kIfMissing, kNever, kNew };

enum class Durability : std::uint8_t {
  kSync,  // acknowledged when the record survives a power cut
  kOs,    // acknowledged when the kernel has it: survives a killed process
  kNone,  // acknowledged when accepted in memory
};

// Recovery begins a journal file that repeats everything pending, and a journal file has at most
// 4 GiB (journal_scan.cc): with commits of 8 KiB repeated bytes take up to three times their size.
inline constexpr std::uint64_t kJournalLiveBytesLimit = 1u << 30;
inline constexpr std::uint64_t kCommitBytesMaxLeast = 8192;
// What recovery passes over behind a block that cannot be read, whatever its session had chosen.
inline constexpr std::uint64_t kLsnReserveLimit = 1u << 20;

struct Options {
  CreateMode create = CreateMode::kIfMissing;
  bool read_only = false;
  bool skip_corruption = false;  // read-only logs: read what is sound, report what is not
  bool direct = true;            // O_DIRECT where the file system takes it

  std::uint64_t segment_bytes = 64u << 20;  // a segment that would grow beyond this is rotated
  std::uint64_t segment_age_us = 0;         // 0: never by age
  // A stream with less lies in segments that streams share. 0: each has its own from the start.
  std::uint64_t shared_stream_bytes_max = 64u << 10;
  std::uint64_t journal_first_bytes = 1u << 20;
  std::uint64_t journal_file_bytes = 16u << 20;
  std::uint64_t journal_live_bytes_max = 64u << 20;  // also bounds memory of what is not destaged
  std::uint64_t commit_bytes_max = 4u << 20;         // a commit takes what waits, up to about this
  std::uint64_t buffered_bytes_max = 16u << 20;      // waiting to be committed
  std::uint64_t appends_waiting_max = 65536;
  std::uint64_t record_bytes_max = 64u << 20;
  std::uint64_t batch_bytes_max = 64u << 20;
  std::uint64_t batch_records_max = 1u << 20;
  std::uint64_t frame_bytes_max = format::kFrameBytesMaxDefault;
  std::uint64_t destage_bytes = 512u << 10;  // a stream with this much pending is destaged
  std::uint64_t carry_bytes_max = 128u
                                  << 10;  // a stream with less pending is carried forward instead
  // What a commit adds to one stream is written straight to its segment, and not to the journal,
  // when it is at least so much (a quarter of it where the commit is not synced) and the segment's
  // file has room. 0: never.
  std::uint64_t out_of_line_bytes = 256u << 10;
  std::uint64_t mark_delay_us = 5000;  // a mark block this long after the last acknowledgement
  std::uint64_t lsn_reserve = kLsnReserveLimit;  // LSNs a commit allows for before the next one
  // A flush is due when so much is not durable: microseconds since the oldest of it was committed,
  // bytes of journal, records. 0: never. A record beyond the bound is answered when it is durable.
  std::uint64_t sync_every_us = 0;
  std::uint64_t sync_every_bytes = 0;
  std::uint64_t sync_every_records = 0;
  // How long the committer and JavaScript may look for each other's work without sleeping.
  std::uint64_t poll_us_max = 300;
  std::uint32_t open_segments_max = 64;  // open segment files
};

}  // namespace seglog::log
