// SPDX-License-Identifier: MIT
#include "log/commit_builder.h"

#include <algorithm>
#include <array>

namespace seglog::log {
namespace {

// Upper bounds of what items take in a block, headers and padding included.
constexpr std::uint64_t kFrameOverhead = 40 + 8 /* table padding */;
constexpr std::uint64_t kRotateBytes = 8 + 48;
constexpr std::uint64_t kSealedBytes = 8 + 96;
constexpr std::uint64_t kTruncateBytes = 8 + 24;
constexpr std::uint64_t kBytesItemOverhead = 8 + 24 + 8 /* padding */;
constexpr std::uint64_t kRecordOverhead = 2 /* table */ + 10 /* LSN difference */;

// Without a sync of its own a body costs less: so much smaller ones pay.
constexpr std::uint64_t kUnsyncedBodyShare = 4;

constexpr std::uint64_t CreateStreamBytes(std::size_t key_bytes) {
  return 8 + 16 + AlignUp<std::uint64_t>(key_bytes, 8);
}

format::RecordInput RecordOf(const AppendInput& record) {
  return {.kind = record.kind, .user_headers = record.user_headers, .data = record.data};
}

bool LsnsAreConsecutive(std::uint64_t first, std::uint64_t last, std::size_t count) {
  return last - first + 1 == count;
}

}  // namespace

void CommitBuilder::Begin(std::uint64_t time_us, std::uint64_t bytes_max) {
  SEGLOG_ASSERT(parts_.empty());
  block_.Begin(state_->next_lsn);
  time_us_ = time_us;
  bytes_max_ = bytes_max;
  bytes_bound_ = format::kCommitHeaderBytes;
  record_count_ = 0;
  carried_bytes_ = 0;
  wants_sync_ = false;
  bodies_.clear();
  state_->written_bodies.SetBusy(true);
}

void CommitBuilder::Shrink() {
  block_.Shrink(kIdleBlockBytesMax);
  state_->written_bodies.SetBusy(false);
}

std::uint64_t CommitBuilder::body_bytes() const {
  std::uint64_t bytes = 0;
  for (const Body& body : bodies_) bytes += body.bytes->size();
  return bytes;
}

std::uint64_t CommitBuilder::BytesBound(std::span<const AppendInput> records) const {
  std::uint64_t bytes = 0;
  std::uint64_t changes = 0;
  const AppendInput* previous = nullptr;
  for (const AppendInput& record : records) {
    bytes += format::RecordStoredBytes(RecordOf(record), false) + kRecordOverhead;
    if (previous != nullptr && previous->stream == record.stream) continue;
    ++changes;
    previous = &record;
    const Stream& stream = state_->table.at(record.stream);
    if (!stream.born()) bytes += CreateStreamBytes(stream.key.size());
  }
  // Two frames that follow each other in a stream are together larger than frame_bytes_max.
  const std::uint64_t frames = changes + 2 * bytes / FrameBytesMax() + 1;
  return bytes + frames * (kFrameOverhead + kRotateBytes);
}

bool CommitBuilder::AddFiller(const SegmentRef& order) {
  Stream& stream = state_->table.at(order.stream);
  if (order.segment.get() != stream.open_segment())
    return true;  // It ended meanwhile: it needs none.
  const std::uint64_t end = order.segment->row.end;
  std::uint64_t bytes = AlignUp<std::uint64_t>(end, kPageBytes) - end;
  if (bytes == 0) return true;
  if (bytes < format::kFrameHeaderBytes) bytes += kPageBytes;
  if (!Fits(bytes + kFrameOverhead)) return false;
  bytes_bound_ += bytes + kFrameOverhead;
  const format::FrameHeader header = format::FillerHeader(
      stream.id, stream.next_sequence, state_->next_lsn, time_us_, static_cast<std::size_t>(bytes));
  block_.BeginFrame();
  const std::size_t body_start = block_.buffer()->size();
  block_.buffer()->AppendZeros(header.body_bytes);
  AppendPending(&stream, {.stream_id = stream.id,
                          .segment_id = order.segment->row.id,
                          .segment_offset = end,
                          .first_lsn = header.first_lsn,
                          .first_sequence = header.first_sequence,
                          .record_count = 0,
                          .flags = header.flags,
                          .body = block_.buffer()->bytes().subspan(body_start)});
  Touch(order.stream);
  return true;
}

bool CommitBuilder::AddCarried(const CarryOrder& order) {
  Segment& segment = *order.segment;
  const std::uint64_t begin = segment.pending.begin();
  if (begin >= order.end) {
    // Destaged since it was ordered; what is left was committed after the checkpoint began.
    if (segment.pending.size() > 0) {
      segment.oldest_generation = std::max(segment.oldest_generation, order.generation);
    }
    return true;
  }
  const std::uint64_t bytes = order.end - begin;
  if (!Fits(bytes + kBytesItemOverhead)) return false;
  bytes_bound_ += bytes + kBytesItemOverhead;
  block_.Add(format::BytesItem{.stream_id = state_->table.at(order.stream).id,
                               .segment_id = segment.row.id,
                               .segment_offset = begin,
                               .bytes = segment.pending.Range(begin, order.end)});
  // What lies behind order.end was committed after the checkpoint began.
  const bool more = segment.pending.end() > order.end;
  segment.oldest_generation = more ? order.generation : state_->journal->generation();
  ++segment.times_carried;
  carried_bytes_ += bytes;
  return true;
}

bool CommitBuilder::AddSealed(const format::SealedItem& item) {
  if (!Fits(kSealedBytes)) return false;
  bytes_bound_ += kSealedBytes;
  block_.Add(item);
  const Status applied = state_->table.Apply(item, state_->issued_commit + 1);
  SEGLOG_ASSERT(applied.ok());
  const StreamHandle handle = state_->table.HandleOfId(item.stream_id);
  Touch(handle);
  state_->QueueForDestage(handle);  // The next segment's chain goes on from this one's.
  return true;
}

bool CommitBuilder::AddTruncation(StreamHandle handle, std::uint64_t first_sequence) {
  const Stream& stream = state_->table.at(handle);
  const std::uint64_t first = std::min(first_sequence, stream.next_sequence);
  if (!stream.born() || first <= stream.first_sequence) return true;
  if (!Fits(kTruncateBytes)) return false;
  bytes_bound_ += kTruncateBytes;
  const format::TruncateBeforeItem item{
      .stream_id = stream.id, .first_sequence = first, .time_us = time_us_};
  block_.Add(item);
  const Status applied = state_->table.Apply(item, state_->issued_commit + 1);
  SEGLOG_ASSERT(applied.ok());
  state_->destager_has_news = true;  // Files may go after the next checkpoint.
  Touch(handle);
  return true;
}

bool CommitBuilder::AddAppend(std::span<const AppendInput> records, Durability durability,
                              std::uint64_t bytes, Completion* answer) {
  SEGLOG_ASSERT(Fits(bytes));
  bytes_bound_ += bytes;
  answer->first_lsn = state_->next_lsn;
  if (records.size() > 1) answer->sequences.reserve(records.size());
  const std::uint64_t end_lsn = state_->next_lsn + records.size();
  // An LSN that is shown before it is durable lies below a durable limit, so that it is never
  // given out again (rule 8 of the protocol).
  if (durability != Durability::kSync) state_->shows_undurable = true;
  const bool early = durability != Durability::kSync && end_lsn <= state_->durable_lsn_limit;
  for (const AppendInput& record : records) {
    Part& part = PartOf(record.stream);
    Stream& stream = state_->table.at(record.stream);
    const std::uint64_t sequence = stream.next_sequence + part.records.size();
    if (answer->sequence == 0) answer->sequence = sequence;
    if (records.size() > 1) answer->sequences.push_back(sequence);
    part.records.push_back({.input = RecordOf(record), .lsn = state_->next_lsn++});
    part.bytes += record.data.size() + record.user_headers.size();
    if (!early) {
      stream.hides_synced = true;
    } else if (!stream.hides_synced) {
      stream.visible_next = sequence + 1;
    }
  }
  record_count_ += records.size();
  return early;
}

std::uint64_t CommitBuilder::NextSequence(StreamHandle handle) const {
  const std::uint64_t next = state_->table.at(handle).next_sequence;
  const std::uint32_t index = handle < part_of_stream_.size() ? part_of_stream_[handle] : 0;
  return index == 0 ? next : next + parts_[index - 1].records.size();
}

CommitBuilder::Part& CommitBuilder::PartOf(StreamHandle handle) {
  if (part_of_stream_.size() <= handle) part_of_stream_.resize(state_->table.size(), 0);
  std::uint32_t& index = part_of_stream_[handle];
  if (index == 0) {
    parts_.emplace_back().stream = handle;
    index = static_cast<std::uint32_t>(parts_.size());
  }
  return parts_[index - 1];
}

void CommitBuilder::BuildFrames(bool synced) {
  const std::uint64_t bytes_min = state_->options.out_of_line_bytes;
  body_bytes_min_ = bytes_min == 0 ? UINT64_MAX
                    : synced       ? bytes_min
                                   : std::max<std::uint64_t>(1, bytes_min / kUnsyncedBodyShare);
  PlaceParts();
  for (const Part& part : parts_) {
    BuildPart(part);
    part_of_stream_[part.stream] = 0;
  }
  parts_.clear();
}

// Decides which of the streams go to the shared segment. All of a block's go to one, so that it may
// grow beyond segment_bytes by a block.
void CommitBuilder::PlaceParts() {
  std::uint64_t bytes = 0;
  for (Part& part : parts_) part.shared = BelongsToShared(part, &bytes);
  if (bytes == 0 || block_.shared_segment_id() != 0) return;
  Stream& shared = state_->table.shared();
  const Segment* open = shared.open_segment();
  if (open == nullptr || RotationIsDue(*open, bytes)) Rotate(&shared);
}

// Tiny streams share segments until they have shared_stream_bytes_max. Adds what its frames take.
bool CommitBuilder::BelongsToShared(const Part& part, std::uint64_t* bytes) {
  const Stream& stream = state_->table.at(part.stream);
  const std::uint64_t bytes_max = state_->options.shared_stream_bytes_max;
  if (!stream.segments.empty() || bytes_max == 0) return false;
  if (stream.next_sequence + part.records.size() > format::kSharedSequenceLimit) return false;
  std::uint64_t part_bytes = format::kFrameHeaderBytes;
  for (const PartRecord& record : part.records) {
    part_bytes += format::RecordStoredBytes(record.input, false) + kRecordOverhead;
    if (stream.shared.bytes + part_bytes > bytes_max) return false;
  }
  *bytes += part_bytes;
  return true;
}

void CommitBuilder::BuildPart(const Part& part) {
  Stream& stream = state_->table.at(part.stream);
  if (!stream.born()) CreateStream(&stream);
  if (!part.shared && stream.segments.empty()) Rotate(&stream);
  std::span<const PartRecord> rest(part.records);
  const bool with_differences = !LsnsAreConsecutive(rest.front().lsn, rest.back().lsn, rest.size());
  while (!rest.empty()) {
    const FrameCut cut = CutFrame(rest, with_differences);
    if (!part.shared && RotationIsDue(*stream.open_segment(), cut.bytes)) Rotate(&stream);
    std::size_t count = part.shared ? 0 : BuildBody(&stream, part, rest, with_differences);
    if (count == 0) {
      count = cut.count;
      BuildFrame(&stream, rest.first(count), part.shared, with_differences);
    }
    rest = rest.subspan(count);
  }
  Touch(part.stream);
  if (part.shared) Touch(kSharedHandle);
}

std::uint64_t CommitBuilder::FrameBytesMax() const {
  const Options& options = state_->options;
  return std::min(options.frame_bytes_max, options.segment_bytes - format::kSegmentDataOffset);
}

CommitBuilder::FrameCut CommitBuilder::CutFrame(std::span<const PartRecord> records,
                                                bool with_lsn_differences) const {
  FrameCut cut;
  std::uint64_t body = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    format::RecordInput input = records[i].input;
    if (i > 0) input.lsn_difference = records[i].lsn - records[i - 1].lsn;
    const std::uint64_t grown = body + format::RecordStoredBytes(input, with_lsn_differences);
    const std::uint64_t table =
        i + 1 > format::kFrameTableThreshold ? AlignUp<std::uint64_t>(2 * (i + 1), 8) : 0;
    if (i > 0 && format::kFrameHeaderBytes + grown + table > FrameBytesMax()) break;
    body = grown;
    cut = {.count = i + 1, .bytes = format::kFrameHeaderBytes + grown + table};
  }
  return cut;
}

