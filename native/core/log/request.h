// SPDX-License-Identifier: MIT
// What callers hand to the committer, and the inbox where it waits. Submitting copies the payload
// and never waits for a disk; the inbox has a mutex of its own, so that it never waits for a commit
// either.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

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
  std::uint64_t lsn = 0;        // kWaitDurable
  StreamHandle stream = 0;      // kSeal, kTruncateBefore
  std::uint64_t sequence = 0;   // kTruncateBefore
  std::vector<Record> records;  // kAppend
  std::vector<std::byte> payload;

  format::RecordInput Input(const Record& record) const {
    const ByteSpan bytes(payload);
    return {.kind = record.kind,
            .user_headers = bytes.subspan(record.offset, record.headers_bytes),
            .data = bytes.subspan(record.offset + record.headers_bytes, record.data_bytes)};
  }
};

// Any thread.
class Inbox final {
 public:
  explicit Inbox(const Options& options) : options_(options) {}

  // kTooLarge, kQueueFull, kReadOnly, kClosed, or why the log stopped.
  Status SubmitAppend(std::span<const AppendInput> records, Durability durability, Token token);
  // Never refused: the committer answers it, with a failure if need be.
  void Submit(Request request);

  // Everything submitted so far, in order.
  std::vector<Request> Take();
  // The committer has committed or refused requests with so many payload bytes.
  void Release(std::uint64_t requests, std::uint64_t payload_bytes);
  // From now on appends are refused with `why`.
  void Refuse(const Status& why);

  bool empty();
  std::uint64_t waiting_bytes();
  std::uint64_t waiting_requests();

 private:
  const Options& options_;
  std::mutex mutex_;
  std::vector<Request> submitted_;   // guarded by mutex_, as all below
  std::uint64_t waiting_bytes_ = 0;  // submitted and not released
  std::uint64_t waiting_requests_ = 0;
  Status refusal_;
};

}  // namespace seglog::log
