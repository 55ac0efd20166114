// SPDX-License-Identifier: MIT
#include "format/frame.h"

#include <limits>
#include <string>

#include "format/checksum.h"
#include "format/codec.h"
#include "hash/crc32c.h"

namespace seglog::format {
namespace {

constexpr std::size_t kChecksummedOffset = kFrameStreamIdOffset;

std::size_t TableBytes(std::size_t record_count) {
  if (record_count <= kFrameTableThreshold) return 0;
  return AlignUp(record_count * kFrameTableEntryBytes, kFrameAlignment);
}

std::uint32_t FrameChecksum(ByteSpan header, ByteSpan table, std::uint64_t segment_id,
                            std::uint64_t segment_offset) {
  const ByteSpan fields =
      header.subspan(kChecksummedOffset, kFrameHeaderBytes - kChecksummedOffset);
  const std::uint32_t seed = SegmentSeed(segment_id, segment_offset);
  return hash::Crc32c(hash::Crc32c(seed, fields), table);
}

ByteSpan TableOf(const FrameHeader& header, ByteSpan body) {
  return body.subspan(header.records_bytes(), header.table_bytes());
}

Status CheckFillerBounds(const FrameHeader& header) {
  if (header.flags != kFrameIsFiller) return Corrupt("frame: a filler with other flags");
  if (header.record_count != 0) return Corrupt("frame: a filler with records");
  if (header.body_bytes > kFrameBodyBytesLimit) return Corrupt("frame: body beyond its limit");
  return Status::Ok();
}

// Of frames that are no fillers.
Status CheckSharing(const FrameHeader& header) {
  const SharedPosition& previous = header.previous;
  if (header.stream_id == kSharedStreamId) return Corrupt("frame: records without a stream");
  if (!header.shared()) return Status::Ok();
  if (header.next_sequence() > kSharedSequenceLimit) {
    return Corrupt("frame: sequence too high for a shared segment");
  }
  if ((previous.segment_id == 0) != (previous.offset == 0) ||
      (previous.offset != 0 && previous.offset < kPageBytes)) {
    return Corrupt("frame: the frame before it cannot be there");
  }
  return Status::Ok();
}

}  // namespace

void FrameBodyBuilder::Begin(std::uint64_t segment_id, std::uint64_t body_offset,
                             bool with_lsn_differences, AlignedBuffer* out) {
  SEGLOG_ASSERT(body_offset % kFrameAlignment == 0);
  segment_id_ = segment_id;
  body_offset_ = body_offset;
  with_lsn_differences_ = with_lsn_differences;
  out_ = out;
  body_start_ = out->size();
  offsets_.clear();
}

std::size_t FrameBodyBuilder::BytesWith(const RecordInput& record) const {
  return out_->size() - body_start_ + RecordStoredBytes(record, with_lsn_differences_) +
         TableBytes(offsets_.size() + 1);
}

void FrameBodyBuilder::Add(const RecordInput& record) {
  const std::size_t offset = out_->size() - body_start_;
  SEGLOG_ASSERT(offset < kFrameBytesLimit);
  SEGLOG_ASSERT(offsets_.size() < kFrameRecordCountMax);
  offsets_.push_back(static_cast<std::uint16_t>(offset / kRecordAlignment));
  AppendRecord(record, with_lsn_differences_, segment_id_, body_offset_ + offset, out_);
}

void FrameBodyBuilder::Finish(FrameHeader* header) {
  SEGLOG_ASSERT(!offsets_.empty());
  header->record_count = record_count();
  header->flags = with_lsn_differences_ ? std::uint16_t{kFrameHasLsnDifferences} : std::uint16_t{0};
  if (const std::size_t table_bytes = TableBytes(offsets_.size()); table_bytes > 0) {
    header->flags = static_cast<std::uint16_t>(header->flags | kFrameHasOffsetTable);
    const ByteSpan table = std::as_bytes(std::span(offsets_));
    out_->Append(table);
    out_->AppendZeros(table_bytes - table.size());
  }
  const std::size_t body_bytes = out_->size() - body_start_;
  SEGLOG_ASSERT(body_bytes <= (offsets_.size() > 1 ? kFrameBytesLimit : kFrameBodyBytesLimit));
  header->body_bytes = static_cast<std::uint32_t>(body_bytes);
}

void EncodeFrameHeader(const FrameHeader& header, ByteSpan body, std::uint64_t segment_id,
                       std::uint64_t segment_offset, MutableByteSpan out) {
  SEGLOG_ASSERT(out.size() >= kFrameHeaderBytes);
  SEGLOG_ASSERT(body.size() == header.body_bytes);
  SEGLOG_ASSERT(CheckFrameBounds(header).ok());
  StoreLittle(out, kFrameMagicOffset, kFrameMagic);
  StoreLittle(out, kFrameStreamIdOffset, header.stream_id);
  StoreLittle(out, kFrameFirstSequenceOffset, header.first_sequence);
  StoreLittle(out, kFrameFirstLsnOffset, header.first_lsn);
  StoreLittle(out, kFrameTimeOffset, header.time_us);
  StoreLittle(out, kFrameRecordCountOffset, header.record_count);
  StoreLittle(out, kFrameBodyBytesOffset, header.body_bytes);
  StoreLittle(out, kFrameFlagsOffset, header.flags);
  StoreLittle(out, kFrameCodecOffset, std::uint16_t{0});
  StoreLittle(out, kFramePreviousOffset,
              static_cast<std::uint32_t>(header.previous.offset / kFrameAlignment));
  StoreLittle(out, kFramePreviousSegmentIdOffset, header.previous.segment_id);
  StoreLittle(out, kFrameChecksumOffset,
              FrameChecksum(out, TableOf(header, body), segment_id, segment_offset));
}

Status CheckFrameBounds(const FrameHeader& header) {
  if ((header.flags & ~kFrameFlagsKnown) != 0) return Corrupt("frame: reserved field (flags)");
  if (header.body_bytes % kFrameAlignment != 0) return Corrupt("frame: body length unaligned");
  if (header.stream_id == 0) return Corrupt("frame: reserved field (stream id 0)");
  constexpr auto kSequenceMax = std::numeric_limits<std::uint64_t>::max();
  if (header.first_sequence == 0 || header.first_sequence > kSequenceMax - header.record_count) {
    return Corrupt("frame: sequence out of range");
  }
  if (!header.shared() && header.previous != SharedPosition{}) {
    return Corrupt("frame: reserved field (previous frame)");
  }
  if (header.filler()) return CheckFillerBounds(header);
  SEGLOG_RETURN_IF_ERROR(CheckSharing(header));
  if (header.record_count == 0) return Corrupt("frame: no records");
  if (header.record_count > kFrameRecordCountMax) return Corrupt("frame: too many records");
  if (header.has_table() != (header.record_count > kFrameTableThreshold)) {
    return Corrupt("frame: offset table and record count disagree");
  }
  if (header.body_bytes > (header.record_count > 1 ? kFrameBytesLimit : kFrameBodyBytesLimit)) {
    return Corrupt("frame: body beyond its limit");
  }
  if (header.body_bytes < header.record_count * kRecordHeaderBytes + header.table_bytes()) {
    return Corrupt("frame: body too short for its records");
  }
  return Status::Ok();
}

Result<FrameHeader> DecodeFrameHeader(ByteSpan bytes) {
  if (bytes.size() < kFrameHeaderBytes) return Corrupt("frame: header cut short");
  if (LoadLittle<std::uint32_t>(bytes, kFrameMagicOffset) != kFrameMagic) {
    return Corrupt("frame: wrong magic");
  }
  if (LoadLittle<std::uint16_t>(bytes, kFrameCodecOffset) != 0) {
    return Corrupt("frame: reserved field (codec)");
  }
  FrameHeader header;
  header.stream_id = LoadLittle<std::uint64_t>(bytes, kFrameStreamIdOffset);
  header.first_sequence = LoadLittle<std::uint64_t>(bytes, kFrameFirstSequenceOffset);
  header.first_lsn = LoadLittle<std::uint64_t>(bytes, kFrameFirstLsnOffset);
  header.time_us = LoadLittle<std::uint64_t>(bytes, kFrameTimeOffset);
  header.record_count = LoadLittle<std::uint32_t>(bytes, kFrameRecordCountOffset);
  header.body_bytes = LoadLittle<std::uint32_t>(bytes, kFrameBodyBytesOffset);
  header.flags = LoadLittle<std::uint16_t>(bytes, kFrameFlagsOffset);
  header.previous = {
      .segment_id = LoadLittle<std::uint64_t>(bytes, kFramePreviousSegmentIdOffset),
      .offset =
          std::uint64_t{LoadLittle<std::uint32_t>(bytes, kFramePreviousOffset)} * kFrameAlignment};
  SEGLOG_RETURN_IF_ERROR(CheckFrameBounds(header));
  return header;
}

Result<FrameHeader> VerifyFrame(ByteSpan bytes, std::uint64_t segment_id,
                                std::uint64_t segment_offset) {
  Result<FrameHeader> header = DecodeFrameHeader(bytes);
  if (!header.ok()) return header;
  if (header->body_bytes > bytes.size() - kFrameHeaderBytes) {
    return Corrupt("frame: body cut short");
  }
  const ByteSpan body = bytes.subspan(kFrameHeaderBytes, header->body_bytes);
  if (LoadLittle<std::uint32_t>(bytes, kFrameChecksumOffset) !=
      FrameChecksum(bytes, TableOf(header.value(), body), segment_id, segment_offset)) {
    return Corrupt("frame: wrong checksum");
  }
  if (header->filler() && !IsAllZero(body)) return Corrupt("frame: a filler that is not zeros");
  return header;
}

Result<std::size_t> RecordOffset(const FrameHeader& header, ByteSpan body, std::uint32_t index) {
  SEGLOG_ASSERT(index < header.record_count);
  if (body.size() < header.body_bytes) return Corrupt("frame: body cut short");
  const std::size_t records_end = header.records_bytes();
  std::size_t offset = 0;
  if (header.has_table()) {
    const std::size_t entry = records_end + index * kFrameTableEntryBytes;
    offset = std::size_t{LoadLittle<std::uint16_t>(body, entry)} * kRecordAlignment;
  } else {
    for (std::uint32_t i = 0; i < index; ++i) {
      if (offset + kRecordHeaderBytes > records_end) break;
      const auto length = LoadLittle<std::uint32_t>(body, offset + kRecordLengthOffset);
      offset += AlignUp(kRecordHeaderBytes + (length & kRecordPayloadBytesMask), kRecordAlignment);
    }
  }
  if (offset + kRecordHeaderBytes > records_end) return Corrupt("frame: record beyond its body");
  return offset;
}

FrameHeader FillerHeader(std::uint64_t stream_id, std::uint64_t next_sequence,
                         std::uint64_t next_lsn, std::uint64_t time_us, std::size_t total_bytes) {
  SEGLOG_ASSERT(total_bytes >= kFrameHeaderBytes && total_bytes % kFrameAlignment == 0);
  SEGLOG_ASSERT(total_bytes - kFrameHeaderBytes <= kFrameBodyBytesLimit);
  FrameHeader header;
  header.stream_id = stream_id;
  header.first_sequence = next_sequence;
  header.first_lsn = next_lsn;
  header.time_us = time_us;
  header.body_bytes = static_cast<std::uint32_t>(total_bytes - kFrameHeaderBytes);
  header.flags = kFrameIsFiller;
  return header;
}

}  // namespace seglog::format
