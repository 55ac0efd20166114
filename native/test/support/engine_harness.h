// SPDX-License-Identifier: MIT
// One life of an engine on a simulated disk, its loops stepped by hand: what tests of single
// behaviours are written with. Dropping a harness is a killed process; the disk keeps what the
// kernel had.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "format/commit_block.h"
#include "log/engine.h"
#include "test/support/simulated_clock.h"
#include "test/support/simulated_disk.h"

namespace seglog::test {

// Small, but large enough that nothing is destaged, rotated or checkpointed unless a test asks for
// it.
log::Options QuietOptions();
// Journal files of 13 blocks, segments of a few pages: everything happens soon.
log::Options BusyOptions();

struct KeyedData {
  std::string key;
  std::string data;
};

// What reading a stream gave.
struct Found {
  Status status;
  std::vector<std::string> data;
  std::vector<std::uint64_t> sequences;
  std::vector<std::uint64_t> lsns;
  std::vector<log::Damage> damage;
};

// One thread at a time. The disk must outlive it.
class EngineHarness final {
 public:
  explicit EngineHarness(SimulatedDisk* disk, const log::Options& options = QuietOptions());

  Status Open();
  const log::RecoveryReport& report() const { return report_; }
  log::Engine& engine() { return *engine_; }
  log::State& state() { return engine_->state(); }
  SimulatedClock& clock() { return clock_; }

  // Submitting; nothing is stepped.
  Status TryAppend(const std::vector<KeyedData>& records, log::Durability durability,
                   log::Token token);
  log::Token Submit(std::string key, std::string data,
                    log::Durability durability = log::Durability::kSync);
  log::Token SubmitBatch(const std::vector<KeyedData>& records,
                         log::Durability durability = log::Durability::kSync);
  log::Token Control(log::Request::Kind kind, std::uint64_t lsn = 0);
  log::Token Seal(const std::string& key);

  // Stepping.
  log::StepOutcome StepCommitter();
  log::StepOutcome StepDestager();
  // The committer until it has nothing to do, or waits. Time stands still.
  void RunCommitter();
  // Both, until neither has anything to do. Time stands still.
  void RunAll();
  // The same, and lets time pass until the mark is written.
  void Settle();

  bool Answered(log::Token token) const { return answers_.contains(token); }
  const log::Completion& AnswerTo(log::Token token) const { return answers_.at(token); }
  // Steps until the request is answered; a request that never is, is a bug of the engine, and
  // aborts.
  log::Completion Await(log::Token token);

  // Submits and awaits.
  log::Completion Append(std::string key, std::string data,
                         log::Durability durability = log::Durability::kSync);
  Status Sync() { return Await(Control(log::Request::Kind::kSync)).status; }
  Status Close() { return Await(Control(log::Request::Kind::kClose)).status; }

  // Reads with `request` (its stream is set from `key`) until the end, an error, or no progress.
  Found Read(const std::string& key, log::ReadRequest request = {});
  std::vector<std::string> Data(const std::string& key) { return Read(key).data; }

 private:
  const log::Options options_;
  SimulatedClock clock_;
  SimulatedRandom random_;
  std::unique_ptr<io::FileSystem> fs_;
  std::unique_ptr<log::Engine> engine_;
  log::RecoveryReport report_;
  log::Token token_ = 0;
  std::map<log::Token, log::Completion> answers_;
};

// `count` strings of `bytes` bytes, each different.
std::vector<std::string> Payloads(std::size_t count, std::size_t bytes);

// Where docs/format.md says that the segment's file lies.
std::string SegmentPathOf(const std::string& key, const format::CatalogSegment& row);

// A block of a journal file that is valid as a whole.
struct StoredBlock {
  std::uint64_t offset = 0;
  format::CommitHeader header;
};

// What an image's journal file holds; asserts that its header is valid.
format::JournalHeader JournalHeaderIn(const DiskImage& image, const std::string& path);
std::vector<StoredBlock> BlocksIn(const DiskImage& image, const std::string& path);
// The catalogue in CATALOG; asserts that it is valid.
format::Catalog CatalogIn(const DiskImage& image, std::string_view path = "CATALOG");
// Stores it under both names.
void PutCatalogs(DiskImage* image, const format::Catalog& catalog);
// The file of the journal's highest generation.
std::string LastJournal(const DiskImage& image);

}  // namespace seglog::test
