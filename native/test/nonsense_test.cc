// SPDX-License-Identifier: MIT
// Bytes from disk whose checksums are right and whose meaning is nonsense: catalogues, blocks and
// names that no log writes. Opening must call each corrupt and change nothing; it must never abort,
// hang, or ask for memory that only a number on disk asks for. Whoever reads around damage gets on.
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "format/frame.h"
#include "log/catalog_store.h"
#include "test/support/engine_harness.h"

namespace seglog::log {
namespace {

using test::BlocksIn;
using test::CatalogIn;
using test::DiskImage;
using test::EngineHarness;
using test::LastJournal;
using test::QuietOptions;
using test::SimulatedDisk;

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max() - 1;

// Two streams, of which the first has a sealed segment and an open one.
DiskImage TwoStreams() {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  EXPECT_TRUE(log.Open().ok());
  EXPECT_TRUE(log.Append("orders", "one").status.ok());
  EXPECT_TRUE(log.Await(log.Seal("orders")).status.ok());
  log.Settle();
  EXPECT_TRUE(log.Append("orders", "two").status.ok());
  EXPECT_TRUE(log.Append("stock", "three").status.ok());
  EXPECT_TRUE(log.Close().ok());
  const DiskImage image = disk.CurrentImage();
  EXPECT_EQ(CatalogIn(image).streams.size(), 2u);
  EXPECT_EQ(CatalogIn(image).streams.front().segments.size(), 2u);
  return image;
}

void ExpectRefused(const DiskImage& image, const std::string& what) {
  const std::unique_ptr<SimulatedDisk> disk = SimulatedDisk::FromImage(image);
  EngineHarness log(disk.get());
  const Status status = log.Open();
  EXPECT_EQ(status.code(), Code::kCorrupt) << what << ": " << status.ToString();
  EXPECT_EQ(disk->CurrentImage().Hash(), image.Hash()) << what << ": the log was changed";
}

// Opens for reading around damage, and reads all there is, where a catalogue can be had.
void ReadAround(const DiskImage& image) {
  Options options = QuietOptions();
  options.read_only = true;
  options.skip_corruption = true;
  const std::unique_ptr<SimulatedDisk> disk = SimulatedDisk::FromImage(image);
  EngineHarness log(disk.get(), options);
  if (!log.Open().ok()) return;
  for (const char* key : {"orders", "stock", "forged"}) {
    static_cast<void>(log.Read(key, {.skip_corruption = true}));
  }
}

struct WrongCatalog {
  const char* what;
  std::function<void(format::Catalog*)> change;
};

format::CatalogStream& First(format::Catalog* catalog) { return catalog->streams.front(); }

// What the codec itself refuses is in catalog_test.cc.
const WrongCatalog kWrongCatalogs[] = {
    {"a mark that no log reaches", [](auto* c) { c->mark = kHuge; }},
    {"a snapshot number that no log reaches", [](auto* c) { c->snapshot_number = kHuge; }},
    {"the next LSN is 0", [](auto* c) { c->next_lsn = 0; }},
    {"the next LSN is huge", [](auto* c) { c->next_lsn = kHuge; }},
    {"the next LSN was given out", [](auto* c) { c->next_lsn = 2; }},
    {"a highest generation that no log reaches", [](auto* c) { c->highest_generation = kHuge; }},
    {"generations used up", [](auto* c) { c->highest_generation = UINT32_MAX; }},
    {"the journal begins at generation 0", [](auto* c) { c->start_generation = 0; }},
    {"the journal begins above everything",
     [](auto* c) { c->start_generation = c->highest_generation = 1000; }},
    {"the journal begins at commit 0", [](auto* c) { c->start_commit = 0; }},
    {"the journal begins behind the mark", [](auto* c) { c->start_commit = c->mark + 2; }},
    {"a stream id twice", [](auto* c) { c->streams[1].id = c->streams[0].id; }},
    {"a key twice", [](auto* c) { c->streams[1].key = c->streams[0].key; }},
    {"a stream without segments", [](auto* c) { First(c).segments.clear(); }},
    {"a stream without an open segment", [](auto* c) { First(c).segments.pop_back(); }},
    {"a last segment that has ended",
     [](auto* c) { First(c).segments.back().state = format::SegmentState::kEnded; }},
    {"segments that overlap",
     [](auto* c) { First(c).segments[1].first_sequence = First(c).segments[0].first_sequence; }},
    {"segments with a gap between them",
     [](auto* c) {
       First(c).segments[1].first_sequence += 10;
       First(c).segments[1].next_sequence += 10;
       First(c).next_sequence += 10;
     }},
    {"a stream that ends behind its last segment", [](auto* c) { First(c).next_sequence += 5; }},
    {"a stream that begins before its first segment",
     [](auto* c) { First(c).segments.erase(First(c).segments.begin()); }},
    {"sequences at 2^53",
     [](auto* c) {
       First(c).segments.back().next_sequence = std::uint64_t{1} << 53;
       First(c).next_sequence = std::uint64_t{1} << 53;
     }},
    {"sequences at 2^64",
     [](auto* c) {
       First(c).segments.back().next_sequence = kHuge;
       First(c).next_sequence = kHuge;
     }},
    {"LSNs that fall",
     [](auto* c) { First(c).segments[0].first_lsn = First(c).segments[0].last_lsn + 1; }},
    {"a sealed segment of which a part is not in its file",
     [](auto* c) { First(c).segments[0].destaged = 0; }},
    {"a segment of 16 GiB that nothing has",
     [](auto* c) { c->streams[1].segments[0].end = std::uint64_t{1} << 34; }},
    {"a dropped file outside the log",
     [](auto* c) {
       c->dropped.push_back({7, 1, 4096, "../../etc/x"});
     }},
    {"a dropped file that is the catalogue",
     [](auto* c) {
       c->dropped.push_back({7, 1, 4096, "CATALOG"});
     }},
    {"a dropped segment without an id",
     [](auto* c) {
       c->dropped.push_back({0, 1, 4096, "streams/00/a/b.seg"});
     }},
    {"a segment dropped by a later commit",
     [](auto* c) {
       c->dropped.push_back({7, c->mark + 1, 4096, "streams/00/a/b.seg"});
     }},
};

TEST(NonsenseTest, CataloguesThatContradictThemselvesAreCorrupt) {
  const DiskImage sound = TwoStreams();
  for (const WrongCatalog& wrong : kWrongCatalogs) {
    SCOPED_TRACE(wrong.what);
    DiskImage image = sound;
    format::Catalog catalog = CatalogIn(image);
    wrong.change(&catalog);
    test::PutCatalogs(&image, catalog);
    ExpectRefused(image, wrong.what);
    ReadAround(image);
  }
}

TEST(NonsenseTest, OfTwoCataloguesTheOneThatMakesSenseIsUsed) {
  DiskImage image = TwoStreams();
  format::Catalog catalog = CatalogIn(image);
  ++catalog.snapshot_number;
  catalog.next_lsn = kHuge;
  AlignedBuffer encoded;
  format::EncodeCatalog(catalog, &encoded);
  image.PutFile(kCatalogPath, encoded.bytes());
  const std::unique_ptr<SimulatedDisk> disk = SimulatedDisk::FromImage(image);
  EngineHarness log(disk.get());
  ASSERT_TRUE(log.Open().ok());
  EXPECT_EQ(log.report().rows[static_cast<std::size_t>(RecoveryRow::kCatalogOneBad)], 1u);
  EXPECT_EQ(log.Data("orders"), (std::vector<std::string>{"one", "two"}));
}

// What forged items are made from: the sound log's table and its last block.
struct Forging {
  format::CatalogStream orders;
  format::CatalogSegment open;
  format::CommitHeader header;  // of the block that is forged
};

struct WrongBlock {
  const char* what;
  std::function<void(const Forging&, format::CommitBlockBuilder*, format::CommitHeader*)> fill;
};

void AddFrame(format::CommitBlockBuilder* builder, format::FrameItem item,
              std::uint64_t lsn_difference = 0) {
  builder->BeginFrame();
  format::FrameBodyBuilder body;
  body.Begin(item.segment_id, item.segment_offset + format::kFrameHeaderBytes, lsn_difference != 0,
             builder->buffer());
  body.Add({.data = AsBytes("forged")});
  if (lsn_difference != 0) body.Add({.data = AsBytes("forged"), .lsn_difference = lsn_difference});
  format::FrameHeader header;
  body.Finish(&header);
  item.record_count = header.record_count;
  item.flags = static_cast<std::uint16_t>(item.flags | header.flags);
  builder->EndFrame(item);
}

format::FrameItem NextFrame(const Forging& f) {
  return {.stream_id = f.orders.id,
          .segment_id = f.open.id,
          .segment_offset = f.open.end,
          .first_lsn = f.header.first_lsn,
          .first_sequence = f.orders.next_sequence};
}

format::RotateItem NextRotation(const Forging& f) {
  return {.stream_id = f.orders.id,
          .old_segment_id = f.open.id,
          .old_end = f.open.end,
          .new_segment_id = f.open.id + 100,
          .first_sequence = f.orders.next_sequence};
}

const WrongBlock kWrongBlocks[] = {
    {"a rotation of an unknown stream",
     [](const auto& f, auto* b, auto*) {
       format::RotateItem item = NextRotation(f);
       item.stream_id = 12345;
       b->Add(item);
     }},
    {"a rotation to a segment that is there already",
     [](const auto& f, auto* b, auto*) {
       format::RotateItem item = NextRotation(f);
       item.new_segment_id = f.orders.segments.front().id;
       b->Add(item);
     }},
    {"a rotation at another end",
     [](const auto& f, auto* b, auto*) {
       format::RotateItem item = NextRotation(f);
       item.old_end += 8;
       b->Add(item);
     }},
    {"a rotation at sequence 2^64 - 2",
     [](const auto& f, auto* b, auto*) {
       format::RotateItem item = NextRotation(f);
       item.first_sequence = kHuge;
       b->Add(item);
     }},
    {"a stream id that is in use",
     [](const auto& f, auto* b, auto*) {
       b->Add(format::CreateStreamItem{.stream_id = f.orders.id, .key = AsBytes("forged")});
     }},
    {"a key that is in use",
     [](const auto&, auto* b, auto*) {
       b->Add(format::CreateStreamItem{.stream_id = 12345, .key = AsBytes("orders")});
     }},
    {"a shared frame where no segment is shared",
     [](const auto& f, auto* b, auto*) {
       format::FrameItem item = NextFrame(f);
       item.flags = format::kFrameIsShared;
       AddFrame(b, item);
     }},
    {"the seal of an unknown segment",
     [](const auto& f, auto* b, auto*) {
       b->Add(format::SealedItem{.stream_id = f.orders.id,
                                 .segment_id = 12345,
                                 .footer_offset = 8192,
                                 .footer_bytes = 4096});
     }},
    {"the seal of an open segment",
     [](const auto& f, auto* b, auto*) {
       b->Add(format::SealedItem{.stream_id = f.orders.id,
                                 .segment_id = f.open.id,
                                 .footer_offset = 8192,
                                 .footer_bytes = 4096});
     }},
    {"a footer away from its segment's end",
     [](const auto& f, auto* b, auto*) {
       b->Add(NextRotation(f));
       b->Add(format::SealedItem{.stream_id = f.orders.id,
                                 .segment_id = f.open.id,
                                 .footer_offset = format::FooterOffset(f.open.end) + 4096,
                                 .footer_bytes = 4096});
     }},
    {"a truncation of an unknown stream",
     [](const auto&, auto* b, auto*) {
       b->Add(format::TruncateBeforeItem{.stream_id = 12345, .first_sequence = 1});
     }},
    {"a truncation behind the end",
     [](const auto& f, auto* b, auto*) {
       b->Add(format::TruncateBeforeItem{.stream_id = f.orders.id, .first_sequence = kHuge});
     }},
    {"a frame of an unknown stream",
     [](const auto& f, auto* b, auto*) {
       format::FrameItem item = NextFrame(f);
       item.stream_id = 12345;
       AddFrame(b, item);
     }},
    {"a frame in a sealed segment",
     [](const auto& f, auto* b, auto*) {
       format::FrameItem item = NextFrame(f);
       item.segment_id = f.orders.segments.front().id;
       AddFrame(b, item);
     }},
    {"a frame not at its segment's end",
     [](const auto& f, auto* b, auto*) {
       format::FrameItem item = NextFrame(f);
       item.segment_offset += 4096;
       AddFrame(b, item);
     }},
    {"a frame at sequence 2^64 - 3",
     [](const auto& f, auto* b, auto*) {
       format::FrameItem item = NextFrame(f);
       item.first_sequence = kHuge - 1;
       AddFrame(b, item);
     }},
    {"LSNs that overflow within a frame",
     [](const auto& f, auto* b, auto*) { AddFrame(b, NextFrame(f), kHuge); }},
    {"an LSN limit of 2^64 - 2", [](const auto&, auto*, auto* h) { h->lsn_limit = kHuge; }},
    {"a commit number of 2^64 - 2", [](const auto&, auto*, auto* h) { h->commit = kHuge; }},
    {"a first LSN of 2^60", [](const auto&, auto* b, auto*) { b->Begin(std::uint64_t{1} << 60); }},
};

TEST(NonsenseTest, WholeBlocksThatContradictTheTableAreCorrupt) {
  const DiskImage sound = TwoStreams();
  const format::Catalog catalog = CatalogIn(sound);
  const std::string journal = LastJournal(sound);
  const test::StoredBlock last = BlocksIn(sound, journal).back();
  const std::uint64_t offset = last.offset + last.header.block_bytes();
  const format::JournalIdentity identity = test::JournalHeaderIn(sound, journal).identity;
  Forging forging{.orders = catalog.streams.front(),
                  .open = catalog.streams.front().segments.back(),
                  .header = {.commit = last.header.commit + 1,
                             .mark = last.header.commit,
                             .lsn_limit = catalog.next_lsn + 10,
                             .first_lsn = catalog.next_lsn}};
  for (const WrongBlock& wrong : kWrongBlocks) {
    SCOPED_TRACE(wrong.what);
    DiskImage image = sound;
    format::CommitBlockBuilder builder;
    builder.Begin(forging.header.first_lsn);
    format::CommitHeader header = forging.header;
    wrong.fill(forging, &builder, &header);
    image.Overwrite(journal, offset, builder.Finish(header, identity, offset));
    ExpectRefused(image, wrong.what);
    ReadAround(image);
  }
}

TEST(NonsenseTest, AJournalFileOfTheHighestGenerationThereCanBeIsCorrupt) {
  DiskImage image = TwoStreams();
  image.PutFile("journal/18446744073709551615.journal", std::vector<std::byte>(8192));
  ExpectRefused(image, "a planted journal file");
  ReadAround(image);
}

TEST(NonsenseTest, ASnapshotDoesNotBeginAtAFileWithoutBlocks) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  ASSERT_TRUE(log.Open().ok());
  ASSERT_TRUE(log.Append("orders", "one").status.ok());
  State& state = log.state();
  const std::uint64_t current = state.journal->generation();
  EXPECT_EQ(state.FirstWithBlocks(current), current);
  // Given up for a larger one before its first block, while a checkpoint took it for the current
  // one.
  state.old_journals.push_back({.generation = current - 1, .bytes = 65536, .first_commit = 0});
  EXPECT_EQ(state.FirstWithBlocks(current - 1), current);
  state.old_journals.front().first_commit = 1;
  EXPECT_EQ(state.FirstWithBlocks(current - 1), current - 1);
}

}  // namespace
}  // namespace seglog::log
