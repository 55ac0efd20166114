// SPDX-License-Identifier: MIT
#include "format/catalog.h"

#include <algorithm>

#include "format/codec.h"
#include "format/frame.h"
#include "format/varint.h"
#include "hash/crc32c.h"

namespace seglog::format {
namespace {

static_assert(kCatalogHeaderLogUuidOffset == kFileChecksummedOffset);
constexpr std::size_t kPathAlignment = 8;
// A row has at least a length, an id, three numbers of the stream, and two counts.
constexpr std::size_t kRowBytesMin = 7;

std::uint32_t CatalogChecksum(ByteSpan bytes) {
  return hash::Crc32c(0, bytes.subspan(kFileChecksummedOffset));
}

Status CheckSegment(const CatalogSegment& segment) {
  if (segment.id == 0) return Corrupt("catalogue: segment id 0");
  if (segment.first_sequence == 0 || segment.next_sequence < segment.first_sequence) {
    return Corrupt("catalogue: a segment's sequences");
  }
  if (segment.end < kSegmentDataOffset || segment.end > kSegmentBytesLimit ||
      segment.end % kFrameAlignment != 0) {
    return Corrupt("catalogue: a segment's end");
  }
  if (segment.destaged > segment.end ||
      (segment.state == SegmentState::kOpen && segment.destaged % kPageBytes != 0)) {
    return Corrupt("catalogue: a segment's destaged length");
  }
  const bool sealed = segment.state == SegmentState::kSealed;
  const bool footer_is_right = sealed
                                   ? IsFooterRange(segment.footer_offset, segment.footer_bytes) &&
                                         segment.footer_offset == FooterOffset(segment.end)
                                   : segment.footer_offset == 0 && segment.footer_bytes == 0;
  if (!footer_is_right) return Corrupt("catalogue: a segment's footer");
  return Status::Ok();
}

Status CheckStream(const CatalogStream& stream) {
  if (stream.id == 0) return Corrupt("catalogue: reserved field (stream id 0)");
  if (stream.key.empty() != (stream.id == kSharedStreamId)) {
    return Corrupt("catalogue: a stream without a key");
  }
  if (stream.first_sequence == 0 || stream.next_sequence < stream.first_sequence) {
    return Corrupt("catalogue: a stream's sequences");
  }
  for (std::size_t i = 0; i < stream.segments.size(); ++i) {
    const CatalogSegment& segment = stream.segments[i];
    SEGLOG_RETURN_IF_ERROR(CheckSegment(segment));
    const bool last = i + 1 == stream.segments.size();
    if (!last && segment.state == SegmentState::kOpen) {
      return Corrupt("catalogue: an open segment that is not its stream's last");
    }
    // Ids rise, so that rows can name shared segments by their index.
    if (!last && (stream.segments[i + 1].first_sequence < segment.first_sequence ||
                  stream.segments[i + 1].id <= segment.id)) {
      return Corrupt("catalogue: segments out of order");
    }
  }
  return Status::Ok();
}

void StoreSegment(const CatalogSegment& segment, MutableByteSpan out) {
  StoreLittle(out, kCatalogSegmentIdOffset, segment.id);
  StoreLittle(out, kCatalogSegmentFirstSequenceOffset, segment.first_sequence);
  StoreLittle(out, kCatalogSegmentNextSequenceOffset, segment.next_sequence);
  StoreLittle(out, kCatalogSegmentEndOffset, segment.end);
  StoreLittle(out, kCatalogSegmentDestagedOffset, segment.destaged);
  StoreLittle(out, kCatalogSegmentCreatedOffset, segment.created_us);
  StoreLittle(out, kCatalogSegmentFirstLsnOffset, segment.first_lsn);
  StoreLittle(out, kCatalogSegmentLastLsnOffset, segment.last_lsn);
  StoreLittle(out, kCatalogSegmentFirstTimeOffset, segment.first_time_us);
  StoreLittle(out, kCatalogSegmentLastTimeOffset, segment.last_time_us);
  StoreLittle(out, kCatalogSegmentFooterPositionOffset, segment.footer_offset);
  StoreLittle(out, kCatalogSegmentFooterBytesOffset, segment.footer_bytes);
  StoreLittle(out, kCatalogSegmentStateOffset, static_cast<std::uint32_t>(segment.state));
  StoreLittle(out, kCatalogSegmentReservedOffset, std::uint32_t{0});
  StoreBytes(out, kCatalogSegmentChainSha256Offset, segment.chain_sha256);
}

Result<CatalogSegment> LoadSegment(ByteSpan bytes) {
  if (LoadLittle<std::uint32_t>(bytes, kCatalogSegmentReservedOffset) != 0) {
    return Corrupt("catalogue: reserved field");
  }
  const auto state = LoadLittle<std::uint32_t>(bytes, kCatalogSegmentStateOffset);
  if (state < static_cast<std::uint32_t>(SegmentState::kOpen) ||
      state > static_cast<std::uint32_t>(SegmentState::kSealed)) {
    return Corrupt("catalogue: unknown segment state");
  }
  CatalogSegment segment;
  segment.id = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentIdOffset);
  segment.first_sequence = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentFirstSequenceOffset);
  segment.next_sequence = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentNextSequenceOffset);
  segment.end = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentEndOffset);
  segment.destaged = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentDestagedOffset);
  segment.created_us = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentCreatedOffset);
  segment.first_lsn = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentFirstLsnOffset);
  segment.last_lsn = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentLastLsnOffset);
  segment.first_time_us = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentFirstTimeOffset);
  segment.last_time_us = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentLastTimeOffset);
  segment.footer_offset = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentFooterPositionOffset);
  segment.footer_bytes = LoadLittle<std::uint64_t>(bytes, kCatalogSegmentFooterBytesOffset);
  segment.state = static_cast<SegmentState>(state);
  segment.chain_sha256 = LoadArray<32>(bytes, kCatalogSegmentChainSha256Offset);
  return segment;
}

