// SPDX-License-Identifier: MIT
// What waits to be committed, as the committer sees it: one row. What came by one channel has the
// order in which it was handed over, whether through the ring or the inbox; channels take turns.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "log/request.h"

namespace seglog::log {

// A channel has its turn until it has nothing, or so many bytes of its ring were taken: then the
// next one's are, so that who writes much keeps nobody waiting for longer.
inline constexpr std::size_t kTurnBytesMax = 64 * 1024;

// One of them. Borrows its records until Release.
struct Incoming {
  Request::Kind kind = Request::Kind::kSync;
  Durability durability = Durability::kSync;
  std::uint32_t channel = 0;
  Token token = 0;
  std::uint32_t epoch = 0;              // kAppend without a token
  std::uint64_t expected_sequence = 0;  // kAppend of one record; 0: any
  std::uint64_t lsn = 0;                // kWaitDurable
  StreamHandle stream = 0;              // kSeal, kTruncateBefore
  std::uint64_t sequence = 0;           // kTruncateBefore
  std::span<const AppendInput> records;

  bool NeedsRoom() const {
    return kind == Request::Kind::kAppend || kind == Request::Kind::kSeal ||
           kind == Request::Kind::kTruncateBefore;
  }
};

// Commit thread only, under the state mutex.
class Intake final {
 public:
  explicit Intake(Inbox* inbox) : inbox_(inbox) {}

  // What comes next; null when nothing waits. Valid until Take.
  const Incoming* Front();
  // The front is dealt with: committed, answered or refused. Its records stay readable.
  void Take();
  // Nobody reads the records of what was taken any more; the ring has its room back.
  void Release();

 private:
  bool FrontOfInbox();
  bool FrontOfRings();
  void DropFrontIfDetached();
  void Describe(const Request& request, Queue* queue);

  Inbox* const inbox_;
  std::deque<Request> waiting_;  // out of the inbox
  bool has_front_ = false;
  AppendRing* front_ring_ = nullptr;  // where the front is an entry of one
  std::uint64_t detachments_ = 0;     // that were looked at
  std::size_t turn_ = 0;              // whose it is, in the inbox's queues
  std::size_t turn_bytes_ = 0;
  std::optional<Request> front_request_;
  AppendRing::Entry entry_;
  std::vector<AppendInput> records_;
  Incoming front_;
  std::deque<Request> taken_;
};

}  // namespace seglog::log
