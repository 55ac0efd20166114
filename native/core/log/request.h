// SPDX-License-Identifier: MIT
// What callers hand to the committer, and the inbox where it waits. Submitting copies the payload
// and never waits for a disk; the inbox has a mutex of its own, so that it never waits for a commit
// either. Where the caller has a ring (append_ring.h), small appends do not come through here, and
// requests are taken when their entry of the ring is reached.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

#include "log/append_ring.h"
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
  Token token = 0;
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

// Any thread.
class Inbox final {
 public:
  explicit Inbox(const Options& options) : options_(options) {}

  // Before anything is submitted. From then on requests of every kind but kDrain are taken in the
  // order of the ring's kRequest entries; an append that is refused has none.
  void AttachRing(AppendRing* ring) { ring_ = ring; }
  AppendRing* ring() { return ring_; }

  // kTooLarge, kQueueFull, kReadOnly, kClosed, or why the log stopped.
  Status SubmitAppend(std::span<const AppendInput> records, Durability durability, Token token,
                      std::uint64_t expected_sequence = 0);
  // Never refused: the committer answers it, with a failure if need be.
  void Submit(Request request);

  // Everything submitted so far that does not go by the ring, in order.
  std::vector<Request> Take();
  // The oldest request that goes by the ring.
  Request TakeRinged();
  // The committer has committed or refused requests with so many payload bytes.
  void Release(std::uint64_t requests, std::uint64_t payload_bytes);
  // From now on appends are refused with `why`.
  void Refuse(const Status& why);

  // Appends without a token, whose failure nobody would hear. One that is refused takes all of its
  // epoch with it that come behind it, so that what is stored is a beginning of what was handed
  // over. The first to ask is told why; then a new epoch begins.
  void RefuseIngested(std::uint32_t epoch, const Status& why);
  // Not ok: an earlier one of that epoch was refused, and so is this one.
  Status RefusalOfIngested(std::uint32_t epoch);
  // Why appends are refused, or why an ingested one was since somebody asked last.
  Status TellRefusal();

  std::uint64_t waiting_bytes();
  std::uint64_t waiting_requests();

 private:
  Status TellLocked();
  std::uint64_t RingBytes() const { return ring_ == nullptr ? 0 : ring_->UsedBytes(); }

  const Options& options_;
  AppendRing* ring_ = nullptr;
  std::mutex mutex_;
  std::vector<Request> submitted_;   // guarded by mutex_, as all below
  std::deque<Request> ringed_;       // that the ring has an entry for, or soon will
  std::uint64_t waiting_bytes_ = 0;  // submitted and not released
  std::uint64_t waiting_requests_ = 0;
  Status refusal_;
  std::uint32_t epoch_ = 0;
  std::uint32_t refused_before_ = 0;  // epochs
  Status ingested_refusal_;           // of the last epoch that had one
  bool refusal_untold_ = false;
};

}  // namespace seglog::log