// Appends rows. Times are stored as how long they lie before the snapshot's log time.
class RowWriter final {
 public:
  RowWriter(const Catalog& catalog, AlignedBuffer* out) : catalog_(catalog), out_(out) {}

  void Add(const CatalogStream& stream) {
    SEGLOG_ASSERT(stream.key.size() <= kKeyBytesMax && CheckStream(stream).ok());
    Number(stream.key.size());
    out_->Append(AsBytes(stream.key));
    Number(stream.id);
    Age(stream.created_us);
    Number(stream.first_sequence);
    Number(stream.next_sequence - stream.first_sequence);
    Number(stream.shared.bytes / kFrameAlignment);
    if (stream.shared.bytes > 0) AddShared(stream.shared);
    Number(stream.segments.size());
    if (stream.segments.empty()) return;
    out_->Append(stream.dropped_chain_sha256);
    for (const CatalogSegment& segment : stream.segments) {
      out_->AppendZeros(kCatalogSegmentBytes);
      StoreSegment(segment, out_->mutable_bytes().last(kCatalogSegmentBytes));
    }
  }

 private:
  void AddShared(const CatalogShared& shared) {
    Number(IndexOf(shared.first_segment_id));
    Number(IndexOf(shared.last.segment_id));
    Number(shared.last.offset / kFrameAlignment);
    Number(shared.last_lsn);
    Age(shared.last_time_us);
  }
  void Number(std::uint64_t value) {
    std::byte bytes[kVarintBytesMax];
    out_->Append(ByteSpan(bytes, static_cast<std::size_t>(PutVarint(bytes, value) - bytes)));
  }
  void Age(std::uint64_t time_us) {
    Number(catalog_.log_time_us - std::min(time_us, catalog_.log_time_us));
  }
  // Ids rise from segment to segment.
  std::uint64_t IndexOf(std::uint64_t segment_id) const {
    const std::vector<CatalogSegment>& segments = catalog_.shared.segments;
    const auto found = std::lower_bound(
        segments.begin(), segments.end(), segment_id,
        [](const CatalogSegment& segment, std::uint64_t id) { return segment.id < id; });
    SEGLOG_ASSERT(found != segments.end() && found->id == segment_id);
    return static_cast<std::uint64_t>(found - segments.begin());
  }

  const Catalog& catalog_;
  AlignedBuffer* const out_;
};

// Takes rows off the front of the bytes behind the header.
class RowReader final {
 public:
  RowReader(const Catalog& catalog, ByteSpan rest) : catalog_(catalog), rest_(rest) {}

  ByteSpan rest() const { return rest_; }

