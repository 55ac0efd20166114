// SPDX-License-Identifier: MIT
// Bodies on their way from the committer, which wrote them, to the destager, which gathers what the
// footers of their segments say; and their memory, for the next ones.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "base/aligned_buffer.h"
#include "log/stream_table.h"

namespace seglog::log {

// With the state's mutex held.
class WrittenBodies final {
 public:
  struct Body {
    std::shared_ptr<Segment> segment;
    std::uint64_t offset = 0;
    std::shared_ptr<AlignedBuffer> bytes;
  };

  // Where too many wait it is passed over: its segment is read back when it is sealed.
  void Add(Body body);
  // The oldest, which counts among its segment's written bodies until the caller takes it off.
  std::optional<Body> Take();

  // Empty, with room for so many bytes. The first touch of a page costs more than a copy: so memory
  // that was used before is used again.
  std::shared_ptr<AlignedBuffer> TakeBuffer(std::size_t bytes);
  // Memory that nobody looks at any more.
  void Keep(std::shared_ptr<AlignedBuffer> buffer);
  // Whether commits are being built: else memory is given back to the system.
  void SetBusy(bool busy);
  // Nobody will take them.
  void Clear();

 private:
  std::deque<Body> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  std::vector<std::shared_ptr<AlignedBuffer>> free_;  // the one that was kept last at the end
  std::uint64_t free_bytes_ = 0;
  bool busy_ = false;
};

}  // namespace seglog::log
