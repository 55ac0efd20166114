// SPDX-License-Identifier: MIT
#include "test/support/engine_harness.h"

#include "format/key_name.h"
#include "log/catalog_store.h"

namespace seglog::test {
namespace {

// No request of a test needs more steps than this.
constexpr int kStepsMax = 200'000;
// How often both loops may find nothing to do, while time passes, before a request counts as
// forgotten.
constexpr int kIdleMax = 1'000;

}  // namespace

log::Options QuietOptions() {
  log::Options options;
  options.segment_bytes = 1u << 20;
  options.shared_stream_bytes_max = 0;
  options.journal_first_bytes = 256 * 1024;
  options.journal_file_bytes = 256 * 1024;
  options.journal_live_bytes_max = 8u << 20;
  options.commit_bytes_max = 64 * 1024;
  options.frame_bytes_max = 8 * 1024;
  options.destage_bytes = 1u << 20;
  options.carry_bytes_max = 16 * 1024;
  options.lsn_reserve = 100;
  options.open_segments_max = 4;
  return options;
}

log::Options BusyOptions() {
  log::Options options = QuietOptions();
  options.segment_bytes = 32 * 1024;
  options.journal_first_bytes = 60 * 1024;
  options.journal_file_bytes = 60 * 1024;
  options.journal_live_bytes_max = 180 * 1024;
  options.commit_bytes_max = 16 * 1024;
  options.frame_bytes_max = 2 * 1024;
  options.destage_bytes = 8 * 1024;
  options.carry_bytes_max = 8 * 1024;
  return options;
}

EngineHarness::EngineHarness(SimulatedDisk* disk, const log::Options& options)
    : options_(options), random_(disk->calls() + 1), fs_(disk->Mount(options.read_only)) {}

Status EngineHarness::Open() {
  const log::Environment environment{.fs = fs_.get(), .clock = &clock_, .random = &random_};
  Result<std::unique_ptr<log::Engine>> engine = log::Engine::Open(environment, options_, &report_);
  if (!engine.ok()) return engine.status();
  engine_ = std::move(engine).value();
  return Status::Ok();
}

Status EngineHarness::TryAppend(const std::vector<KeyedData>& records, log::Durability durability,
                                log::Token token) {
  std::vector<log::AppendInput> inputs;
  inputs.reserve(records.size());
  for (const KeyedData& record : records) {
    inputs.push_back({.stream = engine_->HandleOf(record.key),
                      .user_headers = {},
                      .data = AsBytes(record.data)});
  }
  return state().inbox.SubmitAppend(inputs, durability, token);
}

log::Token EngineHarness::Submit(std::string key, std::string data, log::Durability durability) {
  return SubmitBatch({{std::move(key), std::move(data)}}, durability);
}

log::Token EngineHarness::SubmitBatch(const std::vector<KeyedData>& records,
                                      log::Durability durability) {
  const log::Token token = ++token_;
  const Status taken = TryAppend(records, durability, token);
  if (!taken.ok()) {
    log::Completion refused;
    refused.token = token;
    refused.status = taken;
    answers_.emplace(token, std::move(refused));
  }
  return token;
}

log::Token EngineHarness::Control(log::Request::Kind kind, std::uint64_t lsn) {
  log::Request request;
  request.kind = kind;
  request.token = ++token_;
  request.lsn = lsn;
  state().inbox.Submit(std::move(request));
  return token_;
}

log::Token EngineHarness::Seal(const std::string& key) {
  log::Request request;
  request.kind = log::Request::Kind::kSeal;
  request.token = ++token_;
  request.stream = engine_->HandleOf(key);
  state().inbox.Submit(std::move(request));
  return token_;
}

log::StepOutcome EngineHarness::StepCommitter() {
  const log::StepOutcome outcome = engine_->committer().Step();
  std::vector<log::Completion> answers;
  engine_->committer().TakeCompletions(&answers);
  for (log::Completion& answer : answers) {
    const bool first = answers_.emplace(answer.token, answer).second;
    SEGLOG_ASSERT(first);  // A request is answered once.
  }
  return outcome;
}

log::StepOutcome EngineHarness::StepDestager() { return engine_->destager().Step(); }

void EngineHarness::RunCommitter() {
  for (int i = 0; i < kStepsMax; ++i) {
    if (StepCommitter() != log::StepOutcome::kProgress) return;
  }
  SEGLOG_ASSERT(false);
}

void EngineHarness::RunAll() {
  for (int i = 0; i < kStepsMax; ++i) {
    const bool committed = StepCommitter() == log::StepOutcome::kProgress;
    const bool destaged = StepDestager() == log::StepOutcome::kProgress;
    if (!committed && !destaged) return;
  }
  SEGLOG_ASSERT(false);
}

void EngineHarness::Settle() {
  for (int i = 0; i < 3; ++i) {
    RunAll();
    clock_.Advance(options_.mark_delay_us);
  }
  RunAll();
}

log::Completion EngineHarness::Await(log::Token token) {
  int idle = 0;
  for (int i = 0; i < kStepsMax && !Answered(token); ++i) {
    if (StepCommitter() == log::StepOutcome::kProgress ||
        StepDestager() == log::StepOutcome::kProgress) {
      idle = 0;
    } else {
      SEGLOG_ASSERT(++idle < kIdleMax);
      clock_.Advance(1'000);
    }
  }
  return AnswerTo(token);
}

log::Completion EngineHarness::Append(std::string key, std::string data,
                                      log::Durability durability) {
  return Await(Submit(std::move(key), std::move(data), durability));
}

Found EngineHarness::Read(const std::string& key, log::ReadRequest request) {
  Found found;
  request.stream = engine_->HandleOf(key);
  while (true) {
    log::ReadResult result;
    engine_->reader().Read(request, &result);
    std::uint64_t sequence = result.first_sequence;
    for (const log::RecordColumns& record : result.records) {
      found.data.emplace_back(
          reinterpret_cast<const char*>(result.bytes.get()) + record.data_offset,
          record.data_bytes);
      found.sequences.push_back(sequence++);
      found.lsns.push_back(record.lsn);
    }
    found.damage.insert(found.damage.end(), result.damage.begin(), result.damage.end());
    found.status = result.status;
    if (!result.status.ok() || result.at_end) return found;
    SEGLOG_ASSERT(result.next_sequence > request.from_sequence);
    request.from_sequence = result.next_sequence;
  }
}

std::vector<std::string> Payloads(std::size_t count, std::size_t bytes) {
  std::vector<std::string> payloads;
  for (std::size_t i = 0; i < count; ++i) {
    std::string payload = std::to_string(i) + ":";
    while (payload.size() < bytes) payload += static_cast<char>('a' + (i + payload.size()) % 26);
    payloads.push_back(std::move(payload));
  }
  return payloads;
}

std::string SegmentPathOf(const std::string& key, const format::CatalogSegment& row) {
  return format::StreamDirectory(key) + "/" + format::SegmentFileName(row.first_sequence, row.id);
}

format::JournalHeader JournalHeaderIn(const DiskImage& image, const std::string& path) {
  const std::vector<std::byte> bytes = image.ReadFile(path);
  const Result<format::JournalHeader> header =
      format::DecodeJournalHeader(ByteSpan(bytes).first(kPageBytes));
  SEGLOG_ASSERT(header.ok());
  return header.value();
}

std::vector<StoredBlock> BlocksIn(const DiskImage& image, const std::string& path) {
  const std::vector<std::byte> bytes = image.ReadFile(path);
  const format::JournalIdentity identity = JournalHeaderIn(image, path).identity;
  std::vector<StoredBlock> blocks;
  for (std::uint64_t at = format::kJournalBlocksOffset; at < bytes.size(); at += kPageBytes) {
    const ByteSpan rest = ByteSpan(bytes).subspan(at);
    const Result<format::CommitHeader> header = format::DecodeCommitHeader(rest, identity, at);
    if (!header.ok() || header->block_bytes() > rest.size()) continue;
    const ByteSpan block = rest.first(static_cast<std::size_t>(header->block_bytes()));
    if (!format::DecodeCommitBody(header.value(), block, identity, at).ok()) continue;
    blocks.push_back({.offset = at, .header = header.value()});
  }
  return blocks;
}

format::Catalog CatalogIn(const DiskImage& image, std::string_view path) {
  Result<format::Catalog> catalog = format::DecodeCatalog(image.ReadFile(path));
  SEGLOG_ASSERT(catalog.ok());
  return std::move(catalog).value();
}

void PutCatalogs(DiskImage* image, const format::Catalog& catalog) {
  AlignedBuffer encoded;
  format::EncodeCatalog(catalog, &encoded);
  image->PutFile(log::kCatalogPath, encoded.bytes());
  image->PutFile(log::kCatalogCopyPath, encoded.bytes());
}

std::string LastJournal(const DiskImage& image) {
  const std::vector<std::string> files = image.Files("journal/");
  SEGLOG_ASSERT(!files.empty());
  return files.back();
}

}  // namespace seglog::test
