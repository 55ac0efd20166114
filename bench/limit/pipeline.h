// SPDX-License-Identifier: MIT
// Two threads, as the log has them: a producer that copies and checksums records into a group, and
// a committer that writes one group at a time. What arrives while a group is written is the next.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

#include "base/aligned_buffer.h"
#include "target.h"

namespace seglog::limit {

using Clock = std::chrono::steady_clock;

struct Shape {
  std::size_t payload_bytes = 128;
  // Callers that append and wait; 0: nobody waits, and one sync at the end is part of the time.
  std::size_t callers = 1;
  // Records that a caller appends together.
  std::size_t batch = 1;
  double seconds = 1;
  double warm_up_seconds = 0.2;
  std::uint64_t bytes_max = 4ULL << 30;
};

struct Acknowledged {
  double microseconds = 0;
  std::uint64_t records = 0;
};

struct Outcome {
  std::uint64_t records = 0;
  double seconds = 0;
  double cpu_microseconds = 0;
  // The warm-up included.
  std::uint64_t records_in_all = 0;
  std::vector<Acknowledged> latencies;
};

// Records in page-aligned memory, and who waits for them.
class Group final {
 public:
  explicit Group(std::size_t capacity);

  bool empty() const { return end_ == 0; }
  std::size_t size() const { return end_; }
  std::size_t callers() const { return submissions_.size(); }
  std::uint64_t records() const { return records_; }

  void Add(ByteSpan payload, std::uint64_t sequence);
  // What was added since the last call belongs to a caller who began to wait at `start`.
  void Submit(Clock::time_point start, std::uint64_t records);
  // The group in whole pages, with zeros behind it.
  ByteSpan Pages();
  void AppendLatencies(Clock::time_point now, std::vector<Acknowledged>& out) const;
  void Clear();

 private:
  struct Submission {
    Clock::time_point start;
    std::uint64_t records;
  };

  AlignedBuffer bytes_;
  std::size_t end_ = 0;
  std::uint64_t records_ = 0;
  std::vector<Submission> submissions_;
};

class Pipeline final {
 public:
  Pipeline(const Shape& shape, Target& target);

  // Runs to the end. Call it once.
  Outcome Run();

 private:
  void Produce();
  void ProduceForCallers();
  void ProduceWithoutWaiting();
  void AddBatch(std::size_t records, Clock::time_point start);
  void Commit();
  void CommitGroup(Group& group);
  void AppendAlone();
  bool IsOver() const;

  const Shape shape_;
  Target& target_;
  const std::vector<std::byte> payloads_;
  std::uint64_t next_sequence_ = 0;
  Clock::time_point begin_;
  Clock::time_point warm_until_;
  Clock::time_point end_;

  std::mutex mutex_;
  Group pending_;  // Under mutex_.
  std::atomic<std::size_t> pending_bytes_ = 0;
  std::atomic<std::size_t> acknowledged_callers_ = 0;
  std::atomic<bool> has_ended_ = false;

  // Committer's thread.
  Group writing_;
  bool is_measuring_ = false;
  double cpu_before_ = 0;
  Outcome outcome_;
};

}  // namespace seglog::limit
