// SPDX-License-Identifier: MIT
// An open log with its threads: the committer (opens, commits, closes), the destager and the
// reader. Its users, each by a channel (channel.h), submit requests that carry a token and never
// wait; each token is answered by exactly one Completion, in the order in which its durability is
// reached. Log, channel and registry are all that the binding knows.
#pragma once

#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "format/record.h"
#include "log/options.h"
#include "log/report.h"

namespace seglog::log {

// Index of a stream in this process; valid while the log is open. Not stored anywhere.
using StreamHandle = std::uint32_t;
// The number of the channel that the answer goes to, above a ticket that its user chose; a ticket
// of 0 wants no answer.
using Token = std::uint64_t;
constexpr Token TokenOf(std::uint32_t channel, std::uint32_t ticket) {
  return Token{channel} << 32 | ticket;
}
constexpr std::uint32_t ChannelOf(Token token) { return static_cast<std::uint32_t>(token >> 32); }
constexpr std::uint32_t TicketOf(Token token) { return static_cast<std::uint32_t>(token); }

struct AppendInput {
  StreamHandle stream = 0;
  format::RecordKind kind = format::RecordKind::kData;
  ByteSpan user_headers = {};
  ByteSpan data = {};
};

struct Completion {
  Token token = 0;
  Status status;
  std::uint64_t first_lsn = 0;  // appends: LSNs of a batch are consecutive
  std::uint64_t sequence = 0;   // appends: of the first record
  // Of every record, in the order submitted, where there is more than one.
  std::vector<std::uint64_t> sequences;
};

// Appends `from` to `out` and empties it; by exchanging the two where it can.
template <typename T>
void MoveAll(std::vector<T>* from, std::vector<T>* out) {
  if (out->empty()) {
    out->swap(*from);
  } else {
    out->insert(out->end(), std::make_move_iterator(from->begin()),
                std::make_move_iterator(from->end()));
  }
  from->clear();
}

struct ReadRequest {
  StreamHandle stream = 0;
  std::uint64_t from_sequence = 1;
  std::uint64_t to_sequence = UINT64_MAX;  // inclusive
  std::uint64_t from_lsn = 0;              // records below are left out
  std::size_t bytes_max = 1u << 20;        // at least one record is returned whatever its size
  bool accepted = false;                   // also records that are accepted but not visible yet
  bool skip_corruption = false;            // go on behind damage, and report it
  bool locate = false;                     // say where the first record lies
};

struct RecordColumns {
  std::uint64_t lsn;
  std::uint64_t time_us;
  std::uint32_t headers_offset, headers_bytes;  // in ReadResult::bytes
  std::uint32_t data_offset, data_bytes;
  format::RecordKind kind;
};

// Where a record lies, or will lie once it is destaged.
struct RecordPlace {
  std::string file;  // from the log's directory
  std::uint64_t segment_id = 0;
  std::uint64_t frame_offset = 0, record_offset = 0;  // in the file
  std::uint64_t frame_position = 0;                   // in ReadResult::bytes
  std::uint64_t frame_bytes = 0;
  bool in_file = false;  // the whole frame is durable there, not only in the journal
};

// Some records of one stream, in order and without a gap between them.
struct ReadResult {
  Token token = 0;
  Status status;
  std::unique_ptr<std::byte[]> bytes;  // verified frames
  std::size_t byte_count = 0;
  std::uint64_t first_sequence = 0;
  std::vector<RecordColumns> records;
  std::uint64_t next_sequence = 0;  // where the next request goes on
  bool at_end = false;              // nothing more is visible now, or to_sequence was reached
  std::vector<Damage> damage;       // met and skipped before the first record
  RecordPlace place;                // of the first record, where the request asked for it
};

struct VerifyProgress {
  std::uint64_t bytes_done = 0, bytes_total = 0;
  std::uint64_t segments_done = 0, segments_total = 0;
};

// What a verification has checked, and what is wrong.
struct VerifyReport {
  std::uint64_t segments = 0, sealed_segments = 0;
  std::uint64_t bytes = 0;    // of the segments, headers and footers included
  std::uint64_t records = 0;  // that are sound
  DamageList damage;
};

struct VerifyResult {
  Token token = 0;
  bool done = false;  // the last one of its token; only it has the status and the report
  Status status;
  VerifyProgress progress;
  VerifyReport report;
};

struct StreamInfo {
  StreamHandle handle = 0;
  std::string key;
  std::uint64_t id = 0;
  std::uint64_t first_sequence = 1;  // of the first record; next_sequence when empty
  std::uint64_t next_sequence = 1;   // behind the last visible record
  std::uint64_t bytes = 0;           // of frames, headers included
  std::uint64_t segments = 0;
  std::uint64_t last_lsn = 0;
  std::uint64_t last_time_us = 0;
  std::uint64_t created_us = 0;
};

// What was answered.
struct Answers {
  std::vector<Completion> completions;
  std::vector<ReadResult> reads;
  std::vector<VerifyResult> verifications;
};

struct Stats {
  std::uint64_t commits = 0, syncs = 0, mark_blocks = 0;
  std::uint64_t records = 0;
  std::uint64_t journal_bytes_written = 0, segment_bytes_written = 0;
  std::uint64_t checkpoints = 0, carried_bytes = 0, segments_sealed = 0, segments_recycled = 0;
  std::uint64_t body_bytes_written = 0;
  std::uint64_t journal_live_bytes = 0, pending_bytes = 0, waiting_bytes = 0, waiting_requests = 0;
  std::uint64_t open_segments = 0, streams = 0;
  std::uint64_t durable_lsn = 0, next_lsn = 0;
  std::uint64_t generation = 0, commit = 0, durable_commit = 0;
  bool no_space = false;
  bool failed = false;
  std::string write_method;  // of the journal, e.g. "O_DIRECT+RWF_DSYNC"
  std::string checksum_method;
  // In this process, whatever the log: open logs, their channels, and the channels' rings.
  std::uint64_t live_logs = 0, live_channels = 0, live_rings = 0;
};

class Channel;
struct Request;

// Any thread, unless said otherwise.
class Log final {
 public:
  // Called on a thread of the log when recovery has ended, well or not; before that only the
  // destructor is allowed, and after a failure only recovery() besides. The lock is free by then.
  using OpenedFunction = std::function<void(const Status&)>;

