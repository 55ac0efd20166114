// SPDX-License-Identifier: MIT
// What opening a log found and did, as data (JavaScript sees it as log.recovery), and damage as
// every part of the log reports it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace seglog::log {

enum class RecoveryStatus : std::uint8_t {
  kNew,        // there was no log; now there is one
  kClean,      // closed properly
  kRecovered,  // not closed, nothing lies behind the last commit
  kTornTail,   // something that is no whole commit lay behind the last one, and was cut off
  kCorrupt,    // only in errors, and in read-only logs that skip corruption
};

// Each case that recovery can meet, and its decision; docs/durability.md explains each row.
enum class RecoveryRow : std::uint8_t {
  kNoLog,                // no catalogue, no journal with commits: a new log is made
  kCatalogBoth,          // both snapshots valid and equal: use them
  kCatalogNewer,         // both valid, one newer: use the newer
  kCatalogOneBad,        // one fails its check or is missing: use the other, report
  kCatalogNoneValid,     // corrupt
  kCatalogMissing,       // no catalogue, but a journal with commits: corrupt
  kJournalHeaderCopy,    // first header fails, second is valid: use it, report
  kJournalHeaderBad,     // both fail in a live file: corrupt
  kJournalStartMissing,  // the file that the snapshot starts at is not there: corrupt
  kWalkNextFile,         // the next file's first block names this end: go on there
  kWalkEndUntouched,     // nothing of this life lies behind the last block: the end
  kWalkEndTorn,          // a block that fails its check, above the mark: cut off
  kWalkEndVoid,        // whole blocks lie behind a bad one, above the mark: cut off, never accepted
  kBodyTorn,           // a body that fails its check, above the mark: cut off with its commit
  kWalkBelowMark,      // a bad block at or below the mark: corrupt, nothing is changed
  kItemContradiction,  // an accepted block contradicts the catalogue: corrupt
  kBytesMissing,       // bytes neither destaged nor in an accepted block: corrupt
  kCount,
};

const char* RecoveryRowName(RecoveryRow row);
const char* RecoveryStatusName(RecoveryStatus status);

// Damage to acknowledged data: where, and what it may concern.
struct Damage {
  std::string file;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::string what;
  std::string key;                                      // empty where unknown
  std::uint64_t first_sequence = 0, last_sequence = 0;  // 0 where unknown
  std::uint64_t first_lsn = 0, last_lsn = 0;
};

// Bounded: damage beyond the bound is only counted.
struct DamageList {
  std::vector<Damage> listed;
  std::uint64_t omitted = 0;

  bool empty() const { return listed.empty(); }
  void Add(Damage damage);
  void Add(DamageList other);
};
// More entries than these are counted, but not listed.
inline constexpr std::size_t kDamageListedMax = 10'000;

// Records of one stream that were found in the journal above the snapshot.
struct ReplayedStream {
  std::string key;
  std::uint64_t first_sequence = 0, last_sequence = 0;
};
// More streams than these are counted, but not listed.
inline constexpr std::size_t kReplayedStreamsMax = 1000;

struct RecoveryReport {
  RecoveryStatus status = RecoveryStatus::kNew;
  std::uint64_t duration_us = 0;
  std::uint64_t journal_files = 0;
  std::uint64_t journal_bytes_read = 0;
  std::uint64_t streams = 0;
  std::uint64_t segments = 0;
  std::uint64_t records_replayed = 0;  // in accepted commits above the snapshot
  std::uint64_t replayed_first_lsn = 0, replayed_last_lsn = 0;  // of those, 0 if none
  std::vector<ReplayedStream> replayed;
  std::uint64_t pending_bytes = 0;  // taken over from the journal: not in segment files yet
  std::uint64_t commits_accepted = 0;
  std::uint64_t last_commit = 0;
  std::uint64_t durable_commit = 0;  // the highest mark that was found
  std::uint64_t last_lsn = 0;        // of the last record that is there
  std::uint64_t next_lsn = 0;  // last_lsn + 1 < next_lsn: the LSNs between are never given out

  // The torn tail, where there is one.
  std::string torn_file;
  std::uint64_t torn_offset = 0;
  std::uint64_t torn_bytes = 0;
  std::uint64_t void_commits = 0;  // whole blocks behind the cut, and their records
  std::uint64_t void_records = 0;
  std::uint64_t void_first_lsn = 0, void_last_lsn = 0;
  bool may_have_been_acknowledged = false;

  // The wall clock at open against the last stored log time. When it lies before, or more than 31
  // days after, log time goes on from the stored time.
  std::uint64_t clock_wall_us = 0, clock_stored_us = 0;
  bool clock_behind = false, clock_far_ahead = false;

  // LSNs that may have been handed out, unsynced, and are lost: [first, last], 0 if none. LSNs are
  // reserved ahead, so that the true last one may be lower.
  std::uint64_t lost_lsn_first = 0, lost_lsn_last = 0;

  std::vector<Damage> damage;
  std::vector<std::string> changes;  // what was changed on disk, in words
  std::array<std::uint64_t, static_cast<std::size_t>(RecoveryRow::kCount)> rows{};

  void Count(RecoveryRow row) { ++rows[static_cast<std::size_t>(row)]; }
};

}  // namespace seglog::log
