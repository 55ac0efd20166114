// SPDX-License-Identifier: MIT
// The catalogue snapshot: every stream and segment as of one durable commit, and where the live journal
// begins. The same bytes are stored under two names. docs/format.md has the byte tables.
//
// Header, 192 bytes:
//   Offset | Size | Field            | Meaning
//   0      | 8    | magic            | "SEGLOGCT"
//   8      | 4    | version          |
//   12     | 4    | checksum         | CRC-32C of bytes 16 to the file's end, seed 0
//   16     | 16   | log uuid         |
//   32     | 8    | snapshot number  | rises by one with each snapshot
//   40     | 8    | mark             | the snapshot reflects exactly the commits up to here, all durable
//   48     | 8    | start generation | where the live journal begins
//   56     | 8    | start commit     | number of the first block in that file
//   64     | 8    | next LSN         | no LSN at or above it was handed out by commits up to the mark
//   72     | 8    | highest generation | that was ever given to a file
//   80     | 8    | log time         | microseconds
//   88     | 8    | file bytes       | length of the whole snapshot
//   96     | 4    | flags            | CatalogFlags
//   100    | 4    | stream count     |
//   104    | 8    | segment count    |
//   112    | 80   | reserved         | 0
// Then per stream: id u64, created u64, next sequence u64, segment count u32, key bytes u32, key
// (zero-padded to 8), and its segments in order, each kCatalogSegmentBytes:
//   id u64, first sequence u64, next sequence u64, end u64, destaged u64, created u64, first LSN u64,
//   last LSN u64, first time u64, last time u64, footer offset u64 (0: not sealed), footer bytes u64,
//   state u32, reserved u32, chain SHA-256 32.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/bytes.h"
#include "base/status.h"
#include "format/checksum.h"
#include "hash/sha256.h"

namespace seglog::format {

inline constexpr std::uint64_t kCatalogMagic = 0x5443474F4C474553;  // "SEGLOGCT"
inline constexpr std::size_t kCatalogHeaderBytes = 192;
inline constexpr std::size_t kCatalogStreamFixedBytes = 32;
inline constexpr std::size_t kCatalogSegmentBytes = 136;

enum CatalogFlags : std::uint32_t {
  kCatalogIsClean = 1,  // written by close(): nothing was appended after it
};

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
  std::uint64_t destaged = 0;       // below this the file itself is durable; whole pages unless ended
  std::uint64_t created_us = 0;
  std::uint64_t first_lsn = 0;  // 0 while empty, as the three below
  std::uint64_t last_lsn = 0;
  std::uint64_t first_time_us = 0;
  std::uint64_t last_time_us = 0;
  std::uint64_t footer_offset = 0;
  std::uint64_t footer_bytes = 0;
  SegmentState state = SegmentState::kOpen;
  hash::Sha256Digest chain_sha256{};
};

struct CatalogStream {
  std::uint64_t id = 0;
  std::uint64_t created_us = 0;
  std::uint64_t next_sequence = 1;
  std::string key;
  std::vector<CatalogSegment> segments;  // by first sequence; the last one is open
};

struct Catalog {
  LogUuid log_uuid{};
  std::uint64_t snapshot_number = 0;
  std::uint64_t mark = 0;
  std::uint64_t start_generation = 0;
  std::uint64_t start_commit = 0;
  std::uint64_t next_lsn = 1;
  std::uint64_t highest_generation = 0;
  std::uint64_t log_time_us = 0;
  bool clean = false;
  std::vector<CatalogStream> streams;
};

void EncodeCatalog(const Catalog& catalog, AlignedBuffer* out);
// kFormatUnsupported for another version, kCorrupt for anything else that is wrong.
Result<Catalog> DecodeCatalog(ByteSpan bytes);

}  // namespace seglog::format
