// SPDX-License-Identifier: MIT
// The catalogue snapshot: every stream and segment as of one durable commit, and where the live
// journal begins. The same bytes are stored under two names. Pure functions, any thread.
// docs/format.md, "Catalogue", has the byte tables.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "base/status.h"
#include "format/checksum.h"
#include "format/frame.h"
#include "format/segment_file.h"
#include "hash/sha256.h"

namespace seglog::format {

inline constexpr std::uint64_t kCatalogMagic = 0x5443474F4C474553;  // "SEGLOGCT"

// The checksum is the CRC-32C of the bytes from the log uuid to the file's end, seed 0.
inline constexpr std::size_t kCatalogHeaderMagicOffset = 0;
inline constexpr std::size_t kCatalogHeaderVersionOffset = 8;
inline constexpr std::size_t kCatalogHeaderChecksumOffset = 12;
inline constexpr std::size_t kCatalogHeaderLogUuidOffset = 16;
inline constexpr std::size_t kCatalogHeaderSnapshotNumberOffset = 32;
inline constexpr std::size_t kCatalogHeaderMarkOffset = 40;
inline constexpr std::size_t kCatalogHeaderStartGenerationOffset = 48;
inline constexpr std::size_t kCatalogHeaderStartCommitOffset = 56;
inline constexpr std::size_t kCatalogHeaderNextLsnOffset = 64;
inline constexpr std::size_t kCatalogHeaderHighestGenerationOffset = 72;
inline constexpr std::size_t kCatalogHeaderLogTimeOffset = 80;
inline constexpr std::size_t kCatalogHeaderFileBytesOffset = 88;
inline constexpr std::size_t kCatalogHeaderFlagsOffset = 96;
inline constexpr std::size_t kCatalogHeaderStreamCountOffset = 100;
inline constexpr std::size_t kCatalogHeaderSegmentCountOffset = 104;
inline constexpr std::size_t kCatalogHeaderDroppedCountOffset = 112;
inline constexpr std::size_t kCatalogHeaderReservedOffset = 120;
inline constexpr std::size_t kCatalogHeaderBytes = 192;

// Then rows of varints (CatalogRow in catalog.cc has their order), the first of them that of the
// segments that streams share, the others a stream's each.

inline constexpr std::size_t kCatalogSegmentIdOffset = 0;
inline constexpr std::size_t kCatalogSegmentFirstSequenceOffset = 8;
inline constexpr std::size_t kCatalogSegmentNextSequenceOffset = 16;
inline constexpr std::size_t kCatalogSegmentEndOffset = 24;
inline constexpr std::size_t kCatalogSegmentDestagedOffset = 32;
inline constexpr std::size_t kCatalogSegmentCreatedOffset = 40;
inline constexpr std::size_t kCatalogSegmentFirstLsnOffset = 48;
inline constexpr std::size_t kCatalogSegmentLastLsnOffset = 56;
inline constexpr std::size_t kCatalogSegmentFirstTimeOffset = 64;
inline constexpr std::size_t kCatalogSegmentLastTimeOffset = 72;
inline constexpr std::size_t kCatalogSegmentFooterPositionOffset = 80;
inline constexpr std::size_t kCatalogSegmentFooterBytesOffset = 88;
inline constexpr std::size_t kCatalogSegmentStateOffset = 96;
inline constexpr std::size_t kCatalogSegmentReservedOffset = 100;
inline constexpr std::size_t kCatalogSegmentChainSha256Offset = 104;
inline constexpr std::size_t kCatalogSegmentBytes = 136;
static_assert(kCatalogSegmentChainSha256Offset + 32 == kCatalogSegmentBytes);

enum CatalogFlags : std::uint32_t {
  kCatalogIsClean = 1,  // written by close(): nothing was appended after it
};
inline constexpr std::uint32_t kCatalogFlagsKnown = 1;

enum class SegmentState : std::uint32_t {
  kOpen = 1,    // the stream's last segment: frames are added
  kEnded = 2,   // no more frames; footer not durable yet
  kSealed = 3,  // footer durable; the file never changes again
};

struct CatalogSegment {
  std::uint64_t id = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t next_sequence = 0;  // behind the last record
  std::uint64_t end = 0;            // file offset where the last frame ends
  std::uint64_t destaged = 0;       // below this the file is durable; whole pages while open
  std::uint64_t created_us = 0;
  std::uint64_t first_lsn = 0;  // 0 while empty, as the three below
  std::uint64_t last_lsn = 0;
  std::uint64_t first_time_us = 0;
  std::uint64_t last_time_us = 0;
  std::uint64_t footer_offset = 0;  // 0 unless sealed, as the length
  std::uint64_t footer_bytes = 0;
  SegmentState state = SegmentState::kOpen;
  hash::Sha256Digest chain_sha256{};

