// SPDX-License-Identifier: MIT
// A log of one stream that lies closed on a disk image, for tests that damage it and open it again.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "test/support/engine_harness.h"

namespace seglog::test {

// What it holds, and where its segments lie.
struct RestingLog {
  static constexpr const char* kKey = "orders";

  DiskImage image;
  std::vector<std::string> data;
  std::vector<format::CatalogSegment> rows;

  std::string PathOf(std::size_t index) const { return SegmentPathOf(kKey, rows.at(index)); }
  // Where in its segment the frame with this sequence lies, when each frame holds one record.
  std::uint64_t FrameOffset(std::size_t segment, std::uint64_t sequence) const;
};

// Appends one record a commit; after each of `seal_after` records the segment is sealed.
RestingLog MakeRestingLog(const log::Options& options, std::size_t count, std::size_t bytes,
                          const std::vector<std::uint64_t>& seal_after = {});

// An image, opened.
struct OpenedImage {
  explicit OpenedImage(const DiskImage& image, const log::Options& options = QuietOptions());

  std::unique_ptr<SimulatedDisk> disk;
  EngineHarness log;
};

}  // namespace seglog::test
