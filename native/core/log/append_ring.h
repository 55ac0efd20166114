// SPDX-License-Identifier: MIT
// The memory through which one JavaScript environment hands appends to the committer without a
// call: control words and a ring of entries. The producer writes an entry, then the tail; the
// committer reads up to the tail, copies what it needs, then moves the head. lib/ring.ts is the
// producer and takes every offset below from here (Constants in the binding).
//
// Positions count units of 8 bytes from the start of the entries and wrap to 0 at the capacity;
// tail and head are equal when the ring is empty, so that one unit is never used. Entries do not
// wrap: where one does not fit before the end, a skip entry fills the rest.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "log/live_objects.h"
#include "log/log.h"

namespace seglog::log {

inline constexpr std::size_t kRingUnitBytes = 8;

// Control words of 32 bits, each written by one side, on cache lines of their own.
inline constexpr std::size_t kRingTailOffset = 0;     // producer: entries before it are complete
inline constexpr std::size_t kRingWrapOffset = 4;     // producer: where the last skip entry begins
inline constexpr std::size_t kRingHeadOffset = 64;    // committer: entries before it are free
inline constexpr std::size_t kRingSleepOffset = 128;  // committer: 1 when it has to be roused
inline constexpr std::size_t kRingPollOffset = 192;   // producer: 1 while it looks at the next word
inline constexpr std::size_t kRingAnswerOffset = 256;   // log: 1 when there is something to take
inline constexpr std::size_t kRingRefuseOffset = 320;   // committer: 1 when appends are refused
inline constexpr std::size_t kRingEpochOffset = 384;    // inbox: of records ingested now
inline constexpr std::size_t kRingSharersOffset = 448;  // inbox: rings of the log, this one too
inline constexpr std::size_t kRingCalledOffset = 512;  // inbox: units of payload that came by calls
inline constexpr std::size_t kRingEntriesOffset = 576;

// An entry: six words of 32 bits, then what its kind says, padded to whole units.
enum class RingEntryKind : std::uint8_t {
  kSkip = 1,     // nothing: the next entry is at position 0
  kAppend = 2,   // one record: headers, data
  kBatch = 3,    // a table of kRingBatchRowBytes for each record, then headers and data of each
  kRequest = 4,  // the next of the requests that were submitted in ring order
  kIngest = 5,   // one record that nobody waits for; an epoch in place of the ticket
  kExpect = 6,   // as kAppend, behind kRingExpectedBytes: the sequence that the record must get
};
inline constexpr std::size_t kRingEntryUnitsOffset = 0;    // of the whole entry
inline constexpr std::size_t kRingEntryKindOffset = 4;     // kind | Durability << 8
inline constexpr std::size_t kRingEntryTicketOffset = 8;   // token of the answer
inline constexpr std::size_t kRingEntryStreamOffset = 12;  // kBatch: number of records
inline constexpr std::size_t kRingEntryHeadersBytesOffset = 16;
inline constexpr std::size_t kRingEntryDataBytesOffset = 20;
inline constexpr std::size_t kRingEntryBytes = 24;
inline constexpr std::size_t kRingExpectedBytes = 8;
inline constexpr std::size_t kRingDurabilityShift = 8;

inline constexpr std::size_t kRingBatchStreamOffset = 0;
inline constexpr std::size_t kRingBatchHeadersBytesOffset = 4;
inline constexpr std::size_t kRingBatchDataBytesOffset = 8;
inline constexpr std::size_t kRingBatchRowBytes = 12;

// The consumer's side: commit thread only, under the state mutex, except where said. What entries
// say is believed (asserted, not answered): they are this library's own.
class AppendRing final {
 public:
  struct Entry {
    RingEntryKind kind = RingEntryKind::kAppend;
    Durability durability = Durability::kSync;
    std::uint32_t ticket = 0;
    std::uint32_t epoch = 0;              // kIngest
    std::uint64_t expected_sequence = 0;  // kExpect
    std::size_t bytes = 0;                // of the whole entry
    std::vector<AppendInput> records;     // they borrow from the ring
  };

  // `memory` is aligned to 8 bytes, outlives the ring, and was zero when the producer got it.
  explicit AppendRing(MutableByteSpan memory);

  // Whether something was published that was not read. Any thread.
  bool HasUnread() const { return Load(kRingTailOffset) != read_; }
  // The next entry into `entry`, which is filled again and again; false when there is none. Reading
  // does not move on: call Skip.
  bool Peek(Entry* entry);
  void Skip();
  // Gives what was read back to the producer.
  void Free();
  // Bytes of entries that were published and not freed, what was skipped left out. Any thread; a
  // little old where the others go on.
  std::uint64_t UsedBytes() const;

  // Any thread.
  void SetSleeping(bool sleeping) { Store(kRingSleepOffset, sleeping ? 1 : 0); }
  void SetRefusing(bool refusing) { Store(kRingRefuseOffset, refusing ? 1 : 0); }
  void SetEpoch(std::uint32_t epoch) { Store(kRingEpochOffset, epoch); }
  void SetSharers(std::uint32_t rings) { Store(kRingSharersOffset, rings); }
  // Payload that waits beside the ring: what is too large for it.
  void SetCalledBytes(std::uint64_t bytes);
  // Says that there is something to take. True when the producer is not looking and must be called.
  bool Announce();

 private:
  // Sequentially consistent: each side stores one word and then loads another.
  std::uint32_t Load(std::size_t offset) const;
  void Store(std::size_t offset, std::uint32_t value);
  static void ReadRecord(ByteSpan bytes, std::size_t payload_offset, Entry* entry);
  static void ReadBatch(ByteSpan bytes, Entry* entry);

  MutableByteSpan memory_;
  std::uint32_t capacity_ = 0;       // units
  std::atomic<std::uint32_t> read_;  // position behind the last entry that was skipped
  std::uint32_t freed_ = 0;          // what the head says
  const Counted counted_{&live_rings};
};

}  // namespace seglog::log
