// SPDX-License-Identifier: MIT
#include "log/written_bodies.h"

#include <utility>

namespace seglog::log {
namespace {

// Of memory that waits, and as much again of memory that is free: a few large commits.
constexpr std::uint64_t kBytesMax = 32u << 20;

}  // namespace

void WrittenBodies::Add(Body body) {
  if (waiting_bytes_ >= kBytesMax) {
    Keep(std::move(body.bytes));
    return;
  }
  ++body.segment->written_bodies;
  waiting_bytes_ += body.bytes->capacity();
  waiting_.push_back(std::move(body));
}

std::optional<WrittenBodies::Body> WrittenBodies::Take() {
  if (waiting_.empty()) return std::nullopt;
  Body body = std::move(waiting_.front());
  waiting_.pop_front();
  waiting_bytes_ -= body.bytes->capacity();
  return body;
}

std::shared_ptr<AlignedBuffer> WrittenBodies::TakeBuffer(std::size_t bytes) {
  auto best = free_.end();
  for (auto each = free_.begin(); each != free_.end(); ++each) {
    const std::size_t capacity = (*each)->capacity();
    if (capacity >= bytes && (best == free_.end() || capacity < (*best)->capacity())) best = each;
  }
  if (best == free_.end()) {
    auto made = std::make_shared<AlignedBuffer>();
    made->Reserve(bytes);
    return made;
  }
  std::shared_ptr<AlignedBuffer> buffer = std::move(*best);
  free_.erase(best);
  free_bytes_ -= buffer->capacity();
  buffer->Clear();
  return buffer;
}

void WrittenBodies::Keep(std::shared_ptr<AlignedBuffer> buffer) {
  if (!busy_) return;
  free_bytes_ += buffer->capacity();
  free_.push_back(std::move(buffer));
  while (free_bytes_ > kBytesMax) {
    free_bytes_ -= free_.front()->capacity();
    free_.erase(free_.begin());
  }
}

void WrittenBodies::SetBusy(bool busy) {
  busy_ = busy;
  if (busy) return;
  free_.clear();
  free_bytes_ = 0;
}

void WrittenBodies::Clear() {
  for (const Body& body : waiting_) --body.segment->written_bodies;
  waiting_.clear();
  waiting_bytes_ = 0;
  SetBusy(false);
}

}  // namespace seglog::log
