// SPDX-License-Identifier: MIT
// What the users of a log hand to the committer, and the inbox where it waits. Submitting copies
// the payload and never waits for a disk; the inbox has a mutex of its own, so that it never waits
// for a commit either. Each user has a channel and a queue. Where it has a ring (append_ring.h),
// small appends do not come through here, and requests are taken when their entry of the ring is
// reached.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "log/channel.h"
#include "log/log.h"

namespace seglog::log {

struct Request {
  enum class Kind : std::uint8_t {
    kAppend,
    kSync,
    kWaitDurable,
    kDrain,
    kSeal,
    kTruncateBefore,
    kClose
  };
  struct Record {
    StreamHandle stream = 0;
    format::RecordKind kind = format::RecordKind::kData;
    std::uint32_t headers_bytes = 0;
    std::uint32_t data_bytes = 0;
    std::size_t offset = 0;  // in payload: user headers, then data
  };

  Kind kind = Kind::kSync;
  Durability durability = Durability::kSync;
  std::uint32_t channel = 0;            // the number of whose it is
  Token token = 0;                      // 0 where nobody waits
  std::uint32_t epoch = 0;              // kAppend without a token
  std::uint64_t expected_sequence = 0;  // kAppend of one record; 0: any
  std::uint64_t lsn = 0;                // kWaitDurable
  StreamHandle stream = 0;              // kSeal, kTruncateBefore
  std::uint64_t sequence = 0;           // kTruncateBefore
  std::vector<Record> records;          // kAppend
  std::vector<std::byte> payload;

  // Borrows from the payload.
  AppendInput Input(const Record& record) const {
    const ByteSpan bytes(payload);
    return {.stream = record.stream,
            .kind = record.kind,
            .user_headers = bytes.subspan(record.offset, record.headers_bytes),
            .data = bytes.subspan(record.offset + record.headers_bytes, record.data_bytes)};
  }
};

// What one channel handed over and the committer has not dealt with, beside what is in the ring.
struct Queue {
  explicit Queue(std::shared_ptr<Channel> of) : channel(std::move(of)) {}

  std::uint64_t waiting_bytes() const {
    const AppendRing* const ring = channel->ring();
    return bytes + (ring == nullptr ? 0 : ring->UsedBytes());
  }

  const std::shared_ptr<Channel> channel;  // shared with its user
  bool leaving = false;                    // its close was taken; guarded by the state mutex

  // Guarded by the inbox's mutex.
  std::deque<Request> ringed;  // that the ring has an entry for, or soon will
  std::uint64_t bytes = 0;     // submitted and not released
  std::uint64_t requests = 0;
  std::uint32_t epoch = 0;
  std::uint32_t refused_before = 0;  // epochs
  Status ingested_refusal;           // of the last epoch that had one
  bool refusal_untold = false;
};

// Any thread, unless said otherwise. The number of a channel that is not there any more is
// nobody's: what concerns it is dropped.
class Inbox final {
 public:
  // With the channel 0, which is nobody's in particular: for simulations and tests.
  explicit Inbox(const Options& options);
  // Gives it a ring, before anything is submitted.
  void AttachRing(MutableByteSpan ring);

  // From now on requests of every kind but kDrain that come by this channel are taken in the order
  // of its ring's kRequest entries; an append that is refused has none. False once the log closes.
  // For holders of the state mutex, as is Detach.
  bool Attach(std::shared_ptr<Channel> channel);
  // Cuts it, and drops what it had handed over and the committer has not taken.
  void Detach(std::uint32_t channel);
  // What the committer takes in turn. For holders of the state mutex.
  std::span<const std::unique_ptr<Queue>> queues() const { return queues_; }
  std::uint64_t detachments() const { return detachments_; }
  // The close of a channel is taken. False where others stay: then it only leaves. True: nobody is
  // attached any more, and the log closes.
  bool CloseOf(Queue* queue);

  std::shared_ptr<Channel> Find(std::uint32_t channel);
  // Of any ring: whether something was published that was not read.
  bool HasUnread();
  void SetSleeping(bool sleeping);

  // kTooLarge, kQueueFull, kReadOnly, kClosed, or why the log stopped.
  Status SubmitAppend(std::span<const AppendInput> records, Durability durability, Token token,
                      std::uint64_t expected_sequence = 0);
  // Never refused: the committer answers it, with a failure if need be.
  void Submit(Request request);

  // Everything submitted so far that does not go by a ring, in order. Asked for each record of a
  // ring whether there is any: without a lock.
  bool HasSubmitted() const { return has_submitted_.load(); }
  std::vector<Request> Take();
  // The oldest request that goes by the queue's ring.
  Request TakeRinged(Queue* queue);
  // The committer has committed or refused requests with so many payload bytes.
  void Release(std::uint32_t channel, std::uint64_t requests, std::uint64_t payload_bytes);
  // From now on appends are refused with `why`.
  void Refuse(const Status& why);

  // Appends without a token, whose failure nobody would hear. One that is refused takes all of its
  // epoch with it that come behind it by the same channel, so that what is stored is a beginning of
  // what was handed over. The first to ask is told why; then a new epoch begins.
  void RefuseIngested(std::uint32_t channel, std::uint32_t epoch, const Status& why);
  // Not ok: an earlier one of that epoch was refused, and so is this one.
  Status RefusalOfIngested(std::uint32_t channel, std::uint32_t epoch);
  // Why appends are refused, or why an ingested one was since somebody asked last.
  Status TellRefusal(std::uint32_t channel);

  // Of one channel, and of all.
  std::uint64_t waiting_bytes(std::uint32_t channel);
  std::uint64_t waiting_bytes();
  std::uint64_t waiting_requests();

 private:
  Queue* FindLocked(std::uint32_t channel);
  void TellSharers();
  static Status TellLocked(Queue* queue);

  const Options& options_;
  std::atomic<bool> has_submitted_{false};
  bool closing_ = false;  // guarded by the state mutex, as the next
  std::uint64_t detachments_ = 0;
  std::uint32_t last_number_ = 0;
  std::mutex mutex_;
  // Who changes it holds the state mutex and mutex_; who looks, one of them.
  std::vector<std::unique_ptr<Queue>> queues_;
  std::vector<Request> submitted_;  // guarded by mutex_, as below
  Status refusal_;
};

}  // namespace seglog::log
