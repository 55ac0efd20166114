// SPDX-License-Identifier: MIT
// Segments that streams share: who goes there, how they are read around damage, and when they go.
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "format/frame.h"
#include "log/reader.h"
#include "test/support/engine_harness.h"

namespace seglog::log {
namespace {

using test::EngineHarness;
using test::Found;
using test::KeyedData;
using test::SimulatedDisk;
using Strings = std::vector<std::string>;
using Numbers = std::vector<std::uint64_t>;

Options SharedOptions(std::uint64_t shared_stream_bytes_max = 64 * 1024) {
  Options options = test::BusyOptions();
  options.shared_stream_bytes_max = shared_stream_bytes_max;
  return options;
}

Numbers Sequence(std::uint64_t first, std::uint64_t last) {
  Numbers numbers(last + 1 - first);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

std::string Key(std::size_t index) { return "key " + std::to_string(index); }

// What each of `count` streams got.
using Expected = std::map<std::string, Strings>;

// Appends one record to each of `count` streams, `rounds` times.
Expected Fill(EngineHarness* log, std::size_t count, std::size_t rounds, std::size_t bytes) {
  Expected expected;
  for (std::size_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < count; ++i) {
      std::string data = Key(i) + ":" + std::to_string(round) + ":";
      data.resize(bytes, 'x');
      EXPECT_TRUE(log->Append(Key(i), data).status.ok());
      expected[Key(i)].push_back(std::move(data));
    }
  }
  return expected;
}

void ExpectEverything(EngineHarness* log, const Expected& expected) {
  for (const auto& [key, data] : expected) {
    const Found found = log->Read(key);
    ASSERT_TRUE(found.status.ok()) << key << ": " << found.status.ToString();
    ASSERT_EQ(found.data, data) << key;
    ASSERT_EQ(found.sequences, Sequence(1, data.size())) << key;
  }
}

std::size_t FilesBelow(const test::DiskImage& image, const std::string& directory) {
  return image.Files(directory).size();
}

Stream& StreamOf(EngineHarness* log, const std::string& key) {
  return log->state().table.at(log->engine().HandleOf(key));
}

TEST(SharedSegmentsTest, HoldManyTinyStreamsInAFewFilesAndAreReadAfterEveryWayOfOpening) {
  SimulatedDisk disk;
  Expected expected;
  {
    EngineHarness log(&disk, SharedOptions());
    ASSERT_TRUE(log.Open().ok());
    expected = Fill(&log, 60, 12, 100);
    log.Settle();
    ExpectEverything(&log, expected);
    EXPECT_GE(log.state().table.shared().segments.size(), 3u);
    EXPECT_GE(log.engine().GetStats().segments_sealed, 2u);
  }
  // Not closed, and then closed.
  for (const bool closed : {false, true}) {
    EngineHarness again(&disk, SharedOptions());
    ASSERT_TRUE(again.Open().ok());
    EXPECT_EQ(again.report().status, closed ? RecoveryStatus::kClean : RecoveryStatus::kRecovered);
    EXPECT_EQ(again.report().streams, 60u);
    ExpectEverything(&again, expected);
    again.Settle();
    ASSERT_TRUE(again.Close().ok());
  }
  const test::DiskImage image = disk.CurrentImage();
  EXPECT_EQ(FilesBelow(image, "streams/"), 0u);
  EXPECT_LE(FilesBelow(image, "shared/"), 8u);
}

TEST(SharedSegmentsTest, AreLeftForGoodByAStreamThatGrows) {
  SimulatedDisk disk;
  EngineHarness log(&disk, SharedOptions(1000));
  ASSERT_TRUE(log.Open().ok());
  const Expected expected = Fill(&log, 3, 30, 120);
  ExpectEverything(&log, expected);
  const Stream& stream = StreamOf(&log, Key(0));
  ASSERT_FALSE(stream.segments.empty());
  // Frames of 192 bytes: five fit.
  EXPECT_EQ(stream.shared.bytes, 5 * 192u);
  EXPECT_EQ(stream.shared_next_sequence(), 6u);
  const Found across = log.Read(Key(0), {.from_sequence = 4, .to_sequence = 8});
  EXPECT_EQ(across.sequences, Sequence(4, 8));
  log.Settle();
  ASSERT_TRUE(log.Close().ok());
  EngineHarness again(&disk, SharedOptions(1000));
  ASSERT_TRUE(again.Open().ok());
  ExpectEverything(&again, expected);
}

TEST(SharedSegmentsTest, AreNotUsedForWhatIsTooLargeFromTheStart) {
  SimulatedDisk disk;
  EngineHarness log(&disk, SharedOptions(1000));
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Append("large", std::string(1000, 'l')).status.ok());
  EXPECT_EQ(StreamOf(&log, "large").segments.size(), 1u);
  EXPECT_EQ(StreamOf(&log, "large").shared.bytes, 0u);
  EXPECT_TRUE(log.state().table.shared().segments.empty());
}

TEST(SharedSegmentsTest, KeepTheLsnsOfStreamsThatTakeTurnsInOneCommit) {
  SimulatedDisk disk;
  EngineHarness log(&disk, SharedOptions());
  ASSERT_TRUE(log.Open().ok());
  std::vector<KeyedData> records;
  for (std::size_t i = 0; i < 30; ++i) records.push_back({Key(i % 3), std::to_string(i)});
  ASSERT_TRUE(log.Await(log.SubmitBatch(records)).status.ok());
  ASSERT_TRUE(log.Await(log.SubmitBatch(records)).status.ok());
  for (std::size_t i = 0; i < 3; ++i) {
    const Found found = log.Read(Key(i));
    ASSERT_EQ(found.lsns.size(), 20u);
    for (std::size_t n = 0; n < 20; ++n) EXPECT_EQ(found.lsns[n], n * 3 + i + 1);
    const Found later = log.Read(Key(i), {.from_lsn = 31});
    EXPECT_EQ(later.sequences, Sequence(11, 20));
  }
}

TEST(SharedSegmentsTest, AreReadOneRecordAtATime) {
  SimulatedDisk disk;
  EngineHarness log(&disk, SharedOptions());
  ASSERT_TRUE(log.Open().ok());
  const Expected expected = Fill(&log, 5, 20, 60);
  for (std::uint64_t sequence = 1; sequence <= 20; ++sequence) {
    ReadResult result;
    log.engine().reader().Read({.stream = log.engine().HandleOf(Key(3)),
                                .from_sequence = sequence,
                                .to_sequence = sequence,
                                .bytes_max = 1},
                               &result);
    ASSERT_TRUE(result.status.ok());
    ASSERT_EQ(result.records.size(), 1u);
    EXPECT_EQ(result.first_sequence, sequence);
    const RecordColumns& record = result.records.front();
    const ByteSpan data(result.bytes.get() + record.data_offset, record.data_bytes);
    EXPECT_EQ(AsText(data), expected.at(Key(3))[sequence - 1]);
  }
}

// A closed log whose shared segment is in its file, but for the last page; and where each frame of
// a stream lies.
struct Damaged {
  test::DiskImage image;
  Expected expected;
  std::string path;
  std::vector<std::uint64_t> offsets;  // of the frames of key 1
};

Damaged MakeDamaged() {
  Options options = SharedOptions();
  options.segment_bytes = 1u << 20;
  SimulatedDisk disk;
  EngineHarness log(&disk, options);
  EXPECT_TRUE(log.Open().ok());
  Damaged made;
  made.expected = Fill(&log, 4, 10, 200);
  EXPECT_TRUE(log.Await(log.Seal(Key(1))).status.ok());
  log.Settle();
  EXPECT_TRUE(log.Close().ok());
  made.image = disk.CurrentImage();
  const Segment& segment = *log.state().table.shared().segments.front();
  EXPECT_EQ(segment.row.state, format::SegmentState::kSealed);
  made.path = SegmentPath("", segment.row);
  const std::vector<std::byte> bytes = made.image.ReadFile(made.path);
  for (std::uint64_t at = format::kSegmentDataOffset; at < segment.row.end;) {
    const auto header = format::DecodeFrameHeader(ByteSpan(bytes).subspan(at));
    EXPECT_TRUE(header.ok());
    if (header->stream_id == StreamOf(&log, Key(1)).id) made.offsets.push_back(at);
    at += header->total_bytes();
  }
  return made;
}

Options Tolerant() {
  Options options = SharedOptions();
  options.read_only = options.skip_corruption = true;
  options.create = CreateMode::kNever;
  return options;
}

TEST(SharedSegmentsTest, AroundADamagedFrameTheOthersOfItsStreamAreFound) {
  const Damaged made = MakeDamaged();
  ASSERT_EQ(made.offsets.size(), 10u);
  for (std::size_t broken = 0; broken < 10; ++broken) {
    // A byte of the frame's header, then one of its record.
    for (const std::uint64_t inside : {std::uint64_t{20}, format::kFrameHeaderBytes + 50}) {
      test::DiskImage image = made.image;
      image.FlipBit(made.path, made.offsets[broken] + inside, 3);
      {
        const auto disk = SimulatedDisk::FromImage(image);
        EngineHarness log(disk.get(), SharedOptions());
        ASSERT_TRUE(log.Open().ok());
        const Found found = log.Read(Key(1));
        EXPECT_EQ(found.status.code(), Code::kCorrupt);
        EXPECT_EQ(found.status.path(), made.path);
        EXPECT_EQ(found.sequences, broken == 0 ? Numbers{} : Sequence(1, broken));
        for (const std::size_t other : {0u, 2u, 3u}) {
          EXPECT_EQ(log.Data(Key(other)), made.expected.at(Key(other)));
        }
      }
      const auto disk = SimulatedDisk::FromImage(image);
      EngineHarness log(disk.get(), Tolerant());
      ASSERT_TRUE(log.Open().ok());
      const Found found = log.Read(Key(1), {.skip_corruption = true});
      ASSERT_TRUE(found.status.ok()) << found.status.ToString();
      ASSERT_EQ(found.damage.size(), 1u);
      EXPECT_EQ(found.damage.front().file, made.path);
      EXPECT_EQ(found.damage.front().key, Key(1));
      EXPECT_EQ(found.damage.front().first_sequence, broken + 1);
      EXPECT_EQ(found.damage.front().last_sequence, broken + 1);
      Numbers sound = Sequence(1, 10);
      sound.erase(sound.begin() + static_cast<std::ptrdiff_t>(broken));
      EXPECT_EQ(found.sequences, sound);
    }
  }
}

TEST(SharedSegmentsTest, WithoutTheirFileEveryStreamInThemIsDamaged) {
  const Damaged made = MakeDamaged();
  test::DiskImage image = made.image;
  image.Remove(made.path);
  const auto disk = SimulatedDisk::FromImage(image);
  EngineHarness log(disk.get(), Tolerant());
  ASSERT_TRUE(log.Open().ok());
  for (std::size_t i = 0; i < 4; ++i) {
    const Found found = log.Read(Key(i), {.skip_corruption = true});
    EXPECT_TRUE(found.status.ok());
    EXPECT_TRUE(found.data.empty());
    ASSERT_EQ(found.damage.size(), 1u);
    EXPECT_EQ(found.damage.front().first_sequence, 1u);
    EXPECT_EQ(found.damage.front().last_sequence, 10u);
  }
}

TEST(SharedSegmentsTest, GoWhenNoStreamNeedsThem) {
  SimulatedDisk disk;
  EngineHarness log(&disk, SharedOptions());
  ASSERT_TRUE(log.Open().ok());
  Fill(&log, 20, 20, 200);
  log.Settle();
  const std::size_t before = log.state().table.shared().segments.size();
  ASSERT_GE(before, 3u);
  const auto truncate = [&](std::size_t index, std::uint64_t first) {
    log::Request request;
    request.kind = Request::Kind::kTruncateBefore;
    request.token = 1'000'000 + index * 1000 + first;
    request.stream = log.engine().HandleOf(Key(index));
    request.sequence = first;
    const Token token = request.token;
    log.state().inbox.Submit(std::move(request));
    ASSERT_TRUE(log.Await(token).status.ok());
  };
  for (std::size_t i = 0; i < 19; ++i) truncate(i, 21);
  log.Settle();
  EXPECT_EQ(log.state().table.shared().segments.size(), before) << "the last one holds them";
  truncate(19, 15);
  log.Settle();
  EXPECT_EQ(log.state().table.shared().segments.size(), before) << "some of its records stay";
  EXPECT_EQ(log.Read(Key(19)).sequences, Sequence(15, 20));
  truncate(19, 21);
  log.Settle();
  EXPECT_EQ(log.state().table.shared().segments.size(), 1u);
  // A stream begins there anew, and its numbers go on.
  EXPECT_EQ(log.Append(Key(7), "again").sequence, 21u);
  EXPECT_EQ(log.Data(Key(7)), Strings{"again"});
  log.Settle();
  ASSERT_TRUE(log.Close().ok());
  EngineHarness again(&disk, SharedOptions());
  ASSERT_TRUE(again.Open().ok());
  EXPECT_EQ(again.Read(Key(7)).sequences, Sequence(21, 21));
  EXPECT_EQ(FilesBelow(disk.CurrentImage(), "shared/"), 1u);
}

}  // namespace
}  // namespace seglog::log