void CommitBuilder::BuildFrame(Stream* stream, std::span<const PartRecord> records, bool shared,
                               bool with_lsn_differences) {
  Stream* const owner = shared ? &state_->table.shared() : stream;
  Segment& segment = *owner->open_segment();
  const std::uint64_t offset = segment.row.end;
  block_.BeginFrame();
  const std::size_t body_start = block_.buffer()->size();
  format::FrameHeader header;
  BuildRecords(records, segment.row.id, offset, with_lsn_differences, block_.buffer(), &header);
  const int sharing = shared ? format::kFrameIsShared : 0;
  AppendPending(owner, {.stream_id = stream->id,
                        .segment_id = segment.row.id,
                        .segment_offset = offset,
                        .first_lsn = records.front().lsn,
                        .first_sequence = stream->next_sequence,
                        .record_count = header.record_count,
                        .flags = static_cast<std::uint16_t>(header.flags | sharing),
                        .previous = shared ? stream->shared.last : format::SharedPosition{},
                        .body = block_.buffer()->bytes().subspan(body_start)});
  // The counters of the table follow from the last record, which Apply cannot know.
  segment.row.last_lsn = std::max(segment.row.last_lsn, records.back().lsn);
  if (shared) stream->shared.last_lsn = records.back().lsn;
}

