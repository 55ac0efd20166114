// SPDX-License-Identifier: MIT
// What the format's tests and fuzzers share: damage, and checksums put right after it, so that a
// change reaches the checks behind the checksum. Header only, one thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "format/catalog.h"
#include "format/checksum.h"
#include "format/commit_block.h"
#include "format/frame.h"
#include "format/record.h"
#include "format/segment_file.h"
#include "hash/crc32c.h"

namespace seglog::format {

using Bytes = std::vector<std::byte>;

inline Bytes CopyOf(ByteSpan bytes) { return Bytes(bytes.begin(), bytes.end()); }

// Bytes that differ from place to place and are never all zero.
inline Bytes Pattern(std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
  return bytes;
}

inline bool SameBytes(ByteSpan a, ByteSpan b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// Calls check(damaged, bit) for each copy of `bytes` that has one bit flipped.
template <typename Check>
void ForEachBitFlip(ByteSpan bytes, Check check) {
  Bytes damaged = CopyOf(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<std::byte>(1u << (bit % 8));
    damaged[bit / 8] ^= mask;
    check(damaged, bit);
    damaged[bit / 8] ^= mask;
  }
}

inline void FixChecksum(MutableByteSpan bytes, std::size_t checksum_offset, std::uint32_t seed,
                        std::size_t from, std::size_t end) {
  StoreLittle(bytes, checksum_offset, hash::Crc32c(seed, bytes.subspan(from, end - from)));
}

// Each of these does nothing when the bytes are too short to hold what they say.
inline void FixRecordChecksum(MutableByteSpan bytes, std::uint64_t segment_id,
                              std::uint64_t segment_offset) {
  if (bytes.size() < kRecordHeaderBytes) return;
  const std::size_t payload_bytes =
      LoadLittle<std::uint32_t>(bytes, kRecordLengthOffset) & kRecordPayloadBytesMask;
  if (payload_bytes > bytes.size() - kRecordHeaderBytes) return;
  FixChecksum(bytes, kRecordChecksumOffset, SegmentSeed(segment_id, segment_offset),
              kRecordLengthOffset, kRecordHeaderBytes + payload_bytes);
}

inline void FixFrameChecksum(MutableByteSpan bytes, std::uint64_t segment_id,
                             std::uint64_t segment_offset) {
  const Result<FrameHeader> header = DecodeFrameHeader(bytes);
  if (!header.ok() || header->total_bytes() > bytes.size()) return;
  const std::uint32_t seed = SegmentSeed(segment_id, segment_offset);
  const std::uint32_t fields = hash::Crc32c(
      seed, bytes.subspan(kFrameStreamIdOffset, kFrameHeaderBytes - kFrameStreamIdOffset));
  const ByteSpan table =
      bytes.subspan(kFrameHeaderBytes + header->records_bytes(), header->table_bytes());
  StoreLittle(bytes, kFrameChecksumOffset, hash::Crc32c(fields, table));
}

inline void FixBlockChecksums(MutableByteSpan bytes, const JournalIdentity& identity,
                              std::uint64_t offset) {
  if (bytes.size() < kCommitHeaderBytes) return;
  const std::size_t body_bytes = LoadLittle<std::uint32_t>(bytes, kCommitBodyBytesOffset);
  const std::uint32_t seed = JournalSeed(identity, offset);
  if (body_bytes <= bytes.size() - kCommitHeaderBytes) {
    FixChecksum(bytes, kCommitBodyChecksumOffset, seed, kCommitHeaderBytes,
                kCommitHeaderBytes + body_bytes);
  }
  FixChecksum(bytes, kCommitHeaderChecksumOffset, seed, kCommitBodyChecksumOffset,
              kCommitHeaderBytes);
}

// Of a journal's or a segment's header page.
inline void FixPageChecksum(MutableByteSpan page) {
  static_assert(kJournalHeaderChecksumOffset == kSegmentHeaderChecksumOffset);
  static_assert(kJournalHeaderLogUuidOffset == kSegmentHeaderLogUuidOffset);
  if (page.size() < kPageBytes) return;
  FixChecksum(page, kJournalHeaderChecksumOffset, 0, kJournalHeaderLogUuidOffset, kPageBytes);
}

inline void FixFooterChecksum(MutableByteSpan bytes, std::uint64_t segment_id,
                              std::uint64_t footer_offset) {
  if (bytes.size() < kFooterFixedBytes) return;
  const std::uint64_t count = LoadLittle<std::uint32_t>(bytes, kFooterEntryCountOffset);
  if (count > (bytes.size() - kFooterFixedBytes) / kIndexEntryBytes) return;
  FixChecksum(bytes, kFooterChecksumOffset, SegmentSeed(segment_id, footer_offset),
              kFooterSegmentIdOffset, kFooterFixedBytes + count * kIndexEntryBytes);
}

inline void FixCatalogChecksum(MutableByteSpan bytes) {
  if (bytes.size() < kCatalogHeaderBytes) return;
  FixChecksum(bytes, kCatalogHeaderChecksumOffset, 0, kCatalogHeaderLogUuidOffset, bytes.size());
}

inline bool SameItem(const FrameItem& a, const FrameItem& b) {
  return a.segment_id == b.segment_id && a.segment_offset == b.segment_offset &&
         a.Header(0) == b.Header(0) && SameBytes(a.body, b.body);
}
inline bool SameItem(const BytesItem& a, const BytesItem& b) {
  return a.stream_id == b.stream_id && a.segment_id == b.segment_id &&
         a.segment_offset == b.segment_offset && SameBytes(a.bytes, b.bytes);
}
inline bool SameItem(const BodyItem& a, const BodyItem& b) { return a == b; }
inline bool SameItem(const CreateStreamItem& a, const CreateStreamItem& b) {
  return a.stream_id == b.stream_id && a.time_us == b.time_us && SameBytes(a.key, b.key);
}
inline bool SameItem(const RotateItem& a, const RotateItem& b) { return a == b; }
inline bool SameItem(const SealedItem& a, const SealedItem& b) { return a == b; }
inline bool SameItem(const TruncateBeforeItem& a, const TruncateBeforeItem& b) { return a == b; }

inline bool SameItems(const std::vector<Item>& a, const std::vector<Item>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Item& x, const Item& y) {
    if (x.index() != y.index()) return false;
    const auto same = [&y](const auto& item) {
      return SameItem(item, *std::get_if<std::decay_t<decltype(item)>>(&y));
    };
    return std::visit(same, x);
  });
}

inline void AddItem(const FrameItem& item, CommitBlockBuilder* builder) {
  builder->BeginFrame();
  builder->buffer()->Append(item.body);
  builder->EndFrame(item);
}
template <typename T>
void AddItem(const T& item, CommitBlockBuilder* builder) {
  builder->Add(item);
}

// A block of these items; borrows from the builder.
inline ByteSpan BlockOf(const std::vector<Item>& items, const CommitHeader& header,
                        const JournalIdentity& identity, std::uint64_t offset,
                        CommitBlockBuilder* builder) {
  builder->Begin(header.first_lsn);
  for (const Item& item : items) {
    std::visit([builder](const auto& one) { AddItem(one, builder); }, item);
  }
  return builder->Finish(header, identity, offset);
}

}  // namespace seglog::format
