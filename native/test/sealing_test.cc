// SPDX-License-Identifier: MIT
// When ended segments are sealed.
#include <gtest/gtest.h>

#include "test/support/engine_harness.h"

namespace seglog::log {
namespace {

// After a burst nothing else is committed: each seal must lead to the next.
TEST(SealingTest, AnIdleLogSealsAllSegmentsThatEnded) {
  for (const std::uint64_t shared_bytes_max : {std::uint64_t{0}, std::uint64_t{64 * 1024}}) {
    test::SimulatedDisk disk;
    Options options = test::BusyOptions();
    options.shared_stream_bytes_max = shared_bytes_max;
    test::EngineHarness log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    std::vector<Token> burst;
    for (std::size_t i = 0; i < 300; ++i) {
      burst.push_back(log.SubmitBatch({{"key " + std::to_string(i % 5), std::string(1000, 'x')}}));
    }
    for (const Token token : burst) ASSERT_TRUE(log.Await(token).status.ok());
    log.Settle();
    std::size_t ended = 0;
    for (const StreamHandle handle : log.state().table.with_segments()) {
      for (const auto& segment : log.state().table.at(handle).segments) {
        ended += segment->open() ? 0 : 1;
        EXPECT_TRUE(segment->open() || segment->row.state == format::SegmentState::kSealed);
      }
    }
    EXPECT_GE(ended, 3u);
  }
}

}  // namespace
}  // namespace seglog::log