void CommitBuilder::BuildRecords(std::span<const PartRecord> records, std::uint64_t segment_id,
                                 std::uint64_t offset, bool with_lsn_differences,
                                 AlignedBuffer* out, format::FrameHeader* header) {
  frame_body_.Begin(segment_id, offset + format::kFrameHeaderBytes, with_lsn_differences, out);
  std::uint64_t previous_lsn = records.front().lsn;
  for (const PartRecord& part : records) {
    format::RecordInput input = part.input;
    input.lsn_difference = part.lsn - previous_lsn;
    previous_lsn = part.lsn;
    frame_body_.Add(input);
  }
  frame_body_.Finish(header);
}

// Ends the frame in the block and repeats it, header and body, in what is pending of the segment.
void CommitBuilder::AppendPending(Stream* owner, const format::FrameItem& item) {
  block_.EndFrame(item);
  const std::uint64_t last_lsn = item.first_lsn + std::max(item.record_count, 1u) - 1;
  const Status applied = state_->table.Apply(item, time_us_, last_lsn);
  SEGLOG_ASSERT(applied.ok());
  Segment& segment = *owner->open_segment();
  std::array<std::byte, format::kFrameHeaderBytes> header;
  format::EncodeFrameHeader(item.Header(time_us_), item.body, item.segment_id, item.segment_offset,
                            header);
  segment.pending.Append(header);
  segment.pending.Append(item.body);
  SEGLOG_ASSERT(segment.pending.end() == segment.row.end);
  if (segment.oldest_generation == 0) segment.oldest_generation = state_->journal->generation();
}

