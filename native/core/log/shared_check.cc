// SPDX-License-Identifier: MIT
#include "log/shared_check.h"

#include <algorithm>
#include <map>
#include <utility>

namespace seglog::log {
namespace {

constexpr const char* kMissing = "a frame of the stream is not where it should be";
constexpr const char* kWrongLink = "the link to the stream's frame before leads elsewhere";

}  // namespace

void SharedCheck::Begin() {
  for (StreamHandle handle = kSharedHandle + 1; handle < state_->table.size(); ++handle) {
    const Stream& stream = state_->table.at(handle);
    if (stream.shared.bytes == 0) continue;
    links_.emplace(stream.id, Links{.stream = handle,
                                    .expected_sequence = stream.first_sequence,
                                    .next_sequence = stream.shared_next_sequence(),
                                    .newest = stream.shared.last});
  }
}

void SharedCheck::Add(const format::FrameHeader& header, const format::SharedPosition& position) {
  const auto found = links_.find(header.stream_id);
  if (found == links_.end()) return;
  Links& links = found->second;
  if (header.next_sequence() <= links.expected_sequence ||
      header.first_sequence >= links.next_sequence) {
    return;
  }
  if (header.first_sequence > links.expected_sequence) {
    breaks_.push_back({.stream = links.stream,
                       .first_sequence = links.expected_sequence,
                       .next_sequence = header.first_sequence,
                       .position = header.previous,
                       .what = kMissing});
  } else if (links.last.segment_id != 0 && header.previous != links.last) {
    breaks_.push_back({.stream = links.stream,
                       .first_sequence = header.first_sequence,
                       .next_sequence = header.next_sequence(),
                       .position = position,
                       .what = kWrongLink});
  }
  links.expected_sequence = header.next_sequence();
  links.last = position;
}

void SharedCheck::End(DamageList* damage) {
  SEGLOG_ASSERT(!ended_);
  ended_ = true;
  for (const auto& [id, links] : links_) {
    const bool complete = links.expected_sequence >= links.next_sequence;
    if (complete && (links.last == links.newest || links.last.segment_id == 0)) continue;
    const std::uint64_t first = complete ? links.next_sequence - 1 : links.expected_sequence;
    breaks_.push_back({.stream = links.stream,
                       .first_sequence = first,
                       .next_sequence = links.next_sequence,
                       .position = links.newest,
                       .what = kMissing});
  }
  links_.clear();
  std::sort(breaks_.begin(), breaks_.end(), [](const Break& a, const Break& b) {
    return std::pair(a.stream, a.first_sequence) < std::pair(b.stream, b.first_sequence);
  });
  // Where damage begins of which only the place is known.
  std::map<std::pair<std::string, std::uint64_t>, Damage*> nameless;
  for (Damage& each : damage->listed) {
    if (each.key.empty() && each.bytes > 0)
      nameless.emplace(std::pair(each.file, each.offset), &each);
  }
  std::vector<Damage> more;
  for (const Break& broken : breaks_) {
    Damage named;
    if (!DamageOf(broken, &named)) continue;
    const auto found = nameless.find({named.file, named.offset});
    if (found == nameless.end()) {
      more.push_back(std::move(named));
      continue;
    }
    found->second->key = named.key;
    found->second->first_sequence = named.first_sequence;
    found->second->last_sequence = named.last_sequence;
    nameless.erase(found);
  }
  breaks_.clear();
  for (Damage& each : more) damage->Add(std::move(each));
}

bool SharedCheck::DamageOf(const Break& broken, Damage* damage) {
  const std::lock_guard lock(state_->mutex);
  const Stream& stream = state_->table.at(broken.stream);
  if (broken.next_sequence <= stream.first_sequence) return false;
  const Segment* segment = state_->table.shared().FindSegment(broken.position.segment_id);
  if (segment != nullptr) damage->file = SegmentPath("", segment->row);
  damage->key = stream.key;
  damage->offset = broken.position.offset;
  damage->what = broken.what;
  damage->first_sequence = std::max(broken.first_sequence, stream.first_sequence);
  damage->last_sequence = broken.next_sequence - 1;
  return true;
}

}  // namespace seglog::log
