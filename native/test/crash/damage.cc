// SPDX-License-Identifier: MIT
#include "test/crash/damage.h"

#include <algorithm>

#include "format/catalog.h"
#include "format/commit_block.h"
#include "log/catalog_store.h"
#include "test/crash/image_checks.h"

namespace seglog::crash {
namespace {

// No snapshot yet has the streams of such a log.
bool IsYoung(std::uint32_t requests) { return requests < 8; }

// Every second one of the others has what can be there straight in its segments.
bool WritesBodies(std::uint64_t seed, std::uint32_t requests) {
  return seed % 2 == 1 && !IsYoung(requests);
}

Workload SmallWorkload(std::uint64_t seed, std::uint32_t requests, bool close) {
  Workload workload = Workloads().front();
  workload.name = "at-rest";
  workload.requests = requests;
  workload.percent_seal = 10;
  workload.percent_large = IsYoung(requests) ? 0 : 15;
  workload.payload_bytes_max = 120;
  workload.close = close;
  if (WritesBodies(seed, requests)) {
    workload.options.segment_bytes = 32 * 1024;
    workload.options.out_of_line_bytes = 1;
  }
  return workload;
}

// So that the live journal points to one: there is room behind the first that wanted it.
void AppendUntilBody(Life* life) {
  const auto bodies = [life] { return life->engine().state().counters.body_bytes_written; };
  const std::uint64_t before = bodies();
  for (int i = 0; i < 4 && bodies() == before; ++i) {
    const std::string payload(100, static_cast<char>('a' + i));
    SEGLOG_ASSERT(!life->AppendOne("key-0", payload).has_value());
    life->Settle();
  }
  SEGLOG_ASSERT(bodies() > before);
}

Failure Found(const std::string& where, const std::string& what) {
  return {.violation = {Invariant::kDamageIsFound, what}, .where = where};
}

std::set<std::string> SealedFiles(log::Engine* engine) {
  std::set<std::string> files;
  log::StreamTable& table = engine->state().table;
  for (log::StreamHandle handle = 0; handle < table.size(); ++handle) {
    for (const auto& segment : table.at(handle).segments) {
      if (segment->row.state != format::SegmentState::kSealed) continue;
      files.insert(log::SegmentPath(table.at(handle).key, segment->row));
    }
  }
  return files;
}

bool PageIsUsed(const std::vector<std::byte>& bytes, std::uint64_t offset) {
  const std::uint64_t page = AlignDown<std::uint64_t>(offset, kPageBytes);
  const std::uint64_t end = std::min<std::uint64_t>(bytes.size(), page + kPageBytes);
  return !IsAllZero(ByteSpan(bytes).subspan(page, end - page));
}

}  // namespace

struct DamagePhase::RestingLog {
  test::DiskImage image;
  FoundLog content;
  Model model;
  Workload workload;
  std::string where;
  // The last block, when it was left above the mark.
  std::string journal;
  std::uint64_t block_offset = 0;
  std::uint64_t block_bytes = 0;
  FoundLog content_before;
};

DamagePhase::RestingLog DamagePhase::MakeLog(std::uint64_t seed, std::uint32_t requests,
                                             bool marked, bool closed) {
  ++damage_->logs;
  RestingLog resting;
  resting.workload = SmallWorkload(seed, requests, closed);
  resting.where = "at rest, seed " + std::to_string(seed);
  test::SimulatedDisk disk;
  Life life(&disk, resting.workload, seed, &resting.model);
  log::RecoveryReport report;
  SEGLOG_ASSERT(life.Open(&report).ok() && !life.Run().has_value());
  if (!closed) {
    life.Settle();  // Destages, seals, and writes the mark.
    if (WritesBodies(seed, requests)) AppendUntilBody(&life);
    // The last commit must not be the one that begins the next journal file.
    while (!marked && life.engine().state().journal->room() < 4 * kPageBytes) {
      SEGLOG_ASSERT(!life.AppendOne().has_value());
      life.Settle();
    }
    SEGLOG_ASSERT(!ReadEverything(&life.engine(), false, &resting.content_before).has_value());
    if (!marked) {
      const log::JournalFile& journal = *life.engine().state().journal;
      resting.block_offset = journal.write_offset();
      SEGLOG_ASSERT(!life.AppendOne().has_value());
      resting.journal = "journal/" +
                        std::string(20 - std::to_string(journal.generation()).size(), '0') +
                        std::to_string(journal.generation()) + ".journal";
      resting.block_bytes = journal.write_offset() - resting.block_offset;
    }
  }
  SEGLOG_ASSERT(!ReadEverything(&life.engine(), false, &resting.content).has_value());
  resting.image = disk.CurrentImage();
  return resting;
}

DamagePhase::Outcome DamagePhase::Look(const test::DiskImage& image) {
  ++totals_->images;
  ++totals_->recoveries;
  totals_->distinct.insert(image.Hash());
  const auto disk = test::SimulatedDisk::FromImage(image);
  Model unused;
  const Workload workload = SmallWorkload(0, 0, false);
  Life life(disk.get(), workload, 99, &unused);
  Outcome outcome;
  outcome.opened = life.Open(&outcome.report);
  for (std::size_t row = 0; row < outcome.report.rows.size(); ++row) {
    totals_->rows[row] += outcome.report.rows[row];
  }
  ++totals_->statuses[static_cast<std::size_t>(outcome.report.status)];
  if (outcome.opened.ok()) {
    outcome.read = ReadEverything(&life.engine(), false, &outcome.found);
    outcome.verified = Verify(&life.engine());
    outcome.sealed_files = SealedFiles(&life.engine());
  } else {
    outcome.changed_disk = disk->CurrentImage().Hash() != image.Hash();
  }
  return outcome;
}

std::optional<Failure> DamagePhase::FlipBits(std::uint64_t seed, std::uint32_t requests,
                                             std::uint64_t stride) {
  for (const bool closed : {false, true}) {
    const RestingLog resting = MakeLog(seed, requests, true, closed);
    std::uint64_t count = seed;
    for (const std::string& path : resting.image.Files()) {
      const std::vector<std::byte> bytes = resting.image.ReadFile(path);
      for (std::uint64_t offset = 0; offset < bytes.size(); ++offset) {
        if (!PageIsUsed(bytes, offset)) continue;
        for (unsigned bit = 0; bit < 8; ++bit) {
          if (++count % stride != 0) continue;
          if (auto failure = FlipBit(resting, path, offset, bit)) return failure;
        }
      }
    }
  }
  return std::nullopt;
}

std::optional<Failure> DamagePhase::FlipBit(const RestingLog& resting, const std::string& path,
                                            std::uint64_t offset, unsigned bit) {
  ++damage_->bits_flipped;
  test::DiskImage image = resting.image;
  image.FlipBit(path, offset, bit);
  const Outcome outcome = Look(image);
  const std::string where = resting.where + ", " + path + " offset " + std::to_string(offset) +
                            " bit " + std::to_string(bit);
  if (!outcome.opened.ok()) {
    const bool named = outcome.opened.code() == Code::kCorrupt ||
                       outcome.opened.code() == Code::kFormatUnsupported;
    if (!named) return Found(where, "opening failed with " + outcome.opened.ToString());
    if (outcome.changed_disk) return Found(where, "a damaged log was changed by opening it");
    ++damage_->found_by_opening;
    return std::nullopt;
  }
  if (auto failure = JudgeVerifying(outcome, path, where)) return failure;
  if (outcome.read.has_value()) {
    const std::string& what = outcome.read->what;
    const bool named = what.find("CORRUPT") != std::string::npos ||
                       what.find("FORMAT_UNSUPPORTED") != std::string::npos;
    if (!named) return Found(where, what);
    ++damage_->found_by_reading;
    return std::nullopt;
  }
  if (outcome.found == resting.content) {
    ++damage_->without_effect;
    return std::nullopt;
  }
  // Only the mark itself lies above the mark.
  return Found(where, "damage changed what is read, and nobody noticed");
}

// Of one bit of one file. Opening for writing has put right what was wrong with a catalogue.
std::optional<Failure> DamagePhase::JudgeVerifying(const Outcome& outcome, const std::string& path,
                                                   const std::string& where) {
  const auto wrong = [&](const std::string& what) {
    return Failure{.violation = {Invariant::kVerifyIsRight, what}, .where = where};
  };
  for (const log::Damage& damage : outcome.verified) {
    if (damage.file != path) return wrong("verifying names " + damage.file + ": " + damage.what);
  }
  if (!outcome.verified.empty()) return std::nullopt;
  if (outcome.read.has_value()) return wrong("verifying passes what cannot be read");
  if (outcome.sealed_files.contains(path)) return wrong("verifying passes a changed sealed file");
  return std::nullopt;
}

std::optional<Failure> DamagePhase::DamageTail(std::uint64_t seed) {
  const RestingLog resting = MakeLog(seed, 10, false, false);
  std::vector<std::byte> garbage(resting.block_bytes);
  test::SimulatedRandom random(seed);
  for (std::byte& byte : garbage) byte = static_cast<std::byte>(random.Next() & 0xFF);
  const std::vector<std::byte> zeros(resting.block_bytes);
  for (std::uint64_t from = 0; from < resting.block_bytes; ++from) {
    const std::uint64_t at = resting.block_offset + from;
    const auto rest = static_cast<std::size_t>(resting.block_bytes - from);
    test::DiskImage cut = resting.image;
    cut.Resize(resting.journal, at);
    if (auto failure = CheckTail(resting, cut, "cut at " + std::to_string(from))) return failure;
    test::DiskImage zeroed = resting.image;
    zeroed.Overwrite(resting.journal, at, ByteSpan(zeros).first(rest));
    if (auto failure = CheckTail(resting, zeroed, "zeroed from " + std::to_string(from)))
      return failure;
    test::DiskImage overwritten = resting.image;
    overwritten.Overwrite(resting.journal, at, ByteSpan(garbage).first(rest));
    if (auto failure = CheckTail(resting, overwritten, "garbage from " + std::to_string(from)))
      return failure;
  }
  return std::nullopt;
}

std::optional<Failure> DamagePhase::CheckTail(const RestingLog& resting,
                                              const test::DiskImage& image,
                                              const std::string& how) {
  ++damage_->tails_damaged;
  const std::string where = resting.where + ", last commit " + how;
  const bool gone =
      image.SizeOf(resting.journal) >= resting.block_offset + kPageBytes &&
      IsAllZero(
          ByteSpan(image.ReadFile(resting.journal)).subspan(resting.block_offset, kPageBytes));
  const auto disk = test::SimulatedDisk::FromImage(image);
  Model model = resting.model;
  Life life(disk.get(), resting.workload, 7, &model);
  log::RecoveryReport report;
  const Status opened = life.Open(&report);
  ++totals_->recoveries;
  for (std::size_t row = 0; row < report.rows.size(); ++row) totals_->rows[row] += report.rows[row];
  ++totals_->statuses[static_cast<std::size_t>(report.status)];
  if (!opened.ok()) return Found(where, "a torn tail was taken for " + opened.ToString());
  FoundLog found;
  if (auto violation = ReadEverything(&life.engine(), false, &found))
    return Failure{*violation, where};
  if (found == resting.content) {
    ++damage_->tails_untouched;
  } else {
    if (found != resting.content_before)
      return Found(where, "more or less than the last commit is gone");
    const bool named = report.status == log::RecoveryStatus::kTornTail &&
                       report.may_have_been_acknowledged && report.torn_file == resting.journal &&
                       report.torn_offset == resting.block_offset;
    // A last block of zeros looks like one that was never written: nothing can tell.
    if (!named && !gone) return Found(where, "the torn tail is not reported with its place");
    ++damage_->tails_cut_off;
  }
  // Later appends survive a second opening.
  model.Accept(found);
  if (auto violation = life.AppendOne(); violation.has_value() && !gone)
    return Failure{*violation, where};
  FoundLog with_one;
  if (auto violation = ReadEverything(&life.engine(), false, &with_one))
    return Failure{*violation, where};
  const Outcome again = Look(disk->DurableImage());
  if (!again.opened.ok() || again.found != with_one)
    return Found(where, "an append behind the cut is lost");
  return std::nullopt;
}

std::optional<Failure> DamagePhase::ExpectCorrupt(const RestingLog& resting,
                                                  const test::DiskImage& image,
                                                  log::RecoveryRow row, const std::string& how) {
  ++damage_->files_damaged;
  const Outcome outcome = Look(image);
  const std::string where = resting.where + ", " + how;
  if (outcome.opened.code() != Code::kCorrupt) {
    return Found(where, "opening answered " + outcome.opened.ToString());
  }
  if (outcome.report.rows[static_cast<std::size_t>(row)] == 0) {
    return Found(where, std::string("not by row ") + RecoveryRowName(row) + ": " +
                            outcome.opened.ToString());
  }
  if (outcome.report.damage.empty()) return Found(where, "the report names no damage");
  if (outcome.changed_disk) return Found(where, "a damaged log was changed by opening it");
  return std::nullopt;
}

namespace {

void Forge(test::DiskImage* image, void (*change)(format::Catalog*)) {
  const std::vector<std::byte> bytes = image->ReadFile(log::kCatalogPath);
  Result<format::Catalog> catalog = format::DecodeCatalog(bytes);
  SEGLOG_ASSERT(catalog.ok());
  change(&catalog.value());
  AlignedBuffer encoded;
  format::EncodeCatalog(catalog.value(), &encoded);
  for (const char* path : {log::kCatalogPath, log::kCatalogCopyPath}) {
    image->Resize(path, encoded.size());
    image->Overwrite(path, 0, encoded.bytes());
  }
}

// The open segment's end moves by one frame's alignment: what the journal says no longer fits.
void MoveEnd(format::Catalog* catalog) { catalog->streams.front().segments.back().end += 8; }

// Streams that the journal is about to create are there already, under other ids.
void CreateTwice(format::Catalog* catalog) {
  SEGLOG_ASSERT(catalog->streams.empty());
  for (std::uint64_t i = 0; i < 3; ++i) {
    format::CatalogStream& stream = catalog->streams.emplace_back();
    stream.id = 1000 + i;
    stream.key = "key-" + std::to_string(i);
    format::CatalogSegment& segment = stream.segments.emplace_back();
    segment.id = 2000 + i;
    segment.first_sequence = segment.next_sequence = 1;
    segment.end = format::kSegmentDataOffset;
  }
}

}  // namespace

std::optional<Failure> DamagePhase::DamageFiles(std::uint64_t seed) {
  const RestingLog resting = MakeLog(seed, 24, true, false);
  const RestingLog closed = MakeLog(seed, 24, true, true);
  const auto overwrite = [](test::DiskImage* image, const std::string& path, std::uint64_t offset) {
    const std::vector<std::byte> zeros(64);
    image->Overwrite(path, offset, zeros);
  };
  const std::vector<std::byte> catalog_bytes = resting.image.ReadFile(log::kCatalogPath);
  const std::uint64_t start = format::DecodeCatalog(catalog_bytes)->start_generation;
  const std::string digits = std::to_string(start);
  const std::string journal =
      "journal/" + std::string(20 - digits.size(), '0') + digits + ".journal";

  test::DiskImage image = resting.image;
  overwrite(&image, log::kCatalogPath, 16);
  Outcome one_bad = Look(image);
  if (!one_bad.opened.ok() || one_bad.found != resting.content) {
    return Found(resting.where, "with one bad catalogue the other is not used");
  }
  overwrite(&image, log::kCatalogCopyPath, 16);
  if (auto failure =
          ExpectCorrupt(resting, image, log::RecoveryRow::kCatalogNoneValid, "both catalogues bad"))
    return failure;

  image = resting.image;
  image.Remove(log::kCatalogPath);
  image.Remove(log::kCatalogCopyPath);
  if (auto failure =
          ExpectCorrupt(resting, image, log::RecoveryRow::kCatalogMissing, "no catalogue"))
    return failure;

  image = resting.image;
  overwrite(&image, journal, 8);
  const Outcome header_copy = Look(image);
  if (!header_copy.opened.ok() || header_copy.found != resting.content) {
    return Found(resting.where, "with one bad journal header the other is not used");
  }
  image = resting.image;
  overwrite(&image, journal, 20);
  overwrite(&image, journal, kPageBytes + 20);
  if (auto failure =
          ExpectCorrupt(resting, image, log::RecoveryRow::kJournalHeaderBad, "both headers bad"))
    return failure;

  image = resting.image;
  image.Remove(journal);
  if (auto failure =
          ExpectCorrupt(resting, image, log::RecoveryRow::kJournalStartMissing, "journal removed"))
    return failure;

  image = resting.image;
  overwrite(&image, journal, format::kJournalBlocksOffset);
  if (auto failure =
          ExpectCorrupt(resting, image, log::RecoveryRow::kWalkBelowMark, "first block gone"))
    return failure;

  image = closed.image;
  Forge(&image, MoveEnd);
  if (auto failure =
          ExpectCorrupt(closed, image, log::RecoveryRow::kBytesMissing, "end moved, closed"))
    return failure;

  const RestingLog young = MakeLog(seed, 5, true, false);
  image = young.image;
  Forge(&image, CreateTwice);
  if (auto failure =
          ExpectCorrupt(young, image, log::RecoveryRow::kItemContradiction, "created twice"))
    return failure;
  return std::nullopt;
}

}  // namespace seglog::crash