  Status Take(CatalogStream* stream) {
    const std::uint64_t key_bytes = Number();
    if (key_bytes > kKeyBytesMax) return Corrupt("catalogue: bad key length");
    if (key_bytes > rest_.size()) return Corrupt("catalogue: a stream cut short");
    stream->key = AsText(rest_.first(static_cast<std::size_t>(key_bytes)));
    rest_ = rest_.subspan(static_cast<std::size_t>(key_bytes));
    stream->id = Number();
    stream->created_us = Time();
    stream->first_sequence = Number();
    stream->next_sequence = stream->first_sequence + Number();
    if (const std::uint64_t units = Number(); units > 0) {
      SEGLOG_RETURN_IF_ERROR(TakeShared(units, *stream, &stream->shared));
    }
    const std::uint64_t segment_count = Number();
    if (!sound_) return Corrupt("catalogue: a stream cut short, or a bad number");
    if (segment_count > 0) SEGLOG_RETURN_IF_ERROR(TakeSegments(segment_count, stream));
    return CheckStream(*stream);
  }

 private:
  std::uint64_t Number() {
    std::uint64_t value = 0;
    sound_ = sound_ && TakeVarint(&rest_, &value);
    return value;
  }
  std::uint64_t Time() {
    const std::uint64_t age = Number();
    sound_ = sound_ && age <= catalog_.log_time_us;
    return catalog_.log_time_us - age;
  }
  Status TakeShared(std::uint64_t units, const CatalogStream& stream, CatalogShared* shared) {
    const std::vector<CatalogSegment>& segments = catalog_.shared.segments;
    const std::uint64_t first = Number();
    const std::uint64_t last = Number();
    const std::uint64_t offset_units = Number();
    shared->last_lsn = Number();
    shared->last_time_us = Time();
    if (stream.id == kSharedStreamId || first > last || last >= segments.size() ||
        units > kSegmentBytesLimit / kFrameAlignment) {
      return Corrupt("catalogue: a stream's shared segments");
    }
    const CatalogSegment& segment = segments[static_cast<std::size_t>(last)];
    if (offset_units < kSegmentDataOffset / kFrameAlignment ||
        offset_units >= segment.end / kFrameAlignment) {
      return Corrupt("catalogue: a stream's shared frame");
    }
    shared->bytes = units * kFrameAlignment;
    shared->first_segment_id = segments[static_cast<std::size_t>(first)].id;
    shared->last = {.segment_id = segment.id, .offset = offset_units * kFrameAlignment};
    return Status::Ok();
  }
  Status TakeSegments(std::uint64_t count, CatalogStream* stream) {
    constexpr std::size_t kChainBytes = sizeof(hash::Sha256Digest);
    if (rest_.size() < kChainBytes || count > (rest_.size() - kChainBytes) / kCatalogSegmentBytes) {
      return Corrupt("catalogue: a stream cut short");
    }
    stream->dropped_chain_sha256 = LoadArray<kChainBytes>(rest_, 0);
    rest_ = rest_.subspan(kChainBytes);
    stream->segments.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) {
      Result<CatalogSegment> segment = LoadSegment(rest_);
      if (!segment.ok()) return segment.status();
      stream->segments.push_back(std::move(segment).value());
      rest_ = rest_.subspan(kCatalogSegmentBytes);
    }
    return Status::Ok();
  }

  const Catalog& catalog_;
  ByteSpan rest_;
  bool sound_ = true;
};

std::size_t DroppedBytes(std::size_t path_bytes) {
  return kCatalogDroppedFixedBytes + AlignUp(path_bytes, kPathAlignment);
}

void StoreDropped(const CatalogDropped& dropped, MutableByteSpan out) {
  StoreLittle(out, kCatalogDroppedSegmentIdOffset, dropped.segment_id);
  StoreLittle(out, kCatalogDroppedCommitOffset, dropped.commit);
  StoreLittle(out, kCatalogDroppedFileBytesOffset, dropped.file_bytes);
  StoreLittle(out, kCatalogDroppedPathBytesOffset, static_cast<std::uint32_t>(dropped.path.size()));
  StoreBytes(out, kCatalogDroppedFixedBytes, AsBytes(dropped.path));
}