  // Starts opening `directory`; where that goes well, `first` is attached.
  static std::unique_ptr<Log> Start(std::string directory, const Options& options,
                                    std::string lock_owner, std::shared_ptr<Channel> first,
                                    OpenedFunction opened);
  // Stops the threads without flushing anything that was not asked for, and joins them.
  ~Log();

  // Valid once it is opened, successfully or with kCorrupt.
  const RecoveryReport& recovery() const;

  // One more user. False once the log closes.
  bool Attach(std::shared_ptr<Channel> channel);
  // The end of one, at any moment: what it handed over is in a commit already, whole, or dropped,
  // and when this returns nothing of it is touched any more.
  void Detach(const Channel& channel);

  // The handle of a key, existing stream or not. A stream exists once a record of it is accepted.
  // Makes an entry for a key that has none; Find does not.
  StreamHandle HandleOf(std::string_view key);
  std::optional<StreamHandle> Find(std::string_view key);
  // kNotFound where no record of that key was ever accepted.
  Result<StreamInfo> Describe(StreamHandle stream);
  std::vector<StreamInfo> Streams(std::string_view prefix);

  // Copies its input. A refusal (kQueueFull, kTooLarge, kClosed, kFailed, kReadOnly, kNoSpace) is
  // returned at once, and then no completion follows. A batch is atomic: all or none of it
  // survives. Ticket 0: no completion at all. `expected_sequence`, of a single record: answered
  // with kSeqConflict, the sequence it would get as detail, where that is another. 0: any.
  Status Append(std::span<const AppendInput> records, Durability durability, Token token,
                std::uint64_t expected_sequence = 0);
  // Why the log takes no appends any more, or why one without a token was refused since somebody
  // was told last (a later Append without a token, Sync and Close tell it too). By one channel.
  Status TellRefusal(std::uint32_t channel);
  // A ring has something to read and the committer sleeps.
  void Rouse();

  // Where its channel has a ring, this and everything below that has a token, save Drain, Read and
  // Verify, is taken when the ring's next kRequest entry is reached; so is an Append. Answered when
  // everything accepted before the call is durable.
  void Sync(Token token);
  // Answered when every surviving record with an LSN up to `lsn` is durable. Asks for a sync if
  // needed.
  void WaitDurable(std::uint64_t lsn, Token token);
  // Answered when fewer bytes of the channel wait than half the bound: room for ingest again.
  void Drain(Token token);
  // Ends the stream's segment; sealing itself goes on in the background. Durable when answered.
  void Seal(StreamHandle stream, Token token);
  // Hides the stream's records below `first_sequence` and drops the segments that hold nothing
  // else. Beyond the stream's end: all of its records. Durable when answered; the files go a little
  // later.
  void TruncateBefore(StreamHandle stream, std::uint64_t first_sequence, Token token);
  // Goes on after a full disk.
  void Resume();
  // Commits on the calling thread what was handed over up to the request with this token, and
  // returns its answer, which the channel does not give again. For a token that was published in
  // the ring, or submitted; any number of threads.
  Completion AwaitHere(Token token);

  // Answered by a ReadResult.
  void Read(const ReadRequest& request, Token token);
  // Checks everything that is stored, in the background. Answered by a VerifyResult, before it by
  // others with progress where that is wanted.
  void Verify(bool with_progress, Token token);
  // Ends it at the next piece, with what was found so far; fine if it has ended.
  void CancelVerify(Token token);
  // Commits and syncs what was accepted, writes the catalogue, answers. Later calls: kClosed. While
  // others are attached that did not ask for it, it is a Sync: the last one closes.
  void Close(Token token);

  std::uint64_t DurableLsn() const;
  Stats GetStats();

 private:
  class Threads;
  void Submit(Request request);
  explicit Log(std::unique_ptr<Threads> threads);
  std::unique_ptr<Threads> threads_;
};

}  // namespace seglog::log
