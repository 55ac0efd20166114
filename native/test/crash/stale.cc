// SPDX-License-Identifier: MIT
#include "test/crash/stale.h"

#include <array>

#include "format/key_name.h"

namespace seglog::crash {
namespace {

Workload RecyclingWorkload() {
  Workload workload = Workloads().front();
  workload.name = "stale";
  workload.requests = 60;
  workload.percent_large = 0;
  workload.percent_seal = 10;
  workload.payload_bytes_max = 600;
  workload.close = false;
  // A record of several pages fits its segment, so that nothing but its frame lies in its block.
  workload.options.segment_bytes = 1u << 20;
  return workload;
}

// Who may have written a block that lies where ours are expected.
enum class Origin : std::uint8_t { kEarlierLife, kOtherLog, kRestoredCopy };
constexpr std::array<Origin, 3> kOrigins{Origin::kEarlierLife, Origin::kOtherLog,
                                         Origin::kRestoredCopy};

format::JournalIdentity IdentityOf(Origin origin, format::JournalIdentity identity) {
  identity.salt ^= 0x5A5A;
  if (origin == Origin::kEarlierLife) --identity.generation;
  if (origin == Origin::kOtherLog) identity.log_uuid[0] ^= std::byte{1};
  return identity;
}

}  // namespace

struct StalePhase::RunningLog {
  explicit RunningLog(std::uint64_t seed)
      : workload(RecyclingWorkload()), life(&disk, workload, seed, &model) {}

  // The block that would come next, holding one record, as `origin` would have written it.
  std::vector<std::byte> Forge(Origin origin, std::uint64_t offset, std::uint64_t ahead) {
    log::State& state = life.engine().state();
    format::CommitBlockBuilder builder;
    builder.Begin(state.next_lsn);
    log::Stream& stream = state.table.at(life.engine().HandleOf("key-0"));
    const format::CatalogSegment& row = stream.open_segment()->row;
    builder.BeginFrame();
    format::FrameBodyBuilder body;
    body.Begin(row.id, row.end + format::kFrameHeaderBytes, false, builder.buffer());
    body.Add({.data = AsBytes("never appended")});
    format::FrameHeader frame;
    body.Finish(&frame);
    builder.EndFrame({.stream_id = stream.id,
                      .segment_id = row.id,
                      .segment_offset = row.end,
                      .first_lsn = state.next_lsn,
                      .first_sequence = stream.next_sequence,
                      .record_count = frame.record_count,
                      .flags = frame.flags});
    const std::uint64_t commit = state.issued_commit + 1 + ahead;
    const ByteSpan block = builder.Finish({.commit = commit,
                                           .mark = commit - 1,
                                           .lsn_limit = state.next_lsn + 1,
                                           .time_us = state.last_time_us},
                                          IdentityOf(origin, state.journal->identity()), offset);
    return {block.begin(), block.end()};
  }

