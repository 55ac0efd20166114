// SPDX-License-Identifier: MIT
#include "log/recovery.h"

#include <algorithm>
#include <cstring>

#include "format/key_name.h"
#include "log/frame_check.h"

namespace seglog::log {
namespace {

// A reader that goes on behind damage puts zeros in the place of so many bytes.
constexpr std::uint64_t kMissingBytesMax = std::uint64_t{1} << 30;

// Names in a log's directory, apart from the catalogue's.
bool IsOfLog(std::string_view name) {
  for (const char* const each : {"LOCK", "journal", "streams", "CATALOG.tmp",
                                 format::kSharedSegmentsDirectory, kFreeSegmentsDirectory}) {
    if (name == each) return true;
  }
  return false;
}

Status NoLogHere() { return Status(Code::kNotFound, "there is no log in this directory"); }

}  // namespace

Status CheckDirectory(io::FileSystem* fs, const Options& options) {
  const Result<std::vector<io::DirectoryEntry>> entries = fs->List("");
  if (!entries.ok()) return entries.status();
  for (const io::DirectoryEntry& entry : entries.value()) {
    if (entry.name == kCatalogPath || entry.name == kCatalogCopyPath) return Status::Ok();
  }
  for (const io::DirectoryEntry& entry : entries.value()) {
    if (IsOfLog(entry.name)) continue;
    return Status(Code::kNotALog, "the directory holds something else: " + entry.name);
  }
  const bool makes = options.create != CreateMode::kNever && !options.read_only;
  return entries->empty() && !makes ? NoLogHere() : Status::Ok();
}

Status Recovery::Run() {
  const Options& options = state_->options;
  if (!options.read_only) {
    // What is read from here on must not be taken back by a power cut.
    SEGLOG_RETURN_IF_ERROR(fs_->SyncDirectory(""));
    const Result<bool> exists = fs_->Exists("journal");
    if (!exists.ok()) return exists.status();
    if (exists.value()) SEGLOG_RETURN_IF_ERROR(fs_->SyncDirectory("journal"));
  }
  bool found = false;
  SEGLOG_RETURN_IF_ERROR(LoadCatalog(&found));
  if (found && options.create == CreateMode::kNew) {
    return Status(Code::kExists, "the directory holds a log already");
  }
  if (!found) {
    SEGLOG_RETURN_IF_ERROR(CheckNothingIsLost());
    if (options.create == CreateMode::kNever || options.read_only) {
      return NoLogHere();
    }
    report_->Count(RecoveryRow::kNoLog);
    return MakeNew();
  }
  state_->log_uuid = catalog_.log_uuid;
  JournalScanner scanner(fs_, catalog_, tolerant(), report_);
  SEGLOG_RETURN_IF_ERROR(scanner.Run(&scan_));
  SEGLOG_RETURN_IF_ERROR(Replay());
  SEGLOG_RETURN_IF_ERROR(TakeBytes());
  SetNumbers();
  if (options.read_only) return Status::Ok();
  SEGLOG_RETURN_IF_ERROR(MakeDirectories());
  return BeginSession();
}

// The newest valid snapshot; the other one where the newest fails its check.
Status Recovery::LoadCatalog(bool* found) {
  StoredCatalog first;
  StoredCatalog copy;
  SEGLOG_RETURN_IF_ERROR(catalogs_.Load(kCatalogPath, &first));
  SEGLOG_RETURN_IF_ERROR(catalogs_.Load(kCatalogCopyPath, &copy));
  *found = first.exists || copy.exists;
  if (!*found) return Status::Ok();
  if (!first.catalog.has_value() && !copy.catalog.has_value()) {
    for (const StoredCatalog* each : {&first, &copy}) {
      if (each->status.code() == Code::kFormatUnsupported) return each->status;
    }
    report_->Count(RecoveryRow::kCatalogNoneValid);
    report_->status = RecoveryStatus::kCorrupt;
    const Status& cause = first.exists ? first.status : copy.status;
    Damage& damage = report_->damage.emplace_back();
    damage.file = cause.path();
    damage.what = cause.message();
    return Status(Code::kCorrupt, "no valid catalogue: " + cause.message()).WithPath(cause.path());
  }
  const bool both = first.catalog.has_value() && copy.catalog.has_value();
  const bool use_copy = !first.catalog.has_value() ||
                        (both && copy.catalog->snapshot_number > first.catalog->snapshot_number);
  if (!both) {
    report_->Count(RecoveryRow::kCatalogOneBad);
    const Status& cause = first.catalog.has_value() ? copy.status : first.status;
    report_->changes.push_back(cause.path() + " was of no use (" + cause.message() +
                               "); the other copy was used");
  } else {
    const bool equal = copy.catalog->snapshot_number == first.catalog->snapshot_number;
    report_->Count(equal ? RecoveryRow::kCatalogBoth : RecoveryRow::kCatalogNewer);
  }
  catalog_ = std::move(use_copy ? *copy.catalog : *first.catalog);
  catalogs_.Begin(catalog_.snapshot_number, !use_copy);
  return Status::Ok();
}

// Without a catalogue there was never a log here, or its making was cut short before the first
// append; anything else is a log that lost its catalogue.
Status Recovery::CheckNothingIsLost() {
  SEGLOG_RETURN_IF_ERROR(CheckDirectory(fs_, state_->options));
  const auto lost = [this](const std::string& path) {
    report_->Count(RecoveryRow::kCatalogMissing);
    report_->status = RecoveryStatus::kCorrupt;
    Damage& damage = report_->damage.emplace_back();
    damage.file = kCatalogPath;
    damage.what = "the catalogue is missing, but there is " + path;
    return Status(Code::kCorrupt, damage.what);
  };
  for (const std::string directory : {"streams", format::kSharedSegmentsDirectory}) {
    const Result<std::vector<io::DirectoryEntry>> files = fs_->List(directory);
    if (files.ok() && !files->empty()) return lost(directory + "/" + files->front().name);
  }
  const Result<std::vector<io::DirectoryEntry>> journals = fs_->List("journal");
  if (!journals.ok()) return Status::Ok();
  for (const io::DirectoryEntry& entry : journals.value()) {
    const std::string path = "journal/" + entry.name;
    if (JournalHoldsCommits(fs_, path)) return lost(path);
    if (state_->options.read_only) continue;
    SEGLOG_RETURN_IF_ERROR(fs_->Remove(path));
    report_->changes.push_back(path +
                               " was left over from a log that was never finished, and removed");
  }
  return Status::Ok();
}

Status Recovery::MakeNew() {
  SEGLOG_RETURN_IF_ERROR(MakeDirectories());
  for (std::size_t i = 0; i < state_->log_uuid.size(); i += sizeof(std::uint64_t)) {
    StoreLittle(MutableByteSpan(state_->log_uuid), i, state_->environment.random->Next());
  }
  report_->status = RecoveryStatus::kNew;
  report_->next_lsn = 1;
  state_->log_clock.Begin(0, report_);
  catalogs_.Begin(0, true);
  return BeginSession();
}

// Copying a log may drop directories that are empty.
Status Recovery::MakeDirectories() {
  bool made = false;
  for (const char* directory :
       {"journal", "streams", format::kSharedSegmentsDirectory, kFreeSegmentsDirectory}) {
    const Result<bool> exists = fs_->Exists(directory);
    if (!exists.ok()) return exists.status();
    if (exists.value()) continue;
    SEGLOG_RETURN_IF_ERROR(fs_->CreateDirectory(directory));
    made = true;
  }
  return made ? fs_->SyncDirectory("") : Status::Ok();
}

Status Recovery::Replay() {
  state_->table.Load(catalog_);
  for (const AcceptedCommit& commit : scan_.commits) {
    if (commit.header.commit <= catalog_.mark) continue;
    SEGLOG_RETURN_IF_ERROR(ReplayCommit(commit));
  }
  return Status::Ok();
}

Status Recovery::ReplayCommit(const AcceptedCommit& commit) {
  ++report_->commits_accepted;
  for (const format::Item& item : commit.items) {
    const Status applied = ReplayItem(commit, item);
    if (!applied.ok()) SEGLOG_RETURN_IF_ERROR(Contradiction(commit, applied));
  }
  return Status::Ok();
}

Status Recovery::ReplayItem(const AcceptedCommit& commit, const format::Item& item) {
  StreamTable& table = state_->table;
  if (const auto* create = std::get_if<format::CreateStreamItem>(&item))
    return table.Apply(*create);
  if (const auto* rotate = std::get_if<format::RotateItem>(&item)) return table.Apply(*rotate);
  const std::uint64_t number = commit.header.commit;
  if (const auto* sealed = std::get_if<format::SealedItem>(&item)) {
    return table.Apply(*sealed, number);
  }
  if (const auto* truncate = std::get_if<format::TruncateBeforeItem>(&item)) {
    return table.Apply(*truncate, number);
  }
  const std::uint64_t time = commit.header.time_us;
  if (const auto* body = std::get_if<format::BodyItem>(&item)) {
    if (tolerant()) table.SkipTo(*body);
    SEGLOG_RETURN_IF_ERROR(table.Apply(*body, time));
    NoteReplayed(body->stream_id, body->first_sequence, body->record_count, body->first_lsn,
                 body->last_lsn);
    return Status::Ok();
  }
  const auto* frame = std::get_if<format::FrameItem>(&item);
  if (frame == nullptr) return Status::Ok();  // Carried bytes change nothing in the table.
  const Result<std::uint64_t> last_lsn =
      CheckRecords(frame->Header(time), frame->body, frame->segment_id,
                   frame->segment_offset + format::kFrameHeaderBytes, nullptr);
  if (!last_lsn.ok()) return last_lsn.status();
  if (tolerant()) table.SkipTo(*frame);
  SEGLOG_RETURN_IF_ERROR(table.Apply(*frame, time, last_lsn.value()));
  if (frame->record_count > 0) {
    NoteReplayed(frame->stream_id, frame->first_sequence, frame->record_count, frame->first_lsn,
                 last_lsn.value());
  }
  return Status::Ok();
}

void Recovery::NoteReplayed(std::uint64_t stream_id, std::uint64_t first_sequence,
                            std::uint32_t records, std::uint64_t first_lsn,
                            std::uint64_t last_lsn) {
  report_->records_replayed += records;
  if (report_->replayed_first_lsn == 0 || first_lsn < report_->replayed_first_lsn) {
    report_->replayed_first_lsn = first_lsn;
  }
  report_->replayed_last_lsn = std::max(report_->replayed_last_lsn, last_lsn);
  const std::uint64_t last_sequence = first_sequence + records - 1;
  if (const auto found = replayed_.find(stream_id); found != replayed_.end()) {
    report_->replayed[found->second].last_sequence = last_sequence;
    return;
  }
  if (report_->replayed.size() == kReplayedStreamsMax) return;
  replayed_.emplace(stream_id, report_->replayed.size());
  report_->replayed.push_back({.key = state_->table.FindId(stream_id)->key,
                               .first_sequence = first_sequence,
                               .last_sequence = last_sequence});
}

Status Recovery::Contradiction(const AcceptedCommit& commit, const Status& cause) {
  report_->Count(RecoveryRow::kItemContradiction);
  report_->status = RecoveryStatus::kCorrupt;
  Damage& damage = report_->damage.emplace_back();
  damage.file = commit.file->path;
  damage.offset = commit.offset;
  damage.bytes = commit.header.block_bytes();
  damage.what = cause.message();
  damage.first_lsn = commit.header.first_lsn;
  return tolerant() ? Status::Ok() : cause.WithPath(commit.file->path);
}

// Bytes that no segment file holds durably come from accepted blocks, whether or not the snapshot
// reflects them already.
Status Recovery::TakeBytes() {
  for (const AcceptedCommit& commit : scan_.commits) {
    for (const format::Item& item : commit.items) {
      if (const auto* bytes = std::get_if<format::BytesItem>(&item)) {
        RememberBytes(state_->table.FindId(bytes->stream_id), bytes->segment_id,
                      bytes->segment_offset, bytes->bytes);
      } else if (const auto* frame = std::get_if<format::FrameItem>(&item)) {
        auto header = std::make_unique<std::byte[]>(format::kFrameHeaderBytes);
        const MutableByteSpan made(header.get(), format::kFrameHeaderBytes);
        format::EncodeFrameHeader(frame->Header(commit.header.time_us), frame->body,
                                  frame->segment_id, frame->segment_offset, made);
        Stream* const owner = state_->table.OwnerOf(*frame);
        RememberBytes(owner, frame->segment_id, frame->segment_offset, made);
        RememberBytes(owner, frame->segment_id, frame->segment_offset + format::kFrameHeaderBytes,
                      frame->body);
        made_headers_.push_back(std::move(header));
      }
    }
  }
  for (StreamHandle handle = 0; handle < state_->table.size(); ++handle) {
    Stream& stream = state_->table.at(handle);
    for (const auto& segment : stream.segments) {
      SEGLOG_RETURN_IF_ERROR(FillPending(segment.get(), stream.key));
      segment->durable_end = segment->row.end;
    }
    stream.visible_next = stream.next_sequence;
    if (!stream.segments.empty()) state_->QueueForDestage(handle);
  }
  pieces_.clear();
  made_headers_.clear();
  return Status::Ok();
}

void Recovery::RememberBytes(Stream* owner, std::uint64_t segment_id, std::uint64_t offset,
                             ByteSpan bytes) {
  const Segment* segment = owner == nullptr ? nullptr : owner->FindSegment(segment_id);
  if (segment == nullptr || offset + bytes.size() <= segment->pending.begin()) return;
  pieces_[segment_id].push_back({.offset = offset, .bytes = bytes});
}

Status Recovery::FillPending(Segment* segment, const std::string& key) {
  PendingBytes& pending = segment->pending;
  std::vector<Piece>& pieces = pieces_[segment->row.id];
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece& a, const Piece& b) { return a.offset < b.offset; });
  const auto missing_until = [&](std::uint64_t end) {
    if (pending.end() >= end) return Status::Ok();
    report_->Count(RecoveryRow::kBytesMissing);
    report_->status = RecoveryStatus::kCorrupt;
    Damage& damage = report_->damage.emplace_back();
    damage.file = SegmentPath(key, segment->row);
    damage.key = key;
    damage.offset = pending.end();
    damage.bytes = end - pending.end();
    damage.what = "bytes that were committed lie neither in the segment nor in the journal";
    if (!tolerant()) return Status(Code::kCorrupt, damage.what).WithPath(damage.file);
    // No journal held so much: the length itself is wrong, and the segment is taken to end here.
    if (damage.bytes > kMissingBytesMax) {
      segment->row.end = pending.end();
      return Status::Ok();
    }
    pending.Append(std::vector<std::byte>(damage.bytes));
    return Status::Ok();
  };
  const std::uint64_t end = segment->row.end;
  for (const Piece& piece : pieces) {
    const std::uint64_t piece_end = std::min(segment->row.end, piece.offset + piece.bytes.size());
    if (piece_end <= pending.end()) continue;
    SEGLOG_RETURN_IF_ERROR(missing_until(piece.offset));
    if (piece.offset > pending.end()) break;
    const std::uint64_t from = pending.end();
    pending.Append(piece.bytes.subspan(from - piece.offset, piece_end - from));
  }
  report_->pending_bytes += end > pending.begin() ? end - pending.begin() : 0;
  return missing_until(segment->row.end);
}

