// SPDX-License-Identifier: MIT
// When ended segments are sealed, and from what.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "log/segment_summary.h"
#include "log/written_bodies.h"
#include "test/support/engine_harness.h"
#include "test/support/verified.h"

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

Options SmallSegments() {
  Options options = test::QuietOptions();
  options.segment_bytes = 64 * 1024;
  options.frame_bytes_max = 4 * 1024;
  options.destage_bytes = 16 * 1024;
  return options;
}

std::size_t Sealed(test::EngineHarness* log) {
  std::size_t sealed = 0;
  for (const StreamHandle handle : log->state().table.with_segments()) {
    for (const auto& segment : log->state().table.at(handle).segments) {
      sealed += segment->row.state == format::SegmentState::kSealed ? 1 : 0;
    }
  }
  return sealed;
}

void AppendSome(test::EngineHarness* log, int records, std::size_t bytes) {
  for (int i = 0; i < records; ++i) {
    ASSERT_TRUE(
        log->Append("key", std::string(bytes + static_cast<std::size_t>(i % 7), 'x')).status.ok());
    log->RunAll();
  }
}

// Verifying compares the footers with the frames, each entry of the index included.
void ExpectSound(test::EngineHarness* log) {
  const test::Verified verified = test::Verify(log);
  EXPECT_TRUE(verified.report.damage.empty()) << verified.report.damage.listed.front().what;
}