// Takes one dropped segment off the front of `rest`.
Status TakeDropped(ByteSpan* rest, CatalogDropped* dropped) {
  if (rest->size() < kCatalogDroppedFixedBytes)
    return Corrupt("catalogue: a dropped segment cut short");
  const std::size_t path_bytes = LoadLittle<std::uint32_t>(*rest, kCatalogDroppedPathBytesOffset);
  if (path_bytes == 0 || path_bytes > kCatalogDroppedPathBytesMax ||
      DroppedBytes(path_bytes) > rest->size()) {
    return Corrupt("catalogue: bad path length");
  }
  if (LoadLittle<std::uint32_t>(*rest, kCatalogDroppedReservedOffset) != 0) {
    return Corrupt("catalogue: reserved field");
  }
  dropped->segment_id = LoadLittle<std::uint64_t>(*rest, kCatalogDroppedSegmentIdOffset);
  dropped->commit = LoadLittle<std::uint64_t>(*rest, kCatalogDroppedCommitOffset);
  dropped->file_bytes = LoadLittle<std::uint64_t>(*rest, kCatalogDroppedFileBytesOffset);
  dropped->path = AsText(rest->subspan(kCatalogDroppedFixedBytes, path_bytes));
  *rest = rest->subspan(DroppedBytes(path_bytes));
  return Status::Ok();
}

// Everything about the file as a whole: it is one, of this version, all there and undamaged.
Status CheckFile(ByteSpan bytes) {
  const Result<CatalogStart> start = DecodeCatalogStart(bytes, bytes.size());
  if (!start.ok()) return start.status();
  if (start->checksum != CatalogChecksum(bytes)) return Corrupt("catalogue: wrong checksum");
  const auto flags = LoadLittle<std::uint32_t>(bytes, kCatalogHeaderFlagsOffset);
  if ((flags & ~kCatalogFlagsKnown) != 0 ||
      !IsAllZero(bytes.subspan(kCatalogHeaderReservedOffset,
                               kCatalogHeaderBytes - kCatalogHeaderReservedOffset))) {
    return Corrupt("catalogue: reserved field");
  }
  return Status::Ok();
}

std::uint64_t SegmentCount(const Catalog& catalog) {
  std::uint64_t count = 0;
  for (const CatalogStream& stream : catalog.streams) count += stream.segments.size();
  return count + catalog.shared.segments.size();
}

void StoreHeader(const Catalog& catalog, MutableByteSpan out) {
  StoreLittle(out, kCatalogHeaderMagicOffset, kCatalogMagic);
  StoreLittle(out, kCatalogHeaderVersionOffset, kFormatVersion);
  StoreBytes(out, kCatalogHeaderLogUuidOffset, catalog.log_uuid);
  StoreLittle(out, kCatalogHeaderSnapshotNumberOffset, catalog.snapshot_number);
  StoreLittle(out, kCatalogHeaderMarkOffset, catalog.mark);
  StoreLittle(out, kCatalogHeaderStartGenerationOffset, catalog.start_generation);
  StoreLittle(out, kCatalogHeaderStartCommitOffset, catalog.start_commit);
  StoreLittle(out, kCatalogHeaderNextLsnOffset, catalog.next_lsn);
  StoreLittle(out, kCatalogHeaderHighestGenerationOffset, catalog.highest_generation);
  StoreLittle(out, kCatalogHeaderLogTimeOffset, catalog.log_time_us);
  StoreLittle(out, kCatalogHeaderFileBytesOffset, std::uint64_t{out.size()});
  const std::uint32_t flags = catalog.clean ? std::uint32_t{kCatalogIsClean} : 0;
  StoreLittle(out, kCatalogHeaderFlagsOffset, flags);
  StoreLittle(out, kCatalogHeaderStreamCountOffset,
              static_cast<std::uint32_t>(catalog.streams.size()));
  StoreLittle(out, kCatalogHeaderSegmentCountOffset, SegmentCount(catalog));
  StoreLittle(out, kCatalogHeaderDroppedCountOffset, std::uint64_t{catalog.dropped.size()});
}

Catalog LoadHeader(ByteSpan bytes) {
  Catalog catalog;
  catalog.log_uuid = LoadArray<16>(bytes, kCatalogHeaderLogUuidOffset);
  catalog.snapshot_number = LoadLittle<std::uint64_t>(bytes, kCatalogHeaderSnapshotNumberOffset);
  catalog.mark = LoadLittle<std::uint64_t>(bytes, kCatalogHeaderMarkOffset);
  catalog.start_generation = LoadLittle<std::uint64_t>(bytes, kCatalogHeaderStartGenerationOffset);
  catalog.start_commit = LoadLittle<std::uint64_t>(bytes, kCatalogHeaderStartCommitOffset);
  catalog.next_lsn = LoadLittle<std::uint64_t>(bytes, kCatalogHeaderNextLsnOffset);
  catalog.highest_generation =
      LoadLittle<std::uint64_t>(bytes, kCatalogHeaderHighestGenerationOffset);
  catalog.log_time_us = LoadLittle<std::uint64_t>(bytes, kCatalogHeaderLogTimeOffset);
  const auto flags = LoadLittle<std::uint32_t>(bytes, kCatalogHeaderFlagsOffset);
  catalog.clean = (flags & kCatalogIsClean) != 0;
  return catalog;
}

}  // namespace