void CommitBuilder::CreateStream(Stream* stream) {
  const format::CreateStreamItem item{
      .stream_id = state_->NewId(), .time_us = time_us_, .key = AsBytes(stream->key)};
  block_.Add(item);
  const Status applied = state_->table.Apply(item);
  SEGLOG_ASSERT(applied.ok());
}

void CommitBuilder::Rotate(Stream* stream) {
  const Segment* old = stream->open_segment();
  const format::RotateItem item{.stream_id = stream->id,
                                .old_segment_id = old == nullptr ? 0 : old->row.id,
                                .old_end = old == nullptr ? 0 : old->row.end,
                                .new_segment_id = state_->NewId(),
                                .first_sequence = stream->next_sequence,
                                .time_us = time_us_};
  block_.Add(item);
  const Status applied = state_->table.Apply(item);
  SEGLOG_ASSERT(applied.ok());
}

bool CommitBuilder::RotationIsDue(const Segment& segment, std::uint64_t frame_bytes) const {
  if (segment.empty()) return false;
  const Options& options = state_->options;
  if (segment.row.end + frame_bytes > options.segment_bytes) return true;
  return options.segment_age_us != 0 && time_us_ - segment.row.created_us >= options.segment_age_us;
}

bool CommitBuilder::AddSeal(StreamHandle handle) {
  // The newest records of a tiny stream end with the segment that they share.
  if (state_->table.at(handle).segments.empty()) {
    const std::uint64_t newest = state_->table.at(handle).shared.last.segment_id;
    handle = kSharedHandle;
    const Segment* shared = state_->table.shared().open_segment();
    if (shared == nullptr || shared->row.id != newest) return true;
  }
  Stream& owner = state_->table.at(handle);
  if (owner.open_segment()->empty()) return true;
  if (!Fits(kRotateBytes)) return false;
  bytes_bound_ += kRotateBytes;
  Rotate(&owner);
  Touch(handle);
  return true;
}

AlignedBuffer* CommitBuilder::Finish(const format::CommitHeader& header,
                                     const format::JournalIdentity& identity,
                                     std::uint64_t offset) {
  const ByteSpan block = block_.Finish(header, identity, offset);
  SEGLOG_ASSERT(block.size() <= AlignUp<std::uint64_t>(bytes_bound_, kPageBytes));
  return block_.buffer();
}

void CommitBuilder::Touch(StreamHandle handle) {
  Stream& stream = state_->table.at(handle);
  if (stream.touched) return;
  stream.touched = true;
  touched_.push_back(handle);
}

void CommitBuilder::TakeTouched(std::vector<StreamHandle>* out) {
  out->insert(out->end(), touched_.begin(), touched_.end());
  touched_.clear();
}

}  // namespace seglog::log