  test::SimulatedDisk disk;
  Workload workload;
  Model model;
  Life life;
  FoundLog content;
};

std::optional<Failure> StalePhase::Run(std::uint64_t seed) {
  const std::string where = "stale seed " + std::to_string(seed);
  RunningLog log(seed);
  log::RecoveryReport report;
  const Status opened = log.life.Open(&report);
  if (!opened.ok()) return Failure{{Invariant::kRunsOn, opened.ToString()}, where};
  if (auto violation = log.life.Run()) return Failure{*violation, where};
  log.life.Settle();
  if (auto violation = ReadEverything(&log.life.engine(), false, &log.content))
    return Failure{*violation, where};
  if (!log.content.contains("key-0")) return std::nullopt;
  if (auto failure = BehindTheEnd(seed, &log)) return failure;
  if (auto failure = InFooter(seed, log)) return failure;
  if (auto failure = InRecord(seed, &log)) return failure;
  log.life.Settle();
  return TornTruncation(seed, &log);
}

// Where the next block is expected, and further on, where only its mark would count.
std::optional<Failure> StalePhase::BehindTheEnd(std::uint64_t seed, RunningLog* log) {
  const log::JournalFile& journal = *log->life.engine().state().journal;
  const std::string path = format::JournalPath(journal.generation());
  const test::DiskImage image = log->disk.CurrentImage();
  for (std::uint64_t pages = 0; pages < 3; ++pages) {
    const std::uint64_t offset = journal.write_offset() + pages * kPageBytes;
    if (offset + kPageBytes > journal.bytes()) break;
    for (const Origin origin : kOrigins) {
      ++stale_->blocks_behind_the_end;
      test::DiskImage forged = image;
      forged.Overwrite(path, offset, log->Forge(origin, offset, 2 * pages));
      const std::string where = "stale seed " + std::to_string(seed) + ", origin " +
                                std::to_string(static_cast<int>(origin)) + ", " +
                                std::to_string(pages) + " pages behind the end";
      if (auto failure = Look(forged, *log, where)) return failure;
    }
  }
  return std::nullopt;
}

// A footer whose index leads past the first frame: its checksum tells that it is not to be
// believed.
std::optional<Failure> StalePhase::InFooter(std::uint64_t seed, const RunningLog& log) {
  const test::DiskImage image = log.disk.CurrentImage();
  for (const std::string& path : image.Files("streams")) {
    const std::vector<std::byte> file = image.ReadFile(path);
    const ByteSpan bytes(file);
    const Result<std::uint64_t> footer = format::DecodeFooterTrailer(bytes);
    if (!footer.ok()) continue;
    const Result<format::FrameHeader> first =
        format::DecodeFrameHeader(bytes.subspan(format::kSegmentDataOffset));
    if (!first.ok()) continue;
    const std::uint64_t second = format::kSegmentDataOffset + first->total_bytes();
    if (!format::DecodeFrameHeader(bytes.subspan(static_cast<std::size_t>(second))).ok()) continue;
    ++stale_->footers;
    std::array<std::byte, sizeof(std::uint64_t)> offset;
    StoreLittle(MutableByteSpan(offset), 0, second);
    test::DiskImage forged = image;
    forged.Overwrite(
        path, footer.value() + format::kFooterFixedBytes + format::kIndexEntryFrameOffset, offset);
    const std::string where = "stale seed " + std::to_string(seed) + ", footer of " + path;
    if (auto failure = Look(forged, log, where)) {
      failure->violation.invariant = Invariant::kDamageIsFound;
      return failure;
    }
  }
  return std::nullopt;
}

// An acknowledged truncation whose commit is the last one, above every mark: damaged, it looks like
// a torn tail and is undone. Until both snapshots reflect it, the files that it drops must be
// there.
std::optional<Failure> StalePhase::TornTruncation(std::uint64_t seed, RunningLog* log) {
  log::Engine& engine = log->life.engine();
  const log::StreamHandle handle = engine.HandleOf("key-0");
  log::Request request;
  request.kind = log::Request::Kind::kTruncateBefore;
  request.stream = handle;
  request.token = 1'000'000;
  request.sequence = engine.Describe(handle)->next_sequence;
  const log::JournalFile& journal = *engine.state().journal;
  if (journal.room() < 2 * kPageBytes) return std::nullopt;
  const std::string path = format::JournalPath(journal.generation());
  const std::uint64_t offset = journal.write_offset();
  engine.state().inbox.Submit(std::move(request));
  for (int i = 0; i < 20; ++i) engine.committer().Step();  // Acknowledged; time stands still.
  const std::array<std::byte, 64> zeros{};
  for (int i = 0; i < 60; ++i) {
    if (engine.destager().Step() != log::StepOutcome::kProgress) engine.committer().Step();
    const bool is_last =
        engine.state().journal.get() == &journal && journal.write_offset() == offset + kPageBytes;
    if (!is_last) return std::nullopt;
    ++stale_->torn_truncations;
    test::DiskImage image = log->disk.CurrentImage();
    image.Overwrite(path, offset, zeros);
    const auto disk = test::SimulatedDisk::FromImage(image);
    Model unused = log->model;
    Life life(disk.get(), log->workload, 5, &unused);
    log::RecoveryReport report;
    const std::string where =
        "stale seed " + std::to_string(seed) + ", torn truncation, step " + std::to_string(i);
    const Status opened = life.Open(&report);
    ++totals_->recoveries;
    if (opened.code() == Code::kCorrupt) return std::nullopt;  // A snapshot knows it as durable.
    if (!opened.ok()) return Failure{{Invariant::kNoFalseAlarm, opened.ToString()}, where};
    FoundLog found;
    if (auto violation = ReadEverything(&life.engine(), false, &found))
      return Failure{*violation, where};
  }
  return std::nullopt;
}

// A record whose data holds a block exactly where a page of the journal begins.
std::optional<Failure> StalePhase::InRecord(std::uint64_t seed, RunningLog* log) {
  constexpr std::uint64_t kDataOffset = format::kCommitHeaderBytes + format::kItemHeaderBytes +
                                        format::kFrameItemFixedBytes + format::kRecordHeaderBytes;
  log::Engine& engine = log->life.engine();
  int fillings = 0;
  for (const Origin origin : kOrigins) {
    // On to the next file where this one is too full.
    for (int i = 0; i < 8 && engine.state().journal->room() < 4 * kPageBytes; ++i) {
      if (auto violation = log->life.AppendOne("key-1", "filling " + std::to_string(++fillings)))
        return Failure{*violation, "filling the journal"};
    }
    if (engine.state().journal->room() < 4 * kPageBytes) return std::nullopt;
    ++stale_->blocks_in_records;
    const std::vector<std::byte> block =
        log->Forge(origin, engine.state().journal->write_offset() + kPageBytes, 100);
    std::string data(kPageBytes - kDataOffset, static_cast<char>('0' + static_cast<int>(origin)));
    data += AsText(block);
    if (auto violation = log->life.AppendOne("key-0", data))
      return Failure{*violation, "a record with a block in it"};
    log->content.clear();
    if (auto violation = ReadEverything(&engine, false, &log->content))
      return Failure{*violation, "a record with a block in it"};
    const std::string where = "stale seed " + std::to_string(seed) + ", origin " +
                              std::to_string(static_cast<int>(origin)) + ", in a record";
    if (auto failure = Look(log->disk.DurableImage(), *log, where)) return failure;
  }
  return std::nullopt;
}

std::optional<Failure> StalePhase::Look(const test::DiskImage& image, const RunningLog& log,
                                        const std::string& where) {
  ++totals_->images;
  ++totals_->recoveries;
  totals_->distinct.insert(image.Hash());
  const auto disk = test::SimulatedDisk::FromImage(image);
  Model model = log.model;
  Life life(disk.get(), log.workload, 5, &model);
  log::RecoveryReport report;
  const Status opened = life.Open(&report);
  if (!opened.ok()) return Failure{{Invariant::kNoFalseAlarm, opened.ToString()}, where};
  FoundLog found;
  if (auto violation = ReadEverything(&life.engine(), false, &found))
    return Failure{*violation, where};
  if (auto violation = model.Check(found, report, true)) return Failure{*violation, where};
  if (found != log.content) {
    return Failure{{Invariant::kAckedPresent, "what is read differs"}, where};
  }
  model.Accept(found);
  if (auto violation = life.AppendOne()) return Failure{*violation, where};
  return std::nullopt;
}

}  // namespace seglog::crash
