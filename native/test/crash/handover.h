// SPDX-License-Identifier: MIT
// How a simulated program hands its calls over: by the inbox, or as lib/ does, through a ring that
// only holds a few entries, and by the inbox what is too large for it. What the committer gives
// back of the ring is spoilt at once, as a program would that goes on writing.
#pragma once

#include <cstddef>
#include <memory>

#include "test/crash/model.h"
#include "test/support/ring_producer.h"

namespace seglog::crash {

// One thread. Outlives the engine.
class Handover final {
 public:
  enum class Result : std::uint8_t {
    kTaken,
    kNoRoom,   // nothing has happened; to be tried again
    kRefused,  // nothing has happened, and no answer will come
  };

  // `ring_bytes` 0: without a ring.
  explicit Handover(std::size_t ring_bytes);
  // Before anything is handed over.
  void Attach(log::Engine* engine);

  bool has_ring() const { return producer_ != nullptr; }
  // Its records; with the token 0 they are ingested. The committer sees none of them before
  // Publish.
  Result Append(const Submitted& request);
  // Requests of other kinds.
  Result Submit(log::Request request);
  void Publish();
  // After each step of the committer.
  void SpoilWhatIsFree();
  // Whether an ingested record was refused, or all will be.
  bool refuses() const { return has_ring() && producer_->refuses(); }

 private:
  Result AppendToRing(const Submitted& request, std::span<const log::AppendInput> inputs);
  Result AppendByInbox(const Submitted& request, std::span<const log::AppendInput> inputs);

  std::unique_ptr<test::RingProducer> producer_;
  log::Engine* engine_ = nullptr;
};

}  // namespace seglog::crash
