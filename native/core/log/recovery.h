// SPDX-License-Identifier: MIT
// Opening a log: the catalogue, the live journal, and what follows from both. Reading comes first
// and changes nothing; only when all of it is sound is a new generation begun, and nothing is
// reported or appended before that is durable. A crash at any point of it leaves what it started
// from.
#pragma once

#include <cstdint>
#include <memory>

#include "log/catalog_store.h"
#include "log/journal_scan.h"
#include "log/state.h"

namespace seglog::log {

// kNotALog, or kNotFound where no log is to be made, for what is plainly no log's directory. Asked
// before the lock is taken, which makes a file: there nothing shall be made.
Status CheckDirectory(io::FileSystem* fs, const Options& options);

// Single use; nothing else of the log runs yet.
class Recovery final {
 public:
  Recovery(State* state, RecoveryReport* report)
      : state_(state), fs_(state->environment.fs), report_(report), catalogs_(fs_) {}

  // On success `state` is ready for the committer, the destager and readers.
  Status Run();
  // For the destager: knows which snapshot is the older one.
  CatalogStore TakeCatalogs() { return std::move(catalogs_); }

 private:
  Status LoadCatalog(bool* found);
  Status CheckNothingIsLost();
  Status MakeNew();
  Status MakeDirectories();
  Status Replay();
  Status ReplayCommit(const AcceptedCommit& commit);
  Status ReplayItem(const AcceptedCommit& commit, const format::Item& item);
  void NoteReplayed(std::uint64_t stream_id, std::uint64_t first_sequence, std::uint32_t records,
                    std::uint64_t first_lsn, std::uint64_t last_lsn);
  Status TakeBytes();
  Status FillPending(Segment* segment, const std::string& key);
  // `owner`: of the row with the segment, null if there is none.
  void RememberBytes(Stream* owner, std::uint64_t segment_id, std::uint64_t offset, ByteSpan bytes);
  void SetNumbers();
  Status BeginSession();
  Status WriteSnapshots();
  Status FreeOldJournals();
  Status TakeFreeSegments();
  void DescribeChanges();
  Status Contradiction(const AcceptedCommit& commit, const Status& cause);
  bool tolerant() const { return state_->options.skip_corruption; }

  // Bytes that accepted blocks hold of a segment: spans of the journal, or frame headers made anew.
  struct Piece {
    std::uint64_t offset = 0;
    ByteSpan bytes;
  };

  State* const state_;
  io::FileSystem* const fs_;
  RecoveryReport* const report_;
  CatalogStore catalogs_;
  format::Catalog catalog_;
  JournalScan scan_;
  std::unordered_map<std::uint64_t, std::size_t> replayed_;       // stream id to report_->replayed
  std::unordered_map<std::uint64_t, std::vector<Piece>> pieces_;  // by segment id
  std::vector<std::unique_ptr<std::byte[]>> made_headers_;
};

}  // namespace seglog::log
