// SPDX-License-Identifier: MIT
#include "log/pending_repeat.h"

#include <algorithm>
#include <vector>

namespace seglog::log {
namespace {

// What an item takes beside its bytes at most: header, fixed fields, and padding to the next item.
constexpr std::uint64_t kItemOverhead =
    format::kItemHeaderBytes + format::kBytesItemFixedBytes + format::kItemAlignment;

// Pieces begin where frames can.
std::uint64_t PieceBytes(const State* state) {
  return AlignDown<std::uint64_t>(state->options.commit_bytes_max / 2, kPageBytes / 2);
}

// One run of a segment's pending bytes.
struct Piece {
  std::uint64_t stream_id = 0;
  Segment* segment = nullptr;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

std::vector<Piece> PiecesOf(State* state) {
  std::vector<Piece> pieces;
  for (const StreamHandle handle : state->table.with_segments()) {
    Stream& stream = state->table.at(handle);
    for (const auto& segment : stream.segments) {
      const PendingBytes& pending = segment->pending;
      for (std::uint64_t from = pending.begin(); from < pending.end();) {
        const std::uint64_t to = std::min(pending.end(), from + PieceBytes(state));
        pieces.push_back({stream.id, segment.get(), from, to});
        from = to;
      }
    }
  }
  return pieces;
}

}  // namespace

std::uint64_t JournalBytesForPending(State* state) {
  std::uint64_t bytes = 0;
  for (const StreamHandle handle : state->table.with_segments()) {
    for (const auto& segment : state->table.at(handle).segments) {
      const std::uint64_t pending = segment->pending.size();
      if (pending > 0) bytes += pending + kItemOverhead * (1 + pending / PieceBytes(state));
    }
  }
  // Each block but the last is more than half full.
  const std::uint64_t blocks = 2 * bytes / state->options.commit_bytes_max + 1;
  const std::uint64_t needed = bytes == 0 ? 0 : bytes + blocks * 2 * kPageBytes;
  return AlignUp<std::uint64_t>(format::kJournalBlocksOffset + kPageBytes + needed, kPageBytes);
}

Status RepeatPending(const RepeatOptions& options, JournalFile* journal, State* state) {
  std::vector<Piece> pieces;
  {
    const std::lock_guard lock(state->mutex);
    pieces = PiecesOf(state);
  }
  format::CommitBlockBuilder builder;
  for (std::size_t next = 0; next < pieces.size();) {
    std::uint64_t offset = 0;
    {
      const std::lock_guard lock(state->mutex);
      builder.Begin(state->next_lsn);
      while (next < pieces.size()) {
        const Piece& piece = pieces[next];
        const bool fits =
            builder.block_bytes() + (piece.to - piece.from) <= state->options.commit_bytes_max;
        if (builder.item_count() > 0 && !fits) break;
        builder.Add(format::BytesItem{.stream_id = piece.stream_id,
                                      .segment_id = piece.segment->row.id,
                                      .segment_offset = piece.from,
                                      .bytes = piece.segment->pending.Range(piece.from, piece.to)});
        piece.segment->oldest_generation = journal->generation();
        ++next;
      }
      const bool first = journal->first_commit() == 0;
      const std::uint64_t commit = ++state->issued_commit;
      const format::CommitHeader header{
          .commit = commit,
          .mark = options.mark,
          .lsn_limit = state->next_lsn,
          .time_us = state->last_time_us,
          .previous_generation = first ? options.previous_generation : 0,
          .previous_end = first ? options.previous_end : 0};
      offset = journal->Issue(commit, builder.block_bytes());
      builder.Finish(header, journal->identity(), offset);
    }
    SEGLOG_RETURN_IF_ERROR(journal->Write(offset, builder.buffer(), io::WriteMode::kUnsynced));
  }
  return pieces.empty() ? Status::Ok() : journal->Sync();
}

}  // namespace seglog::log
