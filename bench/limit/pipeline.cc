// SPDX-License-Identifier: MIT
#include "pipeline.h"

#include <sched.h>
#include <sys/resource.h>

#include <random>
#include <thread>
#include <utility>

#include "hash/crc32c.h"

namespace seglog::limit {
namespace {

constexpr std::size_t kRecordHeaderBytes = 16;
constexpr std::size_t kPayloadPoolBytes = 4 << 20;
// Bulk data is written in pieces of this size.
constexpr std::size_t kBulkBytes = 4 << 20;
constexpr std::size_t kRecordsPerLook = 64;

// Waiting costs processor time here, and never a wake-up: this is the limit, not a design.
void Pause() { sched_yield(); }

double CpuMicroseconds() {
  rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) != 0) Fail("getrusage");
  const auto micro = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
  };
  return micro(usage.ru_utime) + micro(usage.ru_stime);
}

double Microseconds(Clock::duration duration) {
  return std::chrono::duration<double, std::micro>(duration).count();
}

Clock::duration FromSeconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

std::vector<std::byte> RandomBytes(std::size_t count) {
  std::mt19937_64 generator(7);
  std::vector<std::byte> bytes(AlignUp<std::size_t>(count, sizeof(std::uint64_t)));
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
    StoreLittle<std::uint64_t>(bytes, at, generator());
  }
  return bytes;
}

std::size_t RecordBytes(const Shape& shape) {
  return kRecordHeaderBytes + AlignUp<std::size_t>(shape.payload_bytes, 8);
}

// The most that a group can hold: all callers, or a piece of bulk data and what one look adds.
std::size_t GroupCapacity(const Shape& shape) {
  const std::size_t waiting = shape.callers * shape.batch * RecordBytes(shape);
  const std::size_t bulk = kBulkBytes + kRecordsPerLook * RecordBytes(shape);
  return AlignUp(shape.callers == 0 ? bulk : waiting, kPageBytes);
}

}  // namespace

Group::Group(std::size_t capacity) { bytes_.AppendZeros(capacity); }

void Group::Add(ByteSpan payload, std::uint64_t sequence) {
  const MutableByteSpan record = bytes_.mutable_bytes().subspan(end_);
  StoreLittle<std::uint32_t>(record, 0, hash::Crc32c(0, payload));
  StoreLittle<std::uint32_t>(record, 4, static_cast<std::uint32_t>(payload.size()));
  StoreLittle<std::uint64_t>(record, 8, sequence);
  std::memcpy(record.data() + kRecordHeaderBytes, payload.data(), payload.size());
  end_ += kRecordHeaderBytes + AlignUp<std::size_t>(payload.size(), 8);
}

void Group::Submit(Clock::time_point start, std::uint64_t records) {
  submissions_.push_back({start, records});
  records_ += records;
}

ByteSpan Group::Pages() {
  const std::size_t pages_end = AlignUp(end_, kPageBytes);
  std::memset(bytes_.data() + end_, 0, pages_end - end_);
  return bytes_.bytes().first(pages_end);
}

void Group::AppendLatencies(Clock::time_point now, std::vector<Acknowledged>& out) const {
  for (const Submission& submission : submissions_) {
    // A batch is waited for once, a record alone as well.
    out.push_back({Microseconds(now - submission.start), 1});
  }
}

void Group::Clear() {
  end_ = 0;
  records_ = 0;
  submissions_.clear();
}

Pipeline::Pipeline(const Shape& shape, Target& target)
    : shape_(shape),
      target_(target),
      payloads_(RandomBytes(kPayloadPoolBytes)),
      pending_(GroupCapacity(shape)),
      writing_(GroupCapacity(shape)) {}

Outcome Pipeline::Run() {
  begin_ = Clock::now();
  warm_until_ = begin_ + FromSeconds(shape_.warm_up_seconds);
  end_ = warm_until_ + FromSeconds(shape_.seconds);
  if (shape_.callers == 1) {
    AppendAlone();
  } else {
    std::thread committer([this] { Commit(); });
    Produce();
    committer.join();
  }
  if (shape_.callers == 0) target_.Sync();
  outcome_.seconds = Microseconds(Clock::now() - begin_) / 1e6;
  outcome_.cpu_microseconds = CpuMicroseconds() - cpu_before_;
  return std::move(outcome_);
}

// One caller needs no second thread: it commits for itself.
void Pipeline::AppendAlone() {
  while (!IsOver()) {
    AddBatch(shape_.batch, Clock::now());
    std::swap(pending_, writing_);
    CommitGroup(writing_);
  }
}

void Pipeline::Produce() {
  if (shape_.callers == 0) {
    ProduceWithoutWaiting();
  } else {
    ProduceForCallers();
  }
  has_ended_ = true;
}

void Pipeline::ProduceForCallers() {
  std::size_t free = shape_.callers;
  while (!IsOver()) {
    free += acknowledged_callers_.exchange(0);
    if (free == 0) {
      Pause();
      continue;
    }
    const Clock::time_point start = Clock::now();
    const std::lock_guard lock(mutex_);
    // Single records that are appended in one tick are one group; batches are handed over one by
    // one.
    const std::size_t now = shape_.batch == 1 ? free : 1;
    for (std::size_t caller = 0; caller < now; ++caller) AddBatch(shape_.batch, start);
    free -= now;
    pending_bytes_ = pending_.size();
  }
}

void Pipeline::ProduceWithoutWaiting() {
  while (!IsOver()) {
    if (pending_bytes_ >= kBulkBytes) {
      Pause();
      continue;
    }
    const std::lock_guard lock(mutex_);
    while (pending_.size() < kBulkBytes) AddBatch(kRecordsPerLook, begin_);
    pending_bytes_ = pending_.size();
  }
}

void Pipeline::AddBatch(std::size_t records, Clock::time_point start) {
  const std::size_t places = payloads_.size() / shape_.payload_bytes;
  for (std::size_t record = 0; record < records; ++record) {
    const std::size_t at = next_sequence_ % places * shape_.payload_bytes;
    pending_.Add(ByteSpan(payloads_).subspan(at, shape_.payload_bytes), next_sequence_++);
  }
  pending_.Submit(start, records);
}

void Pipeline::Commit() {
  for (;;) {
    if (pending_bytes_ == 0) {
      if (has_ended_ && pending_bytes_ == 0) return;
      Pause();
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      std::swap(pending_, writing_);
      pending_bytes_ = 0;
    }
    CommitGroup(writing_);
  }
}

void Pipeline::CommitGroup(Group& group) {
  target_.Write(group.Pages());
  const Clock::time_point now = Clock::now();
  acknowledged_callers_ += group.callers();
  outcome_.records_in_all += group.records();
  if (is_measuring_) {
    outcome_.records += group.records();
    if (shape_.callers > 0) group.AppendLatencies(now, outcome_.latencies);
  } else if (now >= warm_until_) {
    is_measuring_ = true;
    begin_ = now;
    cpu_before_ = CpuMicroseconds();
  }
  group.Clear();
}

bool Pipeline::IsOver() const {
  return Clock::now() >= end_ || next_sequence_ * shape_.payload_bytes >= shape_.bytes_max;
}

}  // namespace seglog::limit