void EncodeCatalog(const Catalog& catalog, AlignedBuffer* out) {
  SEGLOG_ASSERT(catalog.highest_generation >= catalog.start_generation);
  SEGLOG_ASSERT(catalog.shared.id == kSharedStreamId);
  out->Clear();
  out->AppendZeros(kCatalogHeaderBytes);
  RowWriter rows(catalog, out);
  rows.Add(catalog.shared);
  for (const CatalogStream& stream : catalog.streams) rows.Add(stream);
  for (const CatalogDropped& dropped : catalog.dropped) {
    SEGLOG_ASSERT(!dropped.path.empty() && dropped.path.size() <= kCatalogDroppedPathBytesMax);
    const std::size_t bytes = DroppedBytes(dropped.path.size());
    out->AppendZeros(bytes);
    StoreDropped(dropped, out->mutable_bytes().last(bytes));
  }
  const MutableByteSpan file = out->mutable_bytes();
  StoreHeader(catalog, file);
  StoreLittle(file, kCatalogHeaderChecksumOffset, CatalogChecksum(file));
}

Result<CatalogStart> DecodeCatalogStart(ByteSpan header, std::uint64_t file_bytes) {
  if (header.size() < kCatalogHeaderBytes) return Corrupt("catalogue: header cut short");
  SEGLOG_RETURN_IF_ERROR(CheckFileStart(header, kCatalogMagic, "catalogue"));
  if (LoadLittle<std::uint64_t>(header, kCatalogHeaderFileBytesOffset) != file_bytes) {
    return Corrupt("catalogue: not as long as it says");
  }
  return CatalogStart{
      .log_uuid = LoadArray<16>(header, kCatalogHeaderLogUuidOffset),
      .snapshot_number = LoadLittle<std::uint64_t>(header, kCatalogHeaderSnapshotNumberOffset),
      .checksum = LoadLittle<std::uint32_t>(header, kCatalogHeaderChecksumOffset)};
}

Result<Catalog> DecodeCatalog(ByteSpan bytes) {
  SEGLOG_RETURN_IF_ERROR(CheckFile(bytes));
  Catalog catalog = LoadHeader(bytes);
  if (catalog.highest_generation < catalog.start_generation) {
    return Corrupt("catalogue: start generation above the highest");
  }
  const std::size_t stream_count =
      LoadLittle<std::uint32_t>(bytes, kCatalogHeaderStreamCountOffset);
  RowReader rows(catalog, bytes.subspan(kCatalogHeaderBytes));
  SEGLOG_RETURN_IF_ERROR(rows.Take(&catalog.shared));
  if (catalog.shared.id != kSharedStreamId)
    return Corrupt("catalogue: the first row is a stream's");
  if (stream_count > rows.rest().size() / kRowBytesMin) {
    return Corrupt("catalogue: more streams than it can hold");
  }
  catalog.streams.resize(stream_count);
  for (CatalogStream& stream : catalog.streams) {
    SEGLOG_RETURN_IF_ERROR(rows.Take(&stream));
  }
  ByteSpan rest = rows.rest();
  const auto dropped_count = LoadLittle<std::uint64_t>(bytes, kCatalogHeaderDroppedCountOffset);
  if (dropped_count > rest.size() / kCatalogDroppedFixedBytes) {
    return Corrupt("catalogue: more dropped segments than it can hold");
  }
  catalog.dropped.resize(static_cast<std::size_t>(dropped_count));
  for (CatalogDropped& dropped : catalog.dropped) {
    SEGLOG_RETURN_IF_ERROR(TakeDropped(&rest, &dropped));
  }
  if (!rest.empty()) return Corrupt("catalogue: bytes behind the last row");
  if (LoadLittle<std::uint64_t>(bytes, kCatalogHeaderSegmentCountOffset) != SegmentCount(catalog)) {
    return Corrupt("catalogue: segments are not as many as it says");
  }
  return catalog;
}

}  // namespace seglog::format
