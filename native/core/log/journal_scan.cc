// SPDX-License-Identifier: MIT
#include "log/journal_scan.h"

#include <algorithm>

#include "format/key_name.h"
#include "log/body_check.h"
#include "log/catalog_sense.h"

namespace seglog::log {
namespace {

constexpr std::uint64_t kJournalFileBytesLimit = std::uint64_t{1} << 32;

ByteSpan From(const ScannedFile& file, std::uint64_t offset) {
  return file.bytes.bytes().subspan(static_cast<std::size_t>(offset));
}

// The header of a block that was issued into this life of the file, whether or not its body
// arrived.
Result<format::CommitHeader> HeaderAt(const ScannedFile& file, std::uint64_t offset) {
  if (!file.usable || offset + kPageBytes > file.bytes.size()) {
    return Status(Code::kCorrupt, "no block lies here");
  }
  return format::DecodeCommitHeader(From(file, offset), file.header.identity, offset);
}

struct RecordsOfItem {
  std::uint64_t first_lsn = 0;
  std::uint64_t last_lsn = 0;
  std::uint64_t count = 0;
};

RecordsOfItem RecordsOf(const format::Item& item) {
  if (const auto* frame = std::get_if<format::FrameItem>(&item)) {
    // Where its LSNs have gaps, at least.
    return {.first_lsn = frame->first_lsn,
            .last_lsn = frame->first_lsn + frame->record_count - 1,
            .count = frame->record_count};
  }
  if (const auto* body = std::get_if<format::BodyItem>(&item)) {
    return {.first_lsn = body->first_lsn, .last_lsn = body->last_lsn, .count = body->record_count};
  }
  return {};
}

}  // namespace

bool JournalHoldsCommits(io::FileSystem* fs, const std::string& path) {
  Result<std::unique_ptr<io::File>> file = fs->Open(path, io::OpenOptions{});
  if (!file.ok()) return true;
  AlignedBuffer page;
  page.Resize(kPageBytes);
  format::JournalIdentity identity;
  for (std::uint64_t at = 0;; at += kPageBytes) {
    const Result<std::size_t> read = file.value()->ReadAt(at, page.mutable_bytes());
    if (!read.ok()) return true;
    if (read.value() < kPageBytes) return false;
    if (at >= kJournalFileBytesLimit) return true;
    if (at < format::kJournalBlocksOffset) {
      const Result<format::JournalHeader> header = format::DecodeJournalHeader(page.bytes());
      if (header.ok()) identity = header->identity;
    } else if (format::DecodeCommitHeader(page.bytes(), identity, at).ok()) {
      return true;
    }
  }
}

Status JournalScanner::Run(JournalScan* scan) {
  scan_ = scan;
  SEGLOG_RETURN_IF_ERROR(ReadFiles());
  SEGLOG_RETURN_IF_ERROR(Walk());
  SEGLOG_RETURN_IF_ERROR(CutTornBodies());
  if (scan_->end_file != nullptr && !ended_in_damage_) DescribeEnd();
  return Status::Ok();
}

Status JournalScanner::ReadFiles() {
  const Result<std::vector<io::DirectoryEntry>> entries = fs_->List("journal");
  if (!entries.ok()) return entries.status();
  scan_->highest_generation = catalog_.highest_generation;
  std::vector<std::uint64_t> live;
  for (const io::DirectoryEntry& entry : entries.value()) {
    const std::uint64_t generation = format::GenerationOfName(entry.name);
    if (generation == 0) continue;
    scan_->all_files.push_back({.generation = generation, .bytes = entry.size});
    scan_->highest_generation = std::max(scan_->highest_generation, generation);
    if (entry.size > kJournalFileBytesLimit) {
      return Corrupt(RecoveryRow::kJournalHeaderBad, format::JournalPath(generation), 0,
                     "the journal file is larger than any can be");
    }
    if (generation >= catalog_.start_generation) live.push_back(generation);
  }
  std::sort(live.begin(), live.end());
  scan_->files.reserve(live.size());  // AcceptedCommit points into it.
  for (const std::uint64_t generation : live) SEGLOG_RETURN_IF_ERROR(ReadFile(generation));
  report_->journal_files = scan_->files.size();
  if (live.empty() || live.front() != catalog_.start_generation) {
    return Corrupt(RecoveryRow::kJournalStartMissing,
                   format::JournalPath(catalog_.start_generation), 0,
                   "the journal file that the catalogue starts at is missing");
  }
  return Status::Ok();
}

Status JournalScanner::ReadFile(std::uint64_t generation) {
  ScannedFile& file = scan_->files.emplace_back();
  file.generation = generation;
  file.path = format::JournalPath(generation);
  Result<std::unique_ptr<io::File>> opened = fs_->Open(file.path, io::OpenOptions{.direct = true});
  if (!opened.ok()) return opened.status();
  const Result<std::uint64_t> size = opened.value()->Size();
  if (!size.ok()) return size.status();
  // Direct transfers want whole pages; a file that was cut elsewhere reads short.
  file.bytes.Resize(static_cast<std::size_t>(AlignUp<std::uint64_t>(size.value(), kPageBytes)));
  const Result<std::size_t> read = opened.value()->ReadAt(0, file.bytes.mutable_bytes());
  if (!read.ok()) return read.status();
  file.bytes.Resize(read.value());
  report_->journal_bytes_read += read.value();
  return CheckHeader(&file);
}

Status JournalScanner::CheckHeader(ScannedFile* file) {
  Status cause(Code::kCorrupt, "the file is too short for a journal");
  for (std::uint64_t offset = 0; offset < format::kJournalBlocksOffset; offset += kPageBytes) {
    if (offset + kPageBytes > file->bytes.size()) break;
    const Result<format::JournalHeader> header =
        format::DecodeJournalHeader(From(*file, offset).first(kPageBytes));
    if (header.ok()) {
      if (header->identity.log_uuid != catalog_.log_uuid) {
        return Corrupt(RecoveryRow::kJournalHeaderBad, file->path, offset,
                       "the journal file is another log's");
      }
      if (offset > 0) report_->Count(RecoveryRow::kJournalHeaderCopy);
      file->header = header.value();
      // Written for a generation to come, when a crash came before the file's new name.
      file->usable = header->identity.generation == file->generation;
      scan_->highest_generation = std::max(scan_->highest_generation, header->identity.generation);
      return Status::Ok();
    }
    if (cause.code() != Code::kFormatUnsupported) cause = header.status();
  }
  if (cause.code() == Code::kFormatUnsupported) return cause.WithPath(file->path);
  return Corrupt(RecoveryRow::kJournalHeaderBad, file->path, 0, cause.message());
}

Status JournalScanner::Walk() {
  const ScannedFile* file = scan_->files.empty() ? nullptr : &scan_->files.front();
  std::uint64_t offset = format::kJournalBlocksOffset;
  std::uint64_t commit = catalog_.start_commit;
  SEGLOG_RETURN_IF_ERROR(FindHighestMark());
  while (file != nullptr) {
    std::uint64_t block_bytes = 0;
    if (AcceptAt(*file, offset, commit, &block_bytes)) {
      offset += block_bytes;
      ++commit;
      continue;
    }
    // A block that is whole but says what this release does not understand is no torn tail.
    if (!scan_->unsupported.ok()) return scan_->unsupported.WithPath(file->path);
    if (const ScannedFile* next = NextFile(*file, offset, commit); next != nullptr) {
      report_->Count(RecoveryRow::kWalkNextFile);
      file = next;
      offset = format::kJournalBlocksOffset;
      continue;
    }
    scan_->next_commit = commit;
    scan_->end_file = file;
    scan_->end_offset = offset;
    if (scan_->highest_mark < commit) break;
    SEGLOG_RETURN_IF_ERROR(JudgeEnd());
    ended_in_damage_ = !WalkOnBehindDamage(&file, &offset, &commit);
    if (ended_in_damage_) return Status::Ok();
  }
  scan_->next_commit = commit;
  scan_->end_file = file;
  scan_->end_offset = offset;
  return Status::Ok();
}

// A commit above the mark whose bodies are not all there ends the log, as a torn block does.
Status JournalScanner::CutTornBodies() {
  BodyCheck check(fs_, catalog_, skip_corruption_);
  const Result<std::uint64_t> torn = check.FirstTorn(scan_->commits, scan_->highest_mark);
  if (!torn.ok() || torn.value() == 0) return torn.status();
  report_->Count(RecoveryRow::kBodyTorn);
  while (scan_->commits.back().header.commit > torn.value()) scan_->commits.pop_back();
  const AcceptedCommit& cut = scan_->commits.back();
  ended_in_damage_ = false;
  scan_->next_commit = cut.header.commit;
  scan_->end_file = cut.file;
  scan_->end_offset = cut.offset;
  scan_->commits.pop_back();
  return Status::Ok();
}

// Takes the block at `offset` when it is whole and has the number that comes next.
bool JournalScanner::AcceptAt(const ScannedFile& file, std::uint64_t offset, std::uint64_t commit,
                              std::uint64_t* block_bytes) {
  const Result<format::CommitHeader> header = HeaderAt(file, offset);
  if (!header.ok() || header->commit != commit) return false;
  if (header->block_bytes() > file.bytes.size() - offset) return false;
  const ByteSpan block = From(file, offset).first(static_cast<std::size_t>(header->block_bytes()));
  Result<std::vector<format::Item>> items =
      format::DecodeCommitBody(header.value(), block, file.header.identity, offset);
  if (items.status().code() == Code::kFormatUnsupported) scan_->unsupported = items.status();
  if (!items.ok()) return false;
  *block_bytes = header->block_bytes();
  scan_->commits.push_back({.header = header.value(),
                            .file = &file,
                            .offset = offset,
                            .items = std::move(items).value()});
  return true;
}

// The file whose first block says that it follows what ends here; or that it follows a file between
// the two into which no block was ever issued (a larger one was needed before the first).
const ScannedFile* JournalScanner::NextFile(const ScannedFile& file, std::uint64_t end,
                                            std::uint64_t commit) const {
  for (const ScannedFile& next : scan_->files) {
    if (next.generation <= file.generation) continue;
    const Result<format::CommitHeader> first = HeaderAt(next, format::kJournalBlocksOffset);
    if (!first.ok() || first->commit != commit) continue;
    if (first->previous_generation == file.generation && first->previous_end == end) return &next;
    if (first->previous_end != format::kJournalBlocksOffset) continue;
    for (const ScannedFile& between : scan_->files) {
      const bool empty = between.usable && !HeaderAt(between, format::kJournalBlocksOffset).ok();
      if (empty && between.generation == first->previous_generation &&
          between.generation > file.generation) {
        return &next;
      }
    }
  }
  return nullptr;
}

// Every block that was issued knows what was durable then, whether or not it is accepted itself.
Status JournalScanner::FindHighestMark() {
  scan_->highest_mark = catalog_.mark;
  for (const ScannedFile& file : scan_->files) {
    for (std::uint64_t at = format::kJournalBlocksOffset; at < file.bytes.size();
         at += kPageBytes) {
      const Result<format::CommitHeader> header = HeaderAt(file, at);
      if (!header.ok()) continue;
      if (std::max({header->commit, header->lsn_limit, header->first_lsn}) >= kCounterLimit) {
        SEGLOG_RETURN_IF_ERROR(Corrupt(RecoveryRow::kItemContradiction, file.path, at,
                                       "a block's numbers are larger than any can be"));
        continue;
      }
      scan_->highest_block_mark = std::max(scan_->highest_block_mark, header->mark);
      scan_->highest_lsn_limit = std::max(scan_->highest_lsn_limit, header->lsn_limit);
    }
  }
  scan_->highest_mark = std::max(scan_->highest_mark, scan_->highest_block_mark);
  report_->durable_commit = scan_->highest_mark;
  return Status::Ok();
}

// The walk ended above every mark: a torn tail, or nothing at all behind it. The page behind the
// last block of a life is zero: so it was left by that block's write, or by the file's making.
void JournalScanner::DescribeEnd() {
  const ScannedFile& file = *scan_->end_file;
  const std::uint64_t end = scan_->end_offset;
  bool touched = PageIsTouched(file, end);
  for (const ScannedFile& each : scan_->files) {
    if (each.generation < file.generation || !each.usable) continue;
    const std::uint64_t from = &each == &file ? end : format::kJournalBlocksOffset;
    if (&each != &file) touched = touched || PageIsTouched(each, from);
    for (std::uint64_t at = from; at < each.bytes.size(); at += kPageBytes) {
      const Result<format::CommitHeader> header = HeaderAt(each, at);
      if (header.ok() && header->commit >= scan_->next_commit)
        DescribeVoid(each, at, header.value());
    }
  }
  if (!touched && report_->void_commits == 0) {
    report_->Count(RecoveryRow::kWalkEndUntouched);
    return;
  }
  report_->Count(report_->void_commits > 0 ? RecoveryRow::kWalkEndVoid : RecoveryRow::kWalkEndTorn);
  // A reader that went on behind damage has a worse thing to report.
  if (report_->status != RecoveryStatus::kCorrupt) report_->status = RecoveryStatus::kTornTail;
  report_->torn_file = file.path;
  report_->torn_offset = end;
  report_->torn_bytes = file.bytes.size() - std::min<std::uint64_t>(end, file.bytes.size());
  report_->may_have_been_acknowledged = true;
}

bool JournalScanner::PageIsTouched(const ScannedFile& file, std::uint64_t offset) {
  if (offset + kPageBytes > file.header.file_bytes) return false;  // The file is full.
  if (offset + kPageBytes > file.bytes.size()) return true;        // The file was cut.
  return !IsAllZero(From(file, offset).first(kPageBytes));
}

// A block that was issued and is not accepted: what its records would have been.
void JournalScanner::DescribeVoid(const ScannedFile& file, std::uint64_t offset,
                                  const format::CommitHeader& header) {
  if (header.block_bytes() > file.bytes.size() - offset) return;
  const ByteSpan block = From(file, offset).first(static_cast<std::size_t>(header.block_bytes()));
  const Result<std::vector<format::Item>> items =
      format::DecodeCommitBody(header, block, file.header.identity, offset);
  if (!items.ok()) return;
  ++report_->void_commits;
  for (const format::Item& item : items.value()) {
    const RecordsOfItem records = RecordsOf(item);
    if (records.count == 0) continue;
    report_->void_records += records.count;
    if (report_->void_first_lsn == 0 || records.first_lsn < report_->void_first_lsn) {
      report_->void_first_lsn = records.first_lsn;
    }
    report_->void_last_lsn = std::max(report_->void_last_lsn, records.last_lsn);
  }
}

Status JournalScanner::JudgeEnd() {
  Status status =
      Corrupt(RecoveryRow::kWalkBelowMark, scan_->end_file->path, scan_->end_offset,
              "commit " + std::to_string(scan_->next_commit) + " was durable (the mark is " +
                  std::to_string(scan_->highest_mark) + ") and fails its check");
  DescribeDamagedCommits(&report_->damage.back());
  return status;
}

// What is damaged lies between the last accepted block and the next one whose header is sound. LSNs
// count up from block to block, so that these two tell which ones the damage may concern.
void JournalScanner::DescribeDamagedCommits(Damage* damage) const {
  const ScannedFile* file = scan_->end_file;
  std::uint64_t offset = scan_->end_offset;
  std::uint64_t commit = scan_->next_commit;
  std::uint64_t first = 0;
  if (!scan_->commits.empty()) {
    const AcceptedCommit& last = scan_->commits.back();
    first = last.header.first_lsn;
    for (const format::Item& item : last.items) {
      first += RecordsOf(item).count;
    }
  } else if (const auto header = HeaderAt(*file, offset); header.ok() && header->commit == commit) {
    first = header->first_lsn;
  }
  damage->first_lsn = first;
  if (!WalkOnBehindDamage(&file, &offset, &commit)) return;
  if (file == scan_->end_file) damage->bytes = offset - scan_->end_offset;
  damage->last_lsn = HeaderAt(*file, offset)->first_lsn - 1;
  if (damage->last_lsn < first) damage->first_lsn = damage->last_lsn = 0;  // It held no records.
}

// The next block with a sound header and a higher number. To go on there is for readers only.
bool JournalScanner::WalkOnBehindDamage(const ScannedFile** file, std::uint64_t* offset,
                                        std::uint64_t* commit) const {
  for (const ScannedFile& each : scan_->files) {
    if (each.generation < (*file)->generation) continue;
    const std::uint64_t from = &each == *file ? *offset + kPageBytes : format::kJournalBlocksOffset;
    for (std::uint64_t at = from; at < each.bytes.size(); at += kPageBytes) {
      const Result<format::CommitHeader> header = HeaderAt(each, at);
      if (!header.ok() || header->commit <= *commit) continue;
      *file = &each;
      *offset = at;
      *commit = header->commit;
      return true;
    }
  }
  return false;
}

Status JournalScanner::Corrupt(RecoveryRow row, const std::string& path, std::uint64_t offset,
                               const std::string& what) {
  report_->Count(row);
  report_->status = RecoveryStatus::kCorrupt;
  Damage& damage = report_->damage.emplace_back();
  damage.file = path;
  damage.offset = offset;
  damage.what = what;
  if (skip_corruption_) return Status::Ok();
  return Status(Code::kCorrupt, what).WithPath(path);
}

}  // namespace seglog::log
