// SPDX-License-Identifier: MIT
// The producer's side of a ring, as lib/ring.ts writes it, for tests without JavaScript.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "log/append_ring.h"

namespace seglog::test {

struct RingRecord {
  log::StreamHandle stream = 0;
  std::string_view headers = {};
  std::string_view data = {};
};

// One thread.
class RingProducer final {
 public:
  explicit RingProducer(std::size_t entry_units)
      : memory_((log::kRingEntriesOffset / log::kRingUnitBytes) + entry_units),
        capacity_(static_cast<std::uint32_t>(entry_units)) {}

  MutableByteSpan memory() { return std::as_writable_bytes(std::span(memory_)); }

  // False where there is no room now. Unpublished.
  bool Append(std::uint32_t ticket, const RingRecord& record,
              log::Durability durability = log::Durability::kSync) {
    return WriteRecord(log::RingEntryKind::kAppend, ticket, record, durability);
  }
  bool Expect(std::uint32_t ticket, std::uint64_t sequence, const RingRecord& record,
              log::Durability durability = log::Durability::kSync) {
    const std::size_t fixed = log::kRingEntryBytes + log::kRingExpectedBytes;
    const std::optional<MutableByteSpan> entry =
        Reserve(fixed + record.headers.size() + record.data.size());
    if (!entry.has_value()) return false;
    StoreLittle(*entry, log::kRingEntryBytes, sequence);
    StoreLittle(*entry, log::kRingEntryHeadersBytesOffset, Size(record.headers));
    StoreLittle(*entry, log::kRingEntryDataBytesOffset, Size(record.data));
    Copy(*entry, fixed, record);
    Finish(*entry, log::RingEntryKind::kExpect, ticket, record.stream, durability);
    return true;
  }
  bool Ingest(const RingRecord& record) {
    return WriteRecord(log::RingEntryKind::kIngest, Load(log::kRingEpochOffset), record,
                       log::Durability::kNone);
  }
  bool Batch(std::uint32_t ticket, const std::vector<RingRecord>& records,
             log::Durability durability = log::Durability::kSync) {
    std::size_t bytes = log::kRingEntryBytes + records.size() * log::kRingBatchRowBytes;
    std::size_t payload = bytes;
    for (const RingRecord& one : records) bytes += one.headers.size() + one.data.size();
    const std::optional<MutableByteSpan> entry = Reserve(bytes);
    if (!entry.has_value()) return false;
    std::size_t row = log::kRingEntryBytes;
    for (const RingRecord& one : records) {
      StoreLittle(*entry, row + log::kRingBatchStreamOffset, one.stream);
      StoreLittle(*entry, row + log::kRingBatchHeadersBytesOffset, Size(one.headers));
      StoreLittle(*entry, row + log::kRingBatchDataBytesOffset, Size(one.data));
      row += log::kRingBatchRowBytes;
      payload = Copy(*entry, payload, one);
    }
    Finish(*entry, log::RingEntryKind::kBatch, ticket, Size(records), durability);
    return true;
  }
  bool Request() {
    const std::optional<MutableByteSpan> entry = Reserve(log::kRingEntryBytes);
    if (!entry.has_value()) return false;
    Finish(*entry, log::RingEntryKind::kRequest, 0, 0, log::Durability::kSync);
    return true;
  }

  // Whether the committer sleeps and has to be roused.
  bool Publish() {
    Word(log::kRingTailOffset).store(tail_);
    return Load(log::kRingSleepOffset) != 0;
  }

  bool HasRoomForRequest() { return Reserve(log::kRingEntryBytes).has_value(); }
  // The entries that lib/ writes into a ring of this size; larger ones go by a call.
  std::size_t entry_bytes_max() const { return (capacity_ / 4 - 1) * log::kRingUnitBytes; }
  std::uint64_t called_bytes() {
    return std::uint64_t{Load(log::kRingCalledOffset)} * log::kRingUnitBytes;
  }
  bool refuses() { return Load(log::kRingRefuseOffset) != 0; }