void Recovery::SetNumbers() {
  const std::uint64_t last_commit = scan_.next_commit - 1;
  const bool nothing_new = last_commit <= catalog_.mark;
  std::uint64_t stored_time = catalog_.log_time_us;
  state_->next_lsn = catalog_.next_lsn;
  for (const AcceptedCommit& commit : scan_.commits) {
    stored_time = std::max(stored_time, commit.header.time_us);
    if (commit.header.commit > catalog_.mark) {
      state_->next_lsn = std::max(state_->next_lsn, commit.header.lsn_limit);
    }
  }
  // A block that is not accepted still tells which LSNs were given out; one that cannot be read may
  // have been acknowledged, with any that a commit allows for.
  if (!nothing_new || report_->status == RecoveryStatus::kTornTail) {
    state_->next_lsn = std::max(state_->next_lsn, scan_.highest_lsn_limit);
  }
  if (report_->may_have_been_acknowledged) state_->next_lsn += kLsnReserveLimit;
  report_->streams = state_->table.born_count();
  for (const StreamHandle handle : state_->table.with_segments()) {
    for (const auto& segment : state_->table.at(handle).segments) {
      ++report_->segments;
      report_->last_lsn = std::max(report_->last_lsn, segment->row.last_lsn);
    }
  }
  report_->next_lsn = state_->next_lsn;
  report_->last_commit = last_commit;
  if (report_->last_lsn + 1 < state_->next_lsn && !(catalog_.clean && nothing_new)) {
    report_->lost_lsn_first = report_->last_lsn + 1;
    report_->lost_lsn_last = state_->next_lsn - 1;
  }
  if (report_->status != RecoveryStatus::kTornTail && report_->status != RecoveryStatus::kCorrupt) {
    report_->status =
        catalog_.clean && nothing_new ? RecoveryStatus::kClean : RecoveryStatus::kRecovered;
  }
  state_->log_clock.Begin(stored_time, report_);
  state_->last_time_us = stored_time;
  state_->lsn_limit = state_->durable_lsn_limit = state_->next_lsn;
  state_->durable_lsn = state_->next_lsn - 1;
  state_->issued_commit = state_->durable_commit = std::max(last_commit, catalog_.mark);
  state_->highest_generation = scan_.highest_generation;
}

}  // namespace seglog::log
