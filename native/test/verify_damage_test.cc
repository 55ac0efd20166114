// SPDX-License-Identifier: MIT
// Verifying damaged segments: each kind of damage is named with its place, and no byte that means
// something can change unnoticed.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "format/frame.h"
#include "format/record.h"
#include "log/catalog_store.h"
#include "test/format_test_util.h"
#include "test/support/verified.h"

namespace seglog::log {
namespace {

using test::BusyOptions;
using test::DamageIn;
using test::DiskImage;
using test::EngineHarness;
using test::MakeRestingLog;
using test::OpenedImage;
using test::Payloads;
using test::QuietOptions;
using test::ReadOnly;
using test::RestingLog;
using test::SealedLog;
using test::SimulatedDisk;
using test::Verified;
using test::Verify;

// Exactly one damage: this place and these records, and `what` somewhere in the words.
void ExpectOne(const std::vector<Damage>& damage, const Damage& expected) {
  ASSERT_EQ(damage.size(), 1u) << (damage.empty() ? "" : damage[1].what);
  EXPECT_EQ(damage[0].file, expected.file);
  EXPECT_EQ(damage[0].offset, expected.offset) << damage[0].what;
  EXPECT_EQ(damage[0].bytes, expected.bytes) << damage[0].what;
  EXPECT_EQ(damage[0].first_sequence, expected.first_sequence) << damage[0].what;
  EXPECT_EQ(damage[0].last_sequence, expected.last_sequence) << damage[0].what;
  EXPECT_NE(damage[0].what.find(expected.what), std::string::npos) << damage[0].what;
}

void EditFile(DiskImage* image, const std::string& path, std::uint64_t offset, std::uint64_t bytes,
              const std::function<void(MutableByteSpan)>& edit) {
  std::vector<std::byte> all = image->ReadFile(path);
  const MutableByteSpan part = MutableByteSpan(all).subspan(offset, bytes);
  edit(part);
  image->Overwrite(path, offset, part);
}

TEST(VerifyDamageTest, EachPartOfASealedFileIsNamedWithItsPlace) {
  const RestingLog resting = SealedLog();
  const std::string path = resting.PathOf(1);
  const format::CatalogSegment& row = resting.rows[1];
  const std::uint64_t frame = resting.FrameOffset(1, 45);
  const std::uint64_t frame_bytes = resting.FrameOffset(1, 46) - frame;
  const std::uint64_t end = SegmentCheck::StoredBytes(row);
  const std::uint64_t entries_end =
      row.footer_offset + format::kFooterFixedBytes + format::kIndexEntryBytes;
  ASSERT_NE(row.end, row.footer_offset);
  const auto at = [&](std::uint64_t offset, std::uint64_t bytes, const char* what,
                      std::uint64_t first = 0, std::uint64_t last = 0) {
    Damage damage;
    damage.file = path;
    damage.offset = offset;
    damage.bytes = bytes;
    damage.what = what;
    damage.first_sequence = first;
    damage.last_sequence = last;
    return damage;
  };
  const std::vector<std::pair<std::uint64_t, Damage>> cases{
      {40, at(0, 4096, "segment header: wrong checksum")},
      {3000, at(0, 4096, "segment header: wrong checksum")},
      {8, at(0, 4096, "format version")},
      {frame, at(frame, frame_bytes, "frame: wrong magic", 45, 45)},
      {frame + 17, at(frame, frame_bytes, "frame: wrong checksum", 45, 45)},
      {frame + 64, at(frame + 64, frame_bytes - 64, "record: wrong checksum", 45, 45)},
      {frame + 500, at(frame + 64, frame_bytes - 64, "record: wrong checksum", 45, 45)},
      {row.end + 3, at(row.end, row.footer_offset - row.end, "not zeros")},
      {row.footer_offset, at(row.footer_offset, row.footer_bytes, "footer: wrong magic")},
      {row.footer_offset + 50, at(row.footer_offset, row.footer_bytes, "footer: wrong checksum")},
      {entries_end - 1, at(row.footer_offset, row.footer_bytes, "footer: wrong checksum")},
      {entries_end + 7, at(entries_end, end - 16 - entries_end, "not zeros")},
      {end - 16, at(end - 16, 16, "footer trailer")},
      {end - 1, at(end - 16, 16, "footer trailer")},
  };
  for (const auto& [offset, expected] : cases) {
    DiskImage image = resting.image;
    image.FlipBit(path, offset, 2);
    SCOPED_TRACE(offset);
    ExpectOne(DamageIn(image), expected);
  }
}

TEST(VerifyDamageTest, PaddingOfARecordInASealedFileIsFoundByTheContentHash) {
  const RestingLog resting = MakeRestingLog(QuietOptions(), 10, 997, {10});
  DiskImage image = resting.image;
  const std::uint64_t frame = resting.FrameOffset(0, 5);
  image.FlipBit(resting.PathOf(0), resting.FrameOffset(0, 6) - 1, 0);
  ASSERT_EQ((resting.FrameOffset(0, 6) - frame) % 8, 0u);
  Damage expected;
  expected.file = resting.PathOf(0);
  expected.bytes = resting.rows[0].end;
  expected.what = "SHA-256";
  expected.first_sequence = 1;
  expected.last_sequence = 10;
  ExpectOne(DamageIn(image), expected);
  // Readers ignore it.
  OpenedImage opened(image);
  EXPECT_EQ(opened.log.Data("orders"), resting.data);
}

TEST(VerifyDamageTest, DamagedFramesHaveAnEntryForEachRunOfThem) {
  const RestingLog resting = SealedLog();
  const std::string path = resting.PathOf(0);
  DiskImage image = resting.image;
  for (const std::uint64_t sequence : {5u, 6u, 20u}) {
    image.FlipBit(path, resting.FrameOffset(0, sequence) + 20, 1);
  }
  OpenedImage opened(image, ReadOnly(QuietOptions()));
  const Verified verified = Verify(&opened.log);
  const std::vector<Damage>& damage = verified.report.damage.listed;
  ASSERT_EQ(damage.size(), 2u);
  EXPECT_EQ(damage[0].offset, resting.FrameOffset(0, 5));
  EXPECT_EQ(damage[0].bytes, resting.FrameOffset(0, 7) - resting.FrameOffset(0, 5));
  EXPECT_EQ(damage[0].first_sequence, 5u);
  EXPECT_EQ(damage[0].last_sequence, 6u);
  EXPECT_EQ(damage[0].key, "orders");
  EXPECT_EQ(damage[1].first_sequence, 20u);
  EXPECT_EQ(damage[1].last_sequence, 20u);
  EXPECT_EQ(verified.report.records, 67u);
  EXPECT_EQ(verified.report.segments, 3u);
}

// A batch in one frame with an offset table, sealed.
struct Batch {
  DiskImage image;
  std::string path;
  std::uint64_t table_offset = 0;
};

Batch MakeBatch(std::size_t count) {
  SimulatedDisk disk;
  EngineHarness log(&disk);
  SEGLOG_ASSERT(log.Open().ok());
  std::vector<test::KeyedData> records;
  for (const std::string& data : Payloads(count, 100)) records.push_back({"orders", data});
  SEGLOG_ASSERT(log.Await(log.SubmitBatch(records)).status.ok());
  SEGLOG_ASSERT(log.Await(log.Seal("orders")).status.ok());
  log.Settle();
  SEGLOG_ASSERT(log.Close().ok());
  const auto& row = log.state().table.at(log.engine().HandleOf("orders")).segments.front()->row;
  Batch batch{.image = disk.CurrentImage(), .path = test::SegmentPathOf("orders", row)};
  const std::vector<std::byte> bytes = batch.image.ReadFile(batch.path);
  const auto header =
      format::DecodeFrameHeader(ByteSpan(bytes).subspan(format::kSegmentDataOffset));
  SEGLOG_ASSERT(header.ok() && header->has_table());
  batch.table_offset =
      format::kSegmentDataOffset + format::kFrameHeaderBytes + header->records_bytes();
  return batch;
}

// Where the records lie that MakeBatch appends: 8 bytes of header, 104 with the padding.
std::uint64_t BatchRecord(std::uint64_t sequence) {
  return format::kSegmentDataOffset + format::kFrameHeaderBytes + (sequence - 1) * 112;
}
TEST(VerifyDamageTest, InAFrameWithATableDamagedRecordsAreNamedByRuns) {
  Batch batch = MakeBatch(40);
  for (const std::uint64_t sequence : {1u, 10u, 11u, 12u, 40u}) {
    batch.image.FlipBit(batch.path, BatchRecord(sequence) + 30, 5);
  }
  const std::vector<Damage> damage = DamageIn(batch.image);
  ASSERT_EQ(damage.size(), 3u);
  const std::vector<std::pair<std::uint64_t, std::uint64_t>> runs{{1, 1}, {10, 12}, {40, 40}};
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto [first, last] = runs[i];
    EXPECT_EQ(damage[i].first_sequence, first);
    EXPECT_EQ(damage[i].last_sequence, last);
    EXPECT_EQ(damage[i].first_lsn, first);
    EXPECT_EQ(damage[i].last_lsn, last);
    EXPECT_EQ(damage[i].offset, BatchRecord(first));
    EXPECT_EQ(damage[i].bytes, BatchRecord(last + 1) - BatchRecord(first));
  }
}

TEST(VerifyDamageTest, ADamagedOffsetTableIsDamageOfItsFrame) {
  Batch batch = MakeBatch(40);
  batch.image.FlipBit(batch.path, batch.table_offset + 9, 0);
  const std::vector<Damage> damage = DamageIn(batch.image);
  ASSERT_EQ(damage.size(), 1u);
  EXPECT_EQ(damage[0].what, "frame: wrong checksum");
  EXPECT_EQ(damage[0].offset, format::kSegmentDataOffset);
  EXPECT_EQ(damage[0].first_sequence, 1u);
  EXPECT_EQ(damage[0].last_sequence, 40u);
}

TEST(VerifyDamageTest, AShortenedALongerAndAMissingFileAreNamed) {
  const RestingLog resting = SealedLog();
  const std::string path = resting.PathOf(0);
  const std::uint64_t end = SegmentCheck::StoredBytes(resting.rows[0]);
  DiskImage image = resting.image;
  image.Resize(path, resting.FrameOffset(0, 20) + 100);
  const std::vector<Damage> cut = DamageIn(image);
  ASSERT_EQ(cut.size(), 2u);
  EXPECT_EQ(cut[0].offset, resting.FrameOffset(0, 20));
  EXPECT_EQ(cut[0].first_sequence, 20u);
  EXPECT_EQ(cut[0].last_sequence, 30u);
  EXPECT_EQ(cut[1].what, "the sealed file is shorter than it was");
  EXPECT_EQ(cut[1].offset + cut[1].bytes, end);

  Damage expected;
  expected.file = path;
  image = resting.image;
  image.Resize(path, end - 1);
  expected.offset = end - 1;
  expected.bytes = 1;
  expected.what = "shorter";
  ExpectOne(DamageIn(image), expected);
  image = resting.image;
  image.Resize(path, end + 10);
  expected.offset = end;
  expected.bytes = 10;
  expected.what = "longer";
  ExpectOne(DamageIn(image), expected);
  image = resting.image;
  image.Remove(path);
  expected.offset = 0;
  expected.bytes = resting.rows[0].end;
  expected.first_sequence = 1;
  expected.last_sequence = 30;
  expected.what = "";
  ExpectOne(DamageIn(image), expected);
}

TEST(VerifyDamageTest, TwoSwappedSegmentFilesAreBothNamedAsAnothers) {
  const RestingLog resting = SealedLog();
  DiskImage image = resting.image;
  image.PutFile(resting.PathOf(0), resting.image.ReadFile(resting.PathOf(1)));
  image.PutFile(resting.PathOf(1), resting.image.ReadFile(resting.PathOf(0)));
  const std::vector<Damage> damage = DamageIn(image);
  ASSERT_EQ(damage.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(damage[i].file, resting.PathOf(i));
    EXPECT_EQ(damage[i].what, "the file is another segment's");
    EXPECT_EQ(damage[i].offset, 0u);
    EXPECT_EQ(damage[i].bytes, resting.rows[i].end);
    EXPECT_EQ(damage[i].first_sequence, i == 0 ? 1u : 31u);
    EXPECT_EQ(damage[i].last_sequence, i == 0 ? 30u : 60u);
  }
}

TEST(VerifyDamageTest, AnotherSegmentsHeaderAloneHidesNoRecord) {
  const RestingLog resting = SealedLog();
  DiskImage image = resting.image;
  const std::vector<std::byte> other = resting.image.ReadFile(resting.PathOf(1));
  image.Overwrite(resting.PathOf(0), 0, ByteSpan(other).first(kPageBytes));
  Damage expected;
  expected.file = resting.PathOf(0);
  expected.bytes = kPageBytes;
  expected.what = "another segment's";
  ExpectOne(DamageIn(image), expected);
}

TEST(VerifyDamageTest, AnOlderCopyOfASealedFileIsNamed) {
  SimulatedDisk disk;
  EngineHarness log(&disk, BusyOptions());
  ASSERT_TRUE(log.Open().ok());
  const std::vector<std::string> payloads = Payloads(40, 700);
  for (std::size_t i = 0; i < 25; ++i) ASSERT_TRUE(log.Append("orders", payloads[i]).status.ok());
  log.Settle();
  const log::StreamHandle handle = log.engine().HandleOf("orders");
  const format::CatalogSegment before = log.state().table.at(handle).segments.front()->row;
  const std::string path = test::SegmentPathOf("orders", before);
  ASSERT_EQ(before.state, format::SegmentState::kOpen);
  ASSERT_GT(before.destaged, 2 * format::kSegmentDataOffset);
  const std::vector<std::byte> older = disk.CurrentImage().ReadFile(path);
  ASSERT_TRUE(log.Await(log.Seal("orders")).status.ok());
  log.Settle();
  ASSERT_EQ(log.state().table.at(handle).segments.front()->row.state,
            format::SegmentState::kSealed);
  ASSERT_TRUE(log.Close().ok());
  DiskImage image = disk.CurrentImage();
  image.PutFile(path, older);
  const std::vector<Damage> damage = DamageIn(image);
  ASSERT_EQ(damage.size(), 2u);
  EXPECT_EQ(damage[0].last_sequence, 25u);
  EXPECT_LE(damage[0].offset, before.destaged);
  EXPECT_EQ(damage[1].what, "the sealed file is shorter than it was");
}

// What only a program can do: bytes that are wrong, under checksums that are right.
TEST(VerifyDamageTest, HeadersAndFootersThatContradictTheCatalogueAreNamed) {
  const RestingLog resting = SealedLog();
  const std::string path = resting.PathOf(1);
  const format::CatalogSegment& row = resting.rows[1];
  for (const std::uint64_t field :
       {format::kSegmentHeaderStreamIdOffset, format::kSegmentHeaderFirstSequenceOffset,
        format::kSegmentHeaderCreatedOffset, format::kSegmentHeaderPreviousSegmentOffset,
        format::kSegmentHeaderKeyOffset}) {
    DiskImage image = resting.image;
    EditFile(&image, path, 0, kPageBytes, [&](MutableByteSpan page) {
      page[field] ^= std::byte{1};
      format::FixPageChecksum(page);
    });
    // The content's hash covers the header too.
    const std::vector<Damage> damage = DamageIn(image);
    ASSERT_EQ(damage.size(), 2u) << field;
    EXPECT_EQ(damage[0].what, "the segment's header contradicts the catalogue");
    EXPECT_NE(damage[1].what.find("SHA-256"), std::string::npos);
  }
  const std::vector<std::pair<std::uint64_t, const char*>> fields{
      {format::kFooterStreamIdOffset, "of another stream"},
      {format::kFooterFirstLsnOffset, "contradicts the frames"},
      {format::kFooterLastLsnOffset, "contradicts the frames"},
      {format::kFooterFirstTimeOffset, "contradicts the frames"},
      {format::kFooterLastTimeOffset, "contradicts the frames"},
      {format::kFooterPreviousChainOffset, "previous chain SHA-256"},
      {format::kFooterChainSha256Offset, "the chain SHA-256 is wrong"},
      {format::kFooterFixedBytes + format::kIndexEntryTimeOffset, "contradicts the frames"}};
  for (const auto& [field, what] : fields) {
    DiskImage image = resting.image;
    EditFile(&image, path, row.footer_offset, row.footer_bytes,
             [&, offset = field](MutableByteSpan footer) {
               footer[offset] ^= std::byte{1};
               format::FixFooterChecksum(footer, row.id, row.footer_offset);
             });
    Damage expected;
    expected.file = path;
    expected.offset = row.footer_offset;
    expected.bytes = row.footer_bytes;
    expected.what = what;
    SCOPED_TRACE(field);
    ExpectOne(DamageIn(image), expected);
  }
}

TEST(VerifyDamageTest, AChainThatWasForgedAsAWholeStillContradictsTheCatalogue) {
  const RestingLog resting = SealedLog();
  const format::CatalogSegment& row = resting.rows[1];
  DiskImage image = resting.image;
  // Another payload, its record's checksum, the content's hash and the chain made anew.
  const std::string path = resting.PathOf(1);
  const std::uint64_t record = resting.FrameOffset(1, 40) + format::kFrameHeaderBytes;
  EditFile(&image, path, record, 1008, [&](MutableByteSpan bytes) {
    bytes[100] ^= std::byte{1};
    format::FixRecordChecksum(bytes, row.id, record);
  });
  std::vector<std::byte> file = image.ReadFile(path);
  EditFile(&image, path, row.footer_offset, row.footer_bytes, [&](MutableByteSpan footer) {
    const auto content = hash::Sha256Of(ByteSpan(file).first(row.end));
    hash::Sha256Digest previous;
    std::copy_n(footer.begin() + format::kFooterPreviousChainOffset, 32, previous.begin());
    const auto chain = format::ChainSha256(previous, content);
    std::copy(content.begin(), content.end(), footer.begin() + format::kFooterContentSha256Offset);
    std::copy(chain.begin(), chain.end(), footer.begin() + format::kFooterChainSha256Offset);
    format::FixFooterChecksum(footer, row.id, row.footer_offset);
  });
  Damage expected;
  expected.file = path;
  expected.offset = row.footer_offset;
  expected.bytes = row.footer_bytes;
  expected.what = "the chain SHA-256 is wrong";
  ExpectOne(DamageIn(image), expected);
}

TEST(VerifyDamageTest, RowsThatCountOtherRecordsThanTheFramesAreNamed) {
  const RestingLog resting = SealedLog();
  const auto damage_with = [&](void (*change)(format::CatalogStream*)) {
    DiskImage image = resting.image;
    format::Catalog catalog = test::CatalogIn(image);
    change(&catalog.streams.front());
    test::PutCatalogs(&image, catalog);
    return DamageIn(image);
  };
  const auto other_lsn =
      damage_with([](format::CatalogStream* stream) { ++stream->segments[1].last_lsn; });
  ASSERT_EQ(other_lsn.size(), 1u);
  EXPECT_EQ(other_lsn[0].what, "the catalogue has other LSNs");
  const auto other_time =
      damage_with([](format::CatalogStream* stream) { ++stream->segments[0].first_time_us; });
  ASSERT_EQ(other_time.size(), 1u);
  EXPECT_EQ(other_time[0].what, "the catalogue has other times");
  // Segments that do not adjoin are not opened at all.
  DiskImage image = resting.image;
  format::Catalog catalog = test::CatalogIn(image);
  ++catalog.streams.front().segments[0].next_sequence;
  test::PutCatalogs(&image, catalog);
  const auto disk = SimulatedDisk::FromImage(image);
  EngineHarness log(disk.get(), QuietOptions());
  EXPECT_EQ(log.Open().code(), Code::kCorrupt);
}

// Of every byte of the files that a log at rest consists of, but for its journal.
TEST(VerifyDamageTest, NoByteOfASealedSegmentOrACatalogueCanChangeUnnoticed) {
  const RestingLog resting = MakeRestingLog(QuietOptions(), 8, 301, {8});
  Batch batch = MakeBatch(20);
  for (const auto& [image, path] :
       std::vector<std::pair<DiskImage, std::string>>{{resting.image, resting.PathOf(0)},
                                                      {batch.image, batch.path},
                                                      {resting.image, kCatalogPath},
                                                      {resting.image, kCatalogCopyPath}}) {
    const std::uint64_t size = image.SizeOf(path);
    for (std::uint64_t offset = 0; offset < size; ++offset) {
      DiskImage damaged = image;
      damaged.FlipBit(path, offset, static_cast<unsigned>((offset * 5 + offset / 8) % 8));
      const std::vector<Damage> damage = DamageIn(damaged);
      ASSERT_FALSE(damage.empty()) << path << " " << offset;
      for (const Damage& one : damage) {
        ASSERT_EQ(one.file, path);
        ASSERT_LE(one.offset, offset);
        ASSERT_LT(offset, one.offset + one.bytes) << one.what;
      }
    }
  }
}

// Bytes below the destaged length that docs/format.md says are ignored: the padding of records.
std::set<std::uint64_t> PaddingOfRecords(ByteSpan file, const format::CatalogSegment& row) {
  std::set<std::uint64_t> padding;
  for (std::uint64_t at = format::kSegmentDataOffset; at < row.destaged;) {
    const auto frame = format::DecodeFrameHeader(file.subspan(at));
    SEGLOG_ASSERT(frame.ok() && frame->record_count <= 1);
    if (frame->record_count == 1) {
      const std::uint64_t record = at + format::kFrameHeaderBytes;
      const auto payload = LoadLittle<std::uint32_t>(file, record + format::kRecordLengthOffset) &
                           format::kRecordPayloadBytesMask;
      for (std::uint64_t byte = record + format::kRecordHeaderBytes + payload;
           byte < at + frame->total_bytes(); ++byte) {
        padding.insert(byte);
      }
    }
    at += frame->total_bytes();
  }
  return padding;
}
TEST(VerifyDamageTest, OfASegmentThatIsNotSealedOnlyPaddingAndWhatIsNotDestagedMayChange) {
  const RestingLog resting = MakeRestingLog(BusyOptions(), 20, 901);
  ASSERT_EQ(resting.rows.size(), 1u);
  const format::CatalogSegment& row = resting.rows[0];
  ASSERT_EQ(row.state, format::SegmentState::kOpen);
  ASSERT_GT(row.destaged, format::kSegmentDataOffset);
  const std::string path = resting.PathOf(0);
  std::vector<std::byte> bytes = resting.image.ReadFile(path);
  bytes.resize(bytes.size() + 2 * kPageBytes);  // So that the last frame's header can be looked at.
  const std::set<std::uint64_t> padding = PaddingOfRecords(bytes, row);
  ASSERT_FALSE(padding.empty());
  const std::uint64_t size = resting.image.SizeOf(path);
  for (std::uint64_t offset = 0; offset < size; ++offset) {
    DiskImage damaged = resting.image;
    damaged.FlipBit(path, offset, static_cast<unsigned>(offset % 8));
    const bool ignored = padding.contains(offset) || offset >= row.destaged;
    ASSERT_EQ(DamageIn(damaged).empty(), ignored) << offset;
  }
}

}  // namespace
}  // namespace seglog::log