  // What the committer gave back may be anything from now on: nobody may look at it any more.
  void SpoilWhatIsFree() {
    const std::uint32_t head = Load(log::kRingHeadOffset);
    for (; spoilt_ != head; spoilt_ = spoilt_ + 1 == capacity_ ? 0 : spoilt_ + 1) {
      const MutableByteSpan unit = Unit(spoilt_).first(log::kRingUnitBytes);
      std::fill(unit.begin(), unit.end(), std::byte{0xDB});
    }
  }

 private:
  template <typename T>
  static std::uint32_t Size(const T& of) {
    return static_cast<std::uint32_t>(of.size());
  }

  std::atomic_ref<std::uint32_t> Word(std::size_t offset) {
    return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(memory().data() + offset));
  }
  std::uint32_t Load(std::size_t offset) { return Word(offset).load(); }

  MutableByteSpan Unit(std::uint32_t position) {
    return memory().subspan(log::kRingEntriesOffset + position * log::kRingUnitBytes);
  }

  std::optional<MutableByteSpan> Reserve(std::size_t bytes) {
    const auto units =
        static_cast<std::uint32_t>(AlignUp(bytes, log::kRingUnitBytes) / log::kRingUnitBytes);
    const std::uint32_t head = Load(log::kRingHeadOffset);
    if (tail_ < head) {
      if (units >= head - tail_) return std::nullopt;
    } else if (const std::uint32_t to_end = capacity_ - tail_;
               units > to_end || (units == to_end && head == 0)) {
      if (units >= head) return std::nullopt;
      const MutableByteSpan skip = Unit(tail_);
      StoreLittle(skip, log::kRingEntryUnitsOffset, to_end);
      StoreLittle(skip, log::kRingEntryKindOffset,
                  static_cast<std::uint32_t>(log::RingEntryKind::kSkip));
      WrapHere();
    }
    return Unit(tail_).first(units * log::kRingUnitBytes);
  }

  static std::size_t Copy(MutableByteSpan entry, std::size_t at, const RingRecord& record) {
    for (const std::string_view part : {record.headers, record.data}) {
      std::copy(part.begin(), part.end(), reinterpret_cast<char*>(entry.data()) + at);
      at += part.size();
    }
    return at;
  }

  bool WriteRecord(log::RingEntryKind kind, std::uint32_t ticket, const RingRecord& record,
                   log::Durability durability) {
    const std::optional<MutableByteSpan> entry =
        Reserve(log::kRingEntryBytes + record.headers.size() + record.data.size());
    if (!entry.has_value()) return false;
    StoreLittle(*entry, log::kRingEntryHeadersBytesOffset, Size(record.headers));
    StoreLittle(*entry, log::kRingEntryDataBytesOffset, Size(record.data));
    Copy(*entry, log::kRingEntryBytes, record);
    Finish(*entry, kind, ticket, record.stream, durability);
    return true;
  }

  void Finish(MutableByteSpan entry, log::RingEntryKind kind, std::uint32_t ticket,
              std::uint32_t stream, log::Durability durability) {
    const auto units = static_cast<std::uint32_t>(entry.size() / log::kRingUnitBytes);
    StoreLittle(entry, log::kRingEntryUnitsOffset, units);
    StoreLittle(entry, log::kRingEntryKindOffset,
                static_cast<std::uint32_t>(kind) | static_cast<std::uint32_t>(durability)
                                                       << log::kRingDurabilityShift);
    StoreLittle(entry, log::kRingEntryTicketOffset, ticket);
    StoreLittle(entry, log::kRingEntryStreamOffset, stream);
    tail_ += units;
    if (tail_ == capacity_) WrapHere();
  }

  void WrapHere() {
    Word(log::kRingWrapOffset).store(tail_);
    tail_ = 0;
  }

  std::vector<std::uint64_t> memory_;
  std::uint32_t capacity_ = 0;
  std::uint32_t tail_ = 0;
  std::uint32_t spoilt_ = 0;  // up to here, from the head of before
};

}  // namespace seglog::test
