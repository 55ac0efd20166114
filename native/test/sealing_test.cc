// SPDX-License-Identifier: MIT
// When ended segments are sealed.
#include <gtest/gtest.h>

#include "test/support/engine_harness.h"

namespace seglog::log {
namespace {

// After a burst nothing else is committed: each seal must lead to the next.
TEST(SealingTest, AnIdleLogSealsAllSegmentsThatEnded) {
  for (const std::uint64_t shared_bytes_max : {0u, 64u * 1024}) {
    test::SimulatedDisk disk;
    // A journal so large that no checkpoint makes the orders' commits durable.
    Options options = test::QuietOptions();
    options.segment_bytes = 16 * 1024;
    options.frame_bytes_max = 2 * 1024;
    options.destage_bytes = 8 * 1024;
    options.shared_stream_bytes_max = shared_bytes_max;
    test::EngineHarness log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    // One commit that ends several segments.
    std::vector<test::KeyedData> burst;
    for (std::size_t i = 0; i < 100; ++i) burst.push_back({"key", std::string(1000, 'x')});
    ASSERT_TRUE(log.Await(log.SubmitBatch(burst)).status.ok());
    // The destager does all it can before the committer takes its order, as a thread may.
    while (log.StepDestager() == StepOutcome::kProgress) continue;
    log.Settle();
    std::size_t ended = 0;
    for (const StreamHandle handle : log.state().table.with_segments()) {
      for (const auto& segment : log.state().table.at(handle).segments) {
        ended += segment->open() ? 0 : 1;
        EXPECT_TRUE(segment->open() || segment->row.state == format::SegmentState::kSealed);
      }
    }
    EXPECT_GE(ended, 2u);
  }
}

}  // namespace
}  // namespace seglog::log
