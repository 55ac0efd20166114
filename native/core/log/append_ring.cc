// SPDX-License-Identifier: MIT
#include "log/append_ring.h"

#include <algorithm>

namespace seglog::log {

AppendRing::AppendRing(MutableByteSpan memory) : memory_(memory), read_(0) {
  SEGLOG_ASSERT(memory.size() > kRingEntriesOffset);
  SEGLOG_ASSERT(reinterpret_cast<std::uintptr_t>(memory.data()) % kRingUnitBytes == 0);
  const std::size_t units = (memory.size() - kRingEntriesOffset) / kRingUnitBytes;
  SEGLOG_ASSERT(units <= UINT32_MAX);
  capacity_ = static_cast<std::uint32_t>(units);
}

std::uint32_t AppendRing::Load(std::size_t offset) const {
  return std::atomic_ref(*reinterpret_cast<std::uint32_t*>(memory_.data() + offset))
      .load(std::memory_order_seq_cst);
}

void AppendRing::Store(std::size_t offset, std::uint32_t value) {
  std::atomic_ref(*reinterpret_cast<std::uint32_t*>(memory_.data() + offset))
      .store(value, std::memory_order_seq_cst);
}

bool AppendRing::Peek(Entry* entry) {
  const std::uint32_t tail = Load(kRingTailOffset);
  SEGLOG_ASSERT(tail < capacity_);
  while (read_ != tail) {
    const ByteSpan rest = ByteSpan(memory_).subspan(kRingEntriesOffset + read_ * kRingUnitBytes);
    const auto units = LoadLittle<std::uint32_t>(rest, kRingEntryUnitsOffset);
    SEGLOG_ASSERT(units > 0 && units <= capacity_ - read_);
    const ByteSpan bytes = rest.first(units * kRingUnitBytes);
    const auto kind = LoadLittle<std::uint32_t>(bytes, kRingEntryKindOffset);
    entry->kind = static_cast<RingEntryKind>(kind & 0xFF);
    if (entry->kind == RingEntryKind::kSkip) {
      read_ = 0;
      continue;
    }
    entry->durability = static_cast<Durability>(kind >> kRingDurabilityShift);
    const auto ticket = LoadLittle<std::uint32_t>(bytes, kRingEntryTicketOffset);
    const bool ingested = entry->kind == RingEntryKind::kIngest;
    entry->ticket = ingested ? 0 : ticket;
    entry->epoch = ingested ? ticket : 0;
    entry->expected_sequence = 0;
    entry->bytes = bytes.size();
    entry->records.clear();
    switch (entry->kind) {
      case RingEntryKind::kAppend:
      case RingEntryKind::kIngest:
        ReadRecord(bytes, kRingEntryBytes, entry);
        break;
      case RingEntryKind::kExpect:
        entry->expected_sequence = LoadLittle<std::uint64_t>(bytes, kRingEntryBytes);
        ReadRecord(bytes, kRingEntryBytes + kRingExpectedBytes, entry);
        break;
      case RingEntryKind::kBatch:
        ReadBatch(bytes, entry);
        break;
      case RingEntryKind::kRequest:
        break;
      case RingEntryKind::kSkip:
        SEGLOG_ASSERT(false);
    }
    return true;
  }
  return false;
}

void AppendRing::ReadRecord(ByteSpan bytes, std::size_t payload_offset, Entry* entry) {
  const std::size_t headers = LoadLittle<std::uint32_t>(bytes, kRingEntryHeadersBytesOffset);
  const std::size_t data = LoadLittle<std::uint32_t>(bytes, kRingEntryDataBytesOffset);
  const ByteSpan payload = bytes.subspan(payload_offset);
  SEGLOG_ASSERT(headers + data <= payload.size());
  entry->records.push_back({.stream = LoadLittle<std::uint32_t>(bytes, kRingEntryStreamOffset),
                            .user_headers = payload.first(headers),
                            .data = payload.subspan(headers, data)});
}

void AppendRing::ReadBatch(ByteSpan bytes, Entry* entry) {
  const std::size_t count = LoadLittle<std::uint32_t>(bytes, kRingEntryStreamOffset);
  ByteSpan table = bytes.subspan(kRingEntryBytes);
  SEGLOG_ASSERT(count <= table.size() / kRingBatchRowBytes);
  ByteSpan payload = table.subspan(count * kRingBatchRowBytes);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t headers = LoadLittle<std::uint32_t>(table, kRingBatchHeadersBytesOffset);
    const std::size_t data = LoadLittle<std::uint32_t>(table, kRingBatchDataBytesOffset);
    SEGLOG_ASSERT(headers + data <= payload.size());
    entry->records.push_back({.stream = LoadLittle<std::uint32_t>(table, kRingBatchStreamOffset),
                              .user_headers = payload.first(headers),
                              .data = payload.subspan(headers, data)});
    table = table.subspan(kRingBatchRowBytes);
    payload = payload.subspan(headers + data);
  }
}

void AppendRing::Skip() {
  const ByteSpan bytes = ByteSpan(memory_).subspan(kRingEntriesOffset + read_ * kRingUnitBytes);
  const std::uint32_t next = read_ + LoadLittle<std::uint32_t>(bytes, kRingEntryUnitsOffset);
  read_ = next == capacity_ ? 0 : next;
}

void AppendRing::Free() {
  if (freed_ == read_) return;
  freed_ = read_;
  Store(kRingHeadOffset, freed_);
}

std::uint64_t AppendRing::UsedBytes() const {
  const std::uint32_t head = Load(kRingHeadOffset);
  const std::uint32_t tail = Load(kRingTailOffset);
  const std::uint32_t wrap = Load(kRingWrapOffset);
  const std::uint32_t before_wrap = wrap > head ? wrap - head : 0;
  return std::uint64_t{tail >= head ? tail - head : before_wrap + tail} * kRingUnitBytes;
}

void AppendRing::SetCalledBytes(std::uint64_t bytes) {
  const std::uint64_t units = AlignUp<std::uint64_t>(bytes, kRingUnitBytes) / kRingUnitBytes;
  Store(kRingCalledOffset, static_cast<std::uint32_t>(std::min<std::uint64_t>(units, UINT32_MAX)));
}

bool AppendRing::Announce() {
  Store(kRingAnswerOffset, 1);
  return Load(kRingPollOffset) == 0;
}

}  // namespace seglog::log
