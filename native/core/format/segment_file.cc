// SPDX-License-Identifier: MIT
#include "format/segment_file.h"

#include "format/codec.h"
#include "format/frame.h"
#include "hash/crc32c.h"

namespace seglog::format {
namespace {

static_assert(kSegmentHeaderKeyOffset + kKeyBytesMax <= kPageBytes);
static_assert(kSegmentHeaderLogUuidOffset == kFileChecksummedOffset);
static_assert(kFooterSegmentIdOffset == kFileChecksummedOffset);

std::uint32_t PageChecksum(ByteSpan page) {
  return hash::Crc32c(0, page.subspan(kFileChecksummedOffset, kPageBytes - kFileChecksummedOffset));
}

std::uint32_t FooterChecksum(ByteSpan footer, std::size_t entry_count, std::uint64_t segment_id,
                             std::uint64_t footer_offset) {
  const std::size_t end = kFooterFixedBytes + entry_count * kIndexEntryBytes;
  return hash::Crc32c(SegmentSeed(segment_id, footer_offset),
                      footer.subspan(kFileChecksummedOffset, end - kFileChecksummedOffset));
}

Status CheckFooterBounds(const SegmentFooter& footer, std::uint64_t footer_offset) {
  if (footer.stream_id == 0) return Corrupt("footer: reserved field (stream id 0)");
  if (footer.data_end < kSegmentDataOffset || footer.data_end > kSegmentBytesLimit ||
      footer.data_end % kFrameAlignment != 0 || FooterOffset(footer.data_end) != footer_offset) {
    return Corrupt("footer: the data's end is not where it can be");
  }
  // Compared so that nothing overflows: an empty segment has last = first - 1.
  if (footer.first_sequence == 0 || footer.last_sequence < footer.first_sequence - 1 ||
      footer.last_sequence - (footer.first_sequence - 1) != footer.record_count) {
    return Corrupt("footer: record count and sequences disagree");
  }
  return Status::Ok();
}

Status CheckIndex(const SegmentFooter& footer) {
  const IndexEntry* previous = nullptr;
  for (const IndexEntry& entry : footer.index) {
    if (entry.offset < kSegmentDataOffset || entry.offset >= footer.data_end ||
        entry.offset % kFrameAlignment != 0) {
      return Corrupt("footer: an index entry points outside the frames");
    }
    // A filler behind the last record carries the sequence of a record that never came.
    if (entry.sequence < footer.first_sequence || entry.sequence - 1 > footer.last_sequence) {
      return Corrupt("footer: an index entry's sequence is not in the segment");
    }
    if (previous != nullptr && (entry.offset <= previous->offset ||
                                entry.sequence < previous->sequence || entry.lsn < previous->lsn)) {
      return Corrupt("footer: index entries out of order");
    }
    previous = &entry;
  }
  return Status::Ok();
}

void StoreIndexEntry(const IndexEntry& entry, MutableByteSpan out) {
  StoreLittle(out, kIndexEntrySequenceOffset, entry.sequence);
  StoreLittle(out, kIndexEntryLsnOffset, entry.lsn);
  StoreLittle(out, kIndexEntryTimeOffset, entry.time_us);
  StoreLittle(out, kIndexEntryFrameOffset, entry.offset);
}

IndexEntry LoadIndexEntry(ByteSpan bytes) {
  return {.sequence = LoadLittle<std::uint64_t>(bytes, kIndexEntrySequenceOffset),
          .lsn = LoadLittle<std::uint64_t>(bytes, kIndexEntryLsnOffset),
          .time_us = LoadLittle<std::uint64_t>(bytes, kIndexEntryTimeOffset),
          .offset = LoadLittle<std::uint64_t>(bytes, kIndexEntryFrameOffset)};
}

void StoreFooterFields(const SegmentFooter& footer, MutableByteSpan out) {
  StoreLittle(out, kFooterMagicOffset, kFooterMagic);
  StoreLittle(out, kFooterVersionOffset, kFormatVersion);
  StoreLittle(out, kFooterSegmentIdOffset, footer.segment_id);
  StoreLittle(out, kFooterStreamIdOffset, footer.stream_id);
  StoreLittle(out, kFooterDataEndOffset, footer.data_end);
  StoreLittle(out, kFooterRecordCountOffset, footer.record_count);
  StoreLittle(out, kFooterFirstSequenceOffset, footer.first_sequence);
  StoreLittle(out, kFooterLastSequenceOffset, footer.last_sequence);
  StoreLittle(out, kFooterFirstLsnOffset, footer.first_lsn);
  StoreLittle(out, kFooterLastLsnOffset, footer.last_lsn);
  StoreLittle(out, kFooterFirstTimeOffset, footer.first_time_us);
  StoreLittle(out, kFooterLastTimeOffset, footer.last_time_us);
  StoreBytes(out, kFooterContentSha256Offset, footer.content_sha256);
  StoreBytes(out, kFooterPreviousChainOffset, footer.previous_chain_sha256);
  StoreBytes(out, kFooterChainSha256Offset, footer.chain_sha256);
  StoreLittle(out, kFooterEntryCountOffset, static_cast<std::uint32_t>(footer.index.size()));
}

SegmentFooter LoadFooterFields(ByteSpan bytes) {
  SegmentFooter footer;
  footer.segment_id = LoadLittle<std::uint64_t>(bytes, kFooterSegmentIdOffset);
  footer.stream_id = LoadLittle<std::uint64_t>(bytes, kFooterStreamIdOffset);
  footer.data_end = LoadLittle<std::uint64_t>(bytes, kFooterDataEndOffset);
  footer.record_count = LoadLittle<std::uint64_t>(bytes, kFooterRecordCountOffset);
  footer.first_sequence = LoadLittle<std::uint64_t>(bytes, kFooterFirstSequenceOffset);
  footer.last_sequence = LoadLittle<std::uint64_t>(bytes, kFooterLastSequenceOffset);
  footer.first_lsn = LoadLittle<std::uint64_t>(bytes, kFooterFirstLsnOffset);
  footer.last_lsn = LoadLittle<std::uint64_t>(bytes, kFooterLastLsnOffset);
  footer.first_time_us = LoadLittle<std::uint64_t>(bytes, kFooterFirstTimeOffset);
  footer.last_time_us = LoadLittle<std::uint64_t>(bytes, kFooterLastTimeOffset);
  footer.content_sha256 = LoadArray<32>(bytes, kFooterContentSha256Offset);
  footer.previous_chain_sha256 = LoadArray<32>(bytes, kFooterPreviousChainOffset);
  footer.chain_sha256 = LoadArray<32>(bytes, kFooterChainSha256Offset);
  return footer;
}

}  // namespace

void EncodeSegmentHeader(const SegmentHeader& header, MutableByteSpan page) {
  SEGLOG_ASSERT(page.size() >= kPageBytes);
  const bool shared = header.stream_id == kSharedStreamId;
  SEGLOG_ASSERT(header.key.empty() == shared && header.key.size() <= kKeyBytesMax);
  SEGLOG_ASSERT(header.segment_id != 0 && header.stream_id != 0 && header.first_sequence != 0);
  page = page.first(kPageBytes);
  std::fill(page.begin(), page.end(), std::byte{0});
  StoreLittle(page, kSegmentHeaderMagicOffset, kSegmentMagic);
  StoreLittle(page, kSegmentHeaderVersionOffset, kFormatVersion);
  StoreBytes(page, kSegmentHeaderLogUuidOffset, header.log_uuid);
  StoreLittle(page, kSegmentHeaderSegmentIdOffset, header.segment_id);
  StoreLittle(page, kSegmentHeaderStreamIdOffset, header.stream_id);
  StoreLittle(page, kSegmentHeaderFirstSequenceOffset, header.first_sequence);
  StoreLittle(page, kSegmentHeaderCreatedOffset, header.created_us);
  StoreLittle(page, kSegmentHeaderPreviousSegmentOffset, header.previous_segment_id);
  StoreLittle(page, kSegmentHeaderKeyBytesOffset, static_cast<std::uint32_t>(header.key.size()));
  StoreLittle(page, kSegmentHeaderFlagsOffset,
              shared ? std::uint32_t{kSegmentIsShared} : std::uint32_t{0});
  StoreBytes(page, kSegmentHeaderKeyOffset, AsBytes(header.key));
  StoreLittle(page, kSegmentHeaderChecksumOffset, PageChecksum(page));
}

Result<SegmentHeader> DecodeSegmentHeader(ByteSpan page) {
  if (page.size() < kPageBytes) return Corrupt("segment header: cut short");
  SEGLOG_RETURN_IF_ERROR(CheckFileStart(page, kSegmentMagic, "segment header"));
  if (LoadLittle<std::uint32_t>(page, kSegmentHeaderChecksumOffset) != PageChecksum(page)) {
    return Corrupt("segment header: wrong checksum");
  }
  const auto key_bytes = LoadLittle<std::uint32_t>(page, kSegmentHeaderKeyBytesOffset);
  const bool shared =
      LoadLittle<std::uint64_t>(page, kSegmentHeaderStreamIdOffset) == kSharedStreamId;
  if ((key_bytes == 0) != shared || key_bytes > kKeyBytesMax) {
    return Corrupt("segment header: bad key length");
  }
  const std::size_t key_end = kSegmentHeaderKeyOffset + key_bytes;
  const std::uint32_t flags = shared ? std::uint32_t{kSegmentIsShared} : 0;
  if (LoadLittle<std::uint32_t>(page, kSegmentHeaderFlagsOffset) != flags ||
      !IsAllZero(page.subspan(key_end, kPageBytes - key_end))) {
    return Corrupt("segment header: reserved field");
  }
  SegmentHeader header;
  header.log_uuid = LoadArray<16>(page, kSegmentHeaderLogUuidOffset);
  header.segment_id = LoadLittle<std::uint64_t>(page, kSegmentHeaderSegmentIdOffset);
  header.stream_id = LoadLittle<std::uint64_t>(page, kSegmentHeaderStreamIdOffset);
  header.first_sequence = LoadLittle<std::uint64_t>(page, kSegmentHeaderFirstSequenceOffset);
  header.created_us = LoadLittle<std::uint64_t>(page, kSegmentHeaderCreatedOffset);
  header.previous_segment_id = LoadLittle<std::uint64_t>(page, kSegmentHeaderPreviousSegmentOffset);
  if (header.segment_id == 0 || header.stream_id == 0 || header.first_sequence == 0) {
    return Corrupt("segment header: an id or the first sequence is 0");
  }
  header.key = AsText(page.subspan(kSegmentHeaderKeyOffset, key_bytes));
  return header;
}

std::uint64_t FooterOffset(std::uint64_t data_end) {
  return AlignUp<std::uint64_t>(data_end, kPageBytes);
}

bool IsFooterRange(std::uint64_t footer_offset, std::uint64_t footer_bytes) {
  return footer_offset >= kSegmentDataOffset && footer_offset <= kSegmentBytesLimit &&
         footer_offset % kPageBytes == 0 && footer_bytes > 0 && footer_bytes <= kFooterBytesLimit &&
         footer_bytes % kPageBytes == 0;
}

std::uint64_t FooterBytes(std::size_t entry_count) {
  const std::uint64_t entries_bytes = std::uint64_t{entry_count} * kIndexEntryBytes;
  return AlignUp<std::uint64_t>(kFooterFixedBytes + entries_bytes + kFooterTrailerBytes,
                                kPageBytes);
}

hash::Sha256Digest ChainSha256(const hash::Sha256Digest& previous_chain,
                               const hash::Sha256Digest& content) {
  hash::Sha256 sha256;
  sha256.Update(previous_chain);
  sha256.Update(content);
  return sha256.Finish();
}

void EncodeFooter(const SegmentFooter& footer, AlignedBuffer* out) {
  const std::uint64_t footer_offset = FooterOffset(footer.data_end);
  SEGLOG_ASSERT(footer.segment_id != 0);
  SEGLOG_ASSERT(CheckFooterBounds(footer, footer_offset).ok());
  SEGLOG_ASSERT(CheckIndex(footer).ok());
  const std::size_t start = out->size();
  out->AppendZeros(FooterBytes(footer.index.size()));
  const MutableByteSpan bytes = out->mutable_bytes().subspan(start);
  StoreFooterFields(footer, bytes);
  for (std::size_t i = 0; i < footer.index.size(); ++i) {
    StoreIndexEntry(footer.index[i],
                    bytes.subspan(kFooterFixedBytes + i * kIndexEntryBytes, kIndexEntryBytes));
  }
  StoreLittle(bytes, kFooterChecksumOffset,
              FooterChecksum(bytes, footer.index.size(), footer.segment_id, footer_offset));
  const MutableByteSpan trailer = bytes.last(kFooterTrailerBytes);
  StoreLittle(trailer, kTrailerFooterPositionOffset, footer_offset);
  StoreLittle(trailer, kTrailerMagicOffset, kFooterMagic);
}

Result<SegmentFooter> DecodeFooter(ByteSpan bytes, std::uint64_t segment_id,
                                   std::uint64_t footer_offset) {
  if (bytes.size() < kPageBytes) return Corrupt("footer: cut short");
  SEGLOG_RETURN_IF_ERROR(CheckFileStart(bytes, kFooterMagic, "footer"));
  const auto entry_count = LoadLittle<std::uint32_t>(bytes, kFooterEntryCountOffset);
  if (bytes.size() > kFooterBytesLimit || bytes.size() != FooterBytes(entry_count))
    return Corrupt("footer: length and entries disagree");
  if (LoadLittle<std::uint32_t>(bytes, kFooterChecksumOffset) !=
      FooterChecksum(bytes, entry_count, segment_id, footer_offset)) {
    return Corrupt("footer: wrong checksum");
  }
  const Result<std::uint64_t> position = DecodeFooterTrailer(bytes);
  if (!position.ok()) return position.status();
  if (position.value() != footer_offset) return Corrupt("footer: the trailer points elsewhere");
  if (LoadLittle<std::uint32_t>(bytes, kFooterReservedOffset) != 0) {
    return Corrupt("footer: reserved field");
  }
  SegmentFooter footer = LoadFooterFields(bytes);
  if (footer.segment_id != segment_id) return Corrupt("footer: of another segment");
  SEGLOG_RETURN_IF_ERROR(CheckFooterBounds(footer, footer_offset));
  footer.index.reserve(entry_count);
  for (std::size_t i = 0; i < entry_count; ++i) {
    footer.index.push_back(
        LoadIndexEntry(bytes.subspan(kFooterFixedBytes + i * kIndexEntryBytes, kIndexEntryBytes)));
  }
  SEGLOG_RETURN_IF_ERROR(CheckIndex(footer));
  return footer;
}

Result<std::uint64_t> DecodeFooterTrailer(ByteSpan last_bytes) {
  if (last_bytes.size() < kFooterTrailerBytes) return Corrupt("footer trailer: cut short");
  const ByteSpan trailer = last_bytes.last(kFooterTrailerBytes);
  if (LoadLittle<std::uint64_t>(trailer, kTrailerMagicOffset) != kFooterMagic) {
    return Corrupt("footer trailer: wrong magic");
  }
  const auto position = LoadLittle<std::uint64_t>(trailer, kTrailerFooterPositionOffset);
  if (!IsFooterRange(position, kPageBytes)) {
    return Corrupt("footer trailer: the footer cannot be there");
  }
  return position;
}

}  // namespace seglog::format
