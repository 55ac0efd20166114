// SPDX-License-Identifier: MIT
#include "format/catalog.h"

#include "format/codec.h"
#include "format/frame.h"
#include "hash/crc32c.h"

namespace seglog::format {
namespace {

static_assert(kCatalogHeaderLogUuidOffset == kFileChecksummedOffset);
constexpr std::size_t kKeyAlignment = 8;

std::uint32_t CatalogChecksum(ByteSpan bytes) {
  return hash::Crc32c(0, bytes.subspan(kFileChecksummedOffset));
}

std::size_t StreamBytes(std::size_t key_bytes, std::size_t segment_count) {
  return kCatalogStreamFixedBytes + AlignUp(key_bytes, kKeyAlignment) +
         segment_count * kCatalogSegmentBytes;
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
    if (!last && stream.segments[i + 1].first_sequence < segment.first_sequence) {
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

void StoreStream(const CatalogStream& stream, MutableByteSpan out) {
  StoreLittle(out, kCatalogStreamIdOffset, stream.id);
  StoreLittle(out, kCatalogStreamCreatedOffset, stream.created_us);
  StoreLittle(out, kCatalogStreamNextSequenceOffset, stream.next_sequence);
  StoreLittle(out, kCatalogStreamFirstSequenceOffset, stream.first_sequence);
  StoreBytes(out, kCatalogStreamDroppedChainOffset, stream.dropped_chain_sha256);
  StoreLittle(out, kCatalogStreamSegmentCountOffset,
              static_cast<std::uint32_t>(stream.segments.size()));
  StoreLittle(out, kCatalogStreamKeyBytesOffset, static_cast<std::uint32_t>(stream.key.size()));
  StoreBytes(out, kCatalogStreamFixedBytes, AsBytes(stream.key));
  std::size_t offset = StreamBytes(stream.key.size(), 0);
  for (const CatalogSegment& segment : stream.segments) {
    StoreSegment(segment, out.subspan(offset, kCatalogSegmentBytes));
    offset += kCatalogSegmentBytes;
  }
}

// Takes one stream with its segments off the front of `rest`.
Status TakeStream(ByteSpan* rest, CatalogStream* stream) {
  if (rest->size() < kCatalogStreamFixedBytes) return Corrupt("catalogue: a stream cut short");
  const std::size_t segment_count =
      LoadLittle<std::uint32_t>(*rest, kCatalogStreamSegmentCountOffset);
  const std::size_t key_bytes = LoadLittle<std::uint32_t>(*rest, kCatalogStreamKeyBytesOffset);
  if (key_bytes == 0 || key_bytes > kKeyBytesMax) return Corrupt("catalogue: bad key length");
  if (segment_count > rest->size() / kCatalogSegmentBytes ||
      StreamBytes(key_bytes, segment_count) > rest->size()) {
    return Corrupt("catalogue: a stream cut short");
  }
  stream->id = LoadLittle<std::uint64_t>(*rest, kCatalogStreamIdOffset);
  stream->created_us = LoadLittle<std::uint64_t>(*rest, kCatalogStreamCreatedOffset);
  stream->next_sequence = LoadLittle<std::uint64_t>(*rest, kCatalogStreamNextSequenceOffset);
  stream->first_sequence = LoadLittle<std::uint64_t>(*rest, kCatalogStreamFirstSequenceOffset);
  stream->dropped_chain_sha256 = LoadArray<32>(*rest, kCatalogStreamDroppedChainOffset);
  stream->key = AsText(rest->subspan(kCatalogStreamFixedBytes, key_bytes));
  stream->segments.reserve(segment_count);
  *rest = rest->subspan(StreamBytes(key_bytes, 0));
  for (std::size_t i = 0; i < segment_count; ++i) {
    Result<CatalogSegment> segment = LoadSegment(*rest);
    if (!segment.ok()) return segment.status();
    stream->segments.push_back(std::move(segment).value());
    *rest = rest->subspan(kCatalogSegmentBytes);
  }
  return CheckStream(*stream);
}

std::size_t DroppedBytes(std::size_t path_bytes) {
  return kCatalogDroppedFixedBytes + AlignUp(path_bytes, kKeyAlignment);
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
  return count;
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
  std::size_t bytes = kCatalogHeaderBytes;
  for (const CatalogStream& stream : catalog.streams) {
    bytes += StreamBytes(stream.key.size(), stream.segments.size());
  }
  for (const CatalogDropped& dropped : catalog.dropped) bytes += DroppedBytes(dropped.path.size());
  out->Clear();
  out->AppendZeros(bytes);
  const MutableByteSpan file = out->mutable_bytes();
  StoreHeader(catalog, file);
  std::size_t offset = kCatalogHeaderBytes;
  for (const CatalogStream& stream : catalog.streams) {
    SEGLOG_ASSERT(!stream.key.empty() && stream.key.size() <= kKeyBytesMax);
    SEGLOG_ASSERT(CheckStream(stream).ok());
    StoreStream(stream, file.subspan(offset));
    offset += StreamBytes(stream.key.size(), stream.segments.size());
  }
  for (const CatalogDropped& dropped : catalog.dropped) {
    SEGLOG_ASSERT(!dropped.path.empty() && dropped.path.size() <= kCatalogDroppedPathBytesMax);
    StoreDropped(dropped, file.subspan(offset));
    offset += DroppedBytes(dropped.path.size());
  }
  SEGLOG_ASSERT(offset == bytes);
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
  ByteSpan rest = bytes.subspan(kCatalogHeaderBytes);
  if (stream_count > rest.size() / kCatalogStreamFixedBytes) {
    return Corrupt("catalogue: more streams than it can hold");
  }
  catalog.streams.resize(stream_count);
  for (CatalogStream& stream : catalog.streams) {
    SEGLOG_RETURN_IF_ERROR(TakeStream(&rest, &stream));
  }
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