  bool operator==(const CatalogSegment&) const = default;
};

// What a stream has in segments that streams share.
struct CatalogShared {
  std::uint64_t bytes = 0;  // of its frames, headers included; 0: it has none, as all below
  std::uint64_t first_segment_id = 0;  // with its first frame
  SharedPosition last = {};            // of its last frame, which knows the one before it
  std::uint64_t last_lsn = 0;
  std::uint64_t last_time_us = 0;

  bool operator==(const CatalogShared&) const = default;
};

struct CatalogStream {
  std::uint64_t id = 0;
  std::uint64_t created_us = 0;
  std::uint64_t next_sequence = 1;
  std::uint64_t first_sequence = 1;  // records below were truncated
  // Of the last segment that was dropped, zeros if none: where the next one's chain goes on.
  hash::Sha256Digest dropped_chain_sha256{};
  std::string key = {};
  CatalogShared shared = {};                  // records before those in segments of its own
  std::vector<CatalogSegment> segments = {};  // by first sequence; the last one is open

  bool operator==(const CatalogStream&) const = default;
};

// A segment that no stream has any more, but whose file may still be there.
struct CatalogDropped {
  std::uint64_t segment_id = 0;
  std::uint64_t commit = 0;  // that dropped it; the file goes when both snapshots are behind it
  std::uint64_t file_bytes = 0;
  std::string path = {};

  bool operator==(const CatalogDropped&) const = default;
};
inline constexpr std::size_t kCatalogDroppedSegmentIdOffset = 0;
inline constexpr std::size_t kCatalogDroppedCommitOffset = 8;
inline constexpr std::size_t kCatalogDroppedFileBytesOffset = 16;
inline constexpr std::size_t kCatalogDroppedPathBytesOffset = 24;
inline constexpr std::size_t kCatalogDroppedReservedOffset = 28;
inline constexpr std::size_t kCatalogDroppedFixedBytes = 32;  // then the path, zeros to 8 bytes
inline constexpr std::size_t kCatalogDroppedPathBytesMax = 512;
static_assert(kCatalogDroppedReservedOffset + 4 == kCatalogDroppedFixedBytes);

struct Catalog {
  LogUuid log_uuid{};
  std::uint64_t snapshot_number = 0;  // rises by one with each snapshot
  std::uint64_t mark = 0;  // the snapshot reflects exactly the commits up to here, all durable
  std::uint64_t start_generation = 0;  // where the live journal begins
  std::uint64_t start_commit = 0;      // number of the first block in that file
  std::uint64_t next_lsn = 1;  // no LSN at or above it was handed out by commits up to the mark
  std::uint64_t highest_generation = 0;  // that was ever given to a file
  std::uint64_t log_time_us = 0;
  bool clean = false;
  // The segments that streams share. Their sequences count the records in all of them.
  CatalogStream shared = {.id = kSharedStreamId};
  std::vector<CatalogStream> streams = {};  // no id and no key twice
  std::vector<CatalogDropped> dropped = {};

  bool operator==(const Catalog&) const = default;
};

// What the first kCatalogHeaderBytes say of a file, so that it can be checked without holding it.
struct CatalogStart {
  LogUuid log_uuid{};
  std::uint64_t snapshot_number = 0;
  std::uint32_t checksum = 0;  // CRC-32C, seed 0, of the file from kCatalogHeaderLogUuidOffset on
};
// As DecodeCatalog, but for the checksum and all that it guards.
Result<CatalogStart> DecodeCatalogStart(ByteSpan header, std::uint64_t file_bytes);

// Replaces what `out` holds.
void EncodeCatalog(const Catalog& catalog, AlignedBuffer* out);
// `bytes` is the whole file. kFormatUnsupported for another version, kCorrupt for anything else
// that is wrong.
Result<Catalog> DecodeCatalog(ByteSpan bytes);

}  // namespace seglog::format