TEST(SealingTest, WhatPassedThroughMemoryIsNotReadBack) {
  for (const bool bodies : {false, true}) {
    test::SimulatedDisk disk;
    Options options = SmallSegments();
    if (bodies) options.out_of_line_bytes = 8 * 1024;
    test::EngineHarness log(&disk, options);
    ASSERT_TRUE(log.Open().ok());
    disk.Inject({.kind = test::FaultKind::kRead,
                 .error_number = EIO,
                 .sticky = true,
                 .path_prefix = "streams/"});
    // Small ones between large ones: bodies take along what is pending, and segments end in both.
    for (int round = 0; round < 6; ++round) {
      AppendSome(&log, 3, 10'000);
      AppendSome(&log, 9, 700);
    }
    log.Settle();
    EXPECT_GT(Sealed(&log), 2u);
    EXPECT_EQ(disk.faults_met(), 0u);
    EXPECT_EQ(log.engine().GetStats().body_bytes_written > 0, bodies);
    disk.ClearFaults();
    ExpectSound(&log);
  }
}

// Where bodies come faster than they are gathered, there is always one that waits.
TEST(SealingTest, SegmentsAreSealedWhileBodiesKeepComing) {
  test::SimulatedDisk disk;
  Options options = SmallSegments();
  options.out_of_line_bytes = 8 * 1024;
  test::EngineHarness log(&disk, options);
  ASSERT_TRUE(log.Open().ok());
  AppendSome(&log, 3, 10'000);
  log.Settle();
  // What the committer would hand over, again and again: of a segment that does not matter.
  const auto other = std::make_shared<Segment>(format::CatalogSegment{});
  const auto bytes = std::make_shared<AlignedBuffer>();
  bytes->Resize(kPageBytes);
  const std::size_t before = Sealed(&log);
  ASSERT_TRUE(log.Append("key", std::string(60'000, 'x')).status.ok());  // Ends a segment.
  for (int step = 0; step < 1000 && Sealed(&log) == before; ++step) {
    for (int i = 0; i < 2; ++i) log.state().written_bodies.Add({other, kPageBytes, bytes});
    ASSERT_EQ(log.StepDestager(), StepOutcome::kProgress);
    log.StepCommitter();
  }
  EXPECT_GT(Sealed(&log), before);
  EXPECT_GT(other->written_bodies, 0u);
}

TEST(SealingTest, WhatWasWrittenBeforeOpeningIsReadBackAndChecked) {
  for (const bool damaged : {false, true}) {
    test::SimulatedDisk before;
    std::string path;
    std::uint64_t destaged = 0;
    {
      test::EngineHarness log(&before, SmallSegments());
      ASSERT_TRUE(log.Open().ok());
      AppendSome(&log, 40, 1000);
      const Segment& segment =
          *log.state().table.at(log.engine().Find("key").value()).segments.back();
      path = test::SegmentPathOf("key", segment.row);
      // The snapshot says how far the file goes; what lies behind is in the journal.
      ASSERT_TRUE(log.Close().ok());
      destaged = segment.row.destaged;
      ASSERT_GT(destaged, 2 * kPageBytes);
    }
    test::DiskImage image = before.CurrentImage();
    if (damaged) image.FlipBit(path, destaged - 100, 3);
    const auto disk = test::SimulatedDisk::FromImage(image);
    test::EngineHarness log(disk.get(), SmallSegments());
    ASSERT_TRUE(log.Open().ok());
    AppendSome(&log, 40, 1000);
    log.Settle();
    const Segment& first = *log.state().table.at(log.engine().Find("key").value()).segments.front();
    EXPECT_EQ(first.seal_refused, damaged);
    EXPECT_EQ(first.row.state == format::SegmentState::kSealed, !damaged);
    if (!damaged) ExpectSound(&log);
  }
}

// One segment's bytes, as they lie in its file.
struct Written {
  format::CatalogSegment row;
  std::uint64_t stream_id = 0;
  std::vector<std::byte> bytes;
};

Written OneSegment() {
  test::SimulatedDisk disk;
  test::EngineHarness log(&disk, SmallSegments());
  EXPECT_TRUE(log.Open().ok());
  AppendSome(&log, 20, 900);
  EXPECT_TRUE(log.Await(log.Seal("key")).status.ok());
  log.Settle();
  const Stream& stream = log.state().table.at(log.engine().Find("key").value());
  Written written{.row = stream.segments.front()->row, .stream_id = stream.id, .bytes = {}};
  written.bytes = disk.CurrentImage().ReadFile(test::SegmentPathOf("key", written.row));
  written.bytes.resize(written.row.end);
  return written;
}

TEST(SegmentSummaryTest, IsTheSameForPiecesOfAnySize) {
  const Written written = OneSegment();
  for (const std::size_t piece : {1u, 7u, 39u, 40u, 41u, 4096u, 1u << 20}) {
    SegmentSummary summary(written.row.id, written.stream_id, written.row.first_sequence);
    ByteSpan rest(written.bytes);
    while (!rest.empty()) {
      EXPECT_FALSE(summary.Covers(written.row));
      const std::size_t count = std::min(piece, rest.size());
      summary.Update(rest.first(count));
      rest = rest.subspan(count);
    }
    ASSERT_TRUE(summary.Covers(written.row)) << piece;
    const format::SegmentFooter footer = summary.Footer(written.row, {});
    EXPECT_EQ(footer.chain_sha256, written.row.chain_sha256);
    EXPECT_EQ(footer.record_count, 20u);
    EXPECT_EQ(footer.last_lsn, written.row.last_lsn);
  }
}

TEST(SegmentSummaryTest, DoesNotCoverWhatIsNoFrameOrAnotherSegment) {
  Written written = OneSegment();
  SegmentSummary summary(written.row.id, written.stream_id, written.row.first_sequence);
  summary.Update(written.bytes);
  format::CatalogSegment other = written.row;
  ++other.next_sequence;
  EXPECT_TRUE(summary.Covers(written.row));
  EXPECT_FALSE(summary.Covers(other));
  written.bytes[format::kSegmentDataOffset] ^= std::byte{1};
  SegmentSummary damaged(written.row.id, written.stream_id, written.row.first_sequence);
  damaged.Update(written.bytes);
  EXPECT_FALSE(damaged.Covers(written.row));
}

WrittenBodies::Body BodyOf(const std::shared_ptr<Segment>& segment, std::size_t bytes) {
  auto buffer = std::make_shared<AlignedBuffer>();
  buffer->Resize(bytes);
  return {.segment = segment, .offset = kPageBytes, .bytes = std::move(buffer)};
}

TEST(WrittenBodiesTest, OnlySoManyBytesWait) {
  constexpr std::size_t kBytes = 1u << 20;
  const auto segment = std::make_shared<Segment>(format::CatalogSegment{});
  WrittenBodies bodies;
  for (int i = 0; i < 100; ++i) bodies.Add(BodyOf(segment, kBytes));
  const std::uint32_t waiting = segment->written_bodies;
  EXPECT_GT(waiting, 16u);
  EXPECT_LE(waiting, 33u);
  std::uint32_t taken = 0;
  while (bodies.Take().has_value()) ++taken;
  EXPECT_EQ(taken, waiting);
  bodies.Add(BodyOf(segment, kBytes));
  EXPECT_EQ(segment->written_bodies, waiting + 1);
  bodies.Clear();
  EXPECT_EQ(segment->written_bodies, waiting);  // The others are the taker's to take off.
  EXPECT_FALSE(bodies.Take().has_value());
}

TEST(WrittenBodiesTest, MemoryIsUsedAgainWhereItFitsAndGivenBackWhenIdle) {
  WrittenBodies bodies;
  const auto buffer_of = [&bodies](std::size_t bytes) {
    std::shared_ptr<AlignedBuffer> buffer = bodies.TakeBuffer(bytes);
    EXPECT_GE(buffer->capacity(), bytes);
    EXPECT_TRUE(buffer->empty());
    return buffer;
  };
  bodies.Keep(buffer_of(1000));  // Nobody builds commits: not kept.
  bodies.SetBusy(true);
  std::shared_ptr<AlignedBuffer> small = buffer_of(64 * 1024);
  std::shared_ptr<AlignedBuffer> large = buffer_of(1024 * 1024);
  const std::byte* const small_memory = small->data();
  const std::byte* const large_memory = large->data();
  bodies.Keep(std::move(small));
  bodies.Keep(std::move(large));
  EXPECT_EQ(buffer_of(60 * 1024)->data(), small_memory);
  EXPECT_EQ(buffer_of(100 * 1024)->data(), large_memory);
  // More than may be kept: the newest stay.
  std::vector<std::shared_ptr<AlignedBuffer>> many;
  for (int i = 0; i < 100; ++i) many.push_back(buffer_of(1024 * 1024));
  const std::byte* const newest = many.back()->data();
  for (auto& each : many) bodies.Keep(std::move(each));
  bool found_newest = false;
  for (int i = 0; i < 32; ++i) {
    std::shared_ptr<AlignedBuffer> again = buffer_of(1024 * 1024);
    found_newest = found_newest || again->data() == newest;
    many.push_back(std::move(again));
  }
  EXPECT_TRUE(found_newest);
}

}  // namespace
}  // namespace seglog::log
