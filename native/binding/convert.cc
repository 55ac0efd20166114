// SPDX-License-Identifier: MIT
#include "convert.h"

#include <cinttypes>
#include <cstdio>
#include <initializer_list>
#include <string>
#include <utility>

#include "log/append_ring.h"

namespace seglog::binding {
namespace {

struct OptionField {
  const char* name;
  std::uint64_t log::Options::*member;
};

constexpr OptionField kOptionFields[] = {
    {"segmentBytes", &log::Options::segment_bytes},
    {"sharedStreamBytesMax", &log::Options::shared_stream_bytes_max},
    {"segmentAgeUs", &log::Options::segment_age_us},
    {"journalFirstBytes", &log::Options::journal_first_bytes},
    {"journalFileBytes", &log::Options::journal_file_bytes},
    {"journalLiveBytesMax", &log::Options::journal_live_bytes_max},
    {"commitBytesMax", &log::Options::commit_bytes_max},
    {"bufferedBytesMax", &log::Options::buffered_bytes_max},
    {"appendsWaitingMax", &log::Options::appends_waiting_max},
    {"recordBytesMax", &log::Options::record_bytes_max},
    {"batchBytesMax", &log::Options::batch_bytes_max},
    {"batchRecordsMax", &log::Options::batch_records_max},
    {"frameBytesMax", &log::Options::frame_bytes_max},
    {"destageBytes", &log::Options::destage_bytes},
    {"carryBytesMax", &log::Options::carry_bytes_max},
    {"outOfLineBytes", &log::Options::out_of_line_bytes},
    {"markDelayUs", &log::Options::mark_delay_us},
    {"lsnReserve", &log::Options::lsn_reserve},
    {"syncEveryUs", &log::Options::sync_every_us},
    {"syncEveryBytes", &log::Options::sync_every_bytes},
    {"syncEveryRecords", &log::Options::sync_every_records},
    {"pollUsMax", &log::Options::poll_us_max},
};
// The one option that is narrower than the others comes last.
constexpr const char* kOpenSegmentsMaxName = "openSegmentsMax";
constexpr std::size_t kOptionCount = std::size(kOptionFields) + 1;

constexpr std::size_t kColumnCount = 7;

void SetNumbers(Napi::Object* object,
                std::initializer_list<std::pair<const char*, std::uint64_t>> numbers) {
  for (const auto& [name, value] : numbers) object->Set(name, ToNumber(object->Env(), value));
}

Napi::Value Names(Napi::Env env, std::initializer_list<const char*> names) {
  Napi::Array array = Napi::Array::New(env, names.size());
  std::uint32_t index = 0;
  for (const char* name : names) array.Set(index++, Napi::String::New(env, name));
  return array;
}

// Values that are zero or empty where unknown come out as undefined.
Napi::Value KnownOr(Napi::Env env, std::uint64_t value) {
  return value == 0 ? env.Undefined() : ToNumber(env, value);
}

Napi::Buffer<char> BytesOf(Napi::Env env, std::string_view bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

Napi::Value DamageOf(Napi::Env env, const std::vector<log::Damage>& damage) {
  Napi::Array array = Napi::Array::New(env, damage.size());
  std::uint32_t index = 0;
  for (const log::Damage& one : damage) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("file", one.file);
    object.Set("offset", ToNumber(env, one.offset));
    object.Set("bytes", ToNumber(env, one.bytes));
    object.Set("what", one.what);
    if (!one.key.empty()) object.Set("key", BytesOf(env, one.key));
    object.Set("firstSeq", KnownOr(env, one.first_sequence));
    object.Set("lastSeq", KnownOr(env, one.last_sequence));
    object.Set("firstLsn", KnownOr(env, one.first_lsn));
    object.Set("lastLsn", KnownOr(env, one.last_lsn));
    array.Set(index++, object);
  }
  return array;
}

// Ids use all 64 bits.
Napi::Value IdOf(Napi::Env env, std::uint64_t id) {
  char hex[17];
  std::snprintf(hex, sizeof(hex), "%" PRIx64, id);
  return Napi::String::New(env, hex);
}

Napi::Value PlaceOf(Napi::Env env, const log::RecordPlace& place) {
  if (place.file.empty()) return env.Undefined();
  Napi::Object object = Napi::Object::New(env);
  object.Set("file", place.file);
  object.Set("segmentId", IdOf(env, place.segment_id));
  SetNumbers(&object, {{"frameOffset", place.frame_offset},
                       {"recordOffset", place.record_offset},
                       {"framePosition", place.frame_position},
                       {"frameBytes", place.frame_bytes}});
  object.Set("inFile", place.in_file);
  return object;
}

Napi::Value ReplayedOf(Napi::Env env, const std::vector<log::ReplayedStream>& streams) {
  Napi::Array array = Napi::Array::New(env, streams.size());
  std::uint32_t index = 0;
  for (const log::ReplayedStream& stream : streams) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("key", BytesOf(env, stream.key));
    SetNumbers(&object, {{"firstSeq", stream.first_sequence}, {"lastSeq", stream.last_sequence}});
    array.Set(index++, object);
  }
  return array;
}

Napi::Value ColumnsOf(Napi::Env env, const std::vector<log::RecordColumns>& records) {
  Napi::Float64Array columns = Napi::Float64Array::New(env, records.size() * kColumnCount);
  if (columns.IsEmpty()) return env.Undefined();
  double* out = columns.Data();
  for (const log::RecordColumns& record : records) {
    *out++ = static_cast<double>(record.lsn);
    *out++ = static_cast<double>(record.time_us);
    *out++ = record.headers_offset;
    *out++ = record.headers_bytes;
    *out++ = record.data_offset;
    *out++ = record.data_bytes;
    *out++ = static_cast<double>(record.kind);
  }
  return columns;
}

// Hands the memory over without copying, except where Node forbids that (NewOrCopy).
Napi::Value SlabOf(Napi::Env env, std::unique_ptr<std::byte[]> bytes, std::size_t byte_count) {
  if (byte_count == 0) return Napi::Buffer<std::byte>::New(env, 0);
  return Napi::Buffer<std::byte>::NewOrCopy(
      env, bytes.release(), byte_count,
      [](Napi::BasicEnv, std::byte* memory) { std::unique_ptr<std::byte[]>{memory}; });
}

}  // namespace

std::uint64_t ToUint64(const Napi::Value& number) {
  const double value = number.As<Napi::Number>().DoubleValue();
  SEGLOG_ASSERT(value >= 0 && value <= 9007199254740991.0);
  return static_cast<std::uint64_t>(value);
}

ByteSpan ToSpan(const Napi::Value& value) {
  if (value.IsUndefined()) return {};
  const Napi::Uint8Array array = value.As<Napi::Uint8Array>();
  return std::as_bytes(std::span<const std::uint8_t>(array.Data(), array.ByteLength()));
}

bool IsDetached(const Napi::Value& value) {
  const Napi::Uint8Array array = value.As<Napi::Uint8Array>();
  return array.ByteLength() == 0 && array.ArrayBuffer().IsDetached();
}

Napi::Value FailureOf(Napi::Env env, const Status& status) {
  if (status.ok()) return env.Undefined();
  Napi::Object object = Napi::Object::New(env);
  object.Set("code", CodeName(status.code()));
  object.Set("message", status.message());
  object.Set("errno", Napi::Number::New(env, status.error_number()));
  object.Set("syscall", status.syscall());
  object.Set("path", status.path());
  object.Set("detail", status.detail());
  return object;
}

namespace {

// Offsets in bytes, and the numbers of the kinds: append_ring.h.
Napi::Value RingLayout(Napi::Env env) {
  Napi::Object ring = Napi::Object::New(env);
  SetNumbers(&ring, {{"tail", log::kRingTailOffset},
                     {"wrap", log::kRingWrapOffset},
                     {"head", log::kRingHeadOffset},
                     {"sleep", log::kRingSleepOffset},
                     {"poll", log::kRingPollOffset},
                     {"answer", log::kRingAnswerOffset},
                     {"refuse", log::kRingRefuseOffset},
                     {"epoch", log::kRingEpochOffset},
                     {"sharers", log::kRingSharersOffset},
                     {"called", log::kRingCalledOffset},
                     {"entries", log::kRingEntriesOffset},
                     {"unitBytes", log::kRingUnitBytes}});
  const auto kind = [](log::RingEntryKind value) { return static_cast<std::uint64_t>(value); };
  SetNumbers(&ring, {{"skip", kind(log::RingEntryKind::kSkip)},
                     {"append", kind(log::RingEntryKind::kAppend)},
                     {"batch", kind(log::RingEntryKind::kBatch)},
                     {"request", kind(log::RingEntryKind::kRequest)},
                     {"ingest", kind(log::RingEntryKind::kIngest)},
                     {"expect", kind(log::RingEntryKind::kExpect)},
                     {"expectedBytes", log::kRingExpectedBytes},
                     {"durabilityShift", log::kRingDurabilityShift}});
  SetNumbers(&ring, {{"entryUnits", log::kRingEntryUnitsOffset},
                     {"entryKind", log::kRingEntryKindOffset},
                     {"entryTicket", log::kRingEntryTicketOffset},
                     {"entryStream", log::kRingEntryStreamOffset},
                     {"entryHeadersBytes", log::kRingEntryHeadersBytesOffset},
                     {"entryDataBytes", log::kRingEntryDataBytesOffset},
                     {"entryBytes", log::kRingEntryBytes},
                     {"rowStream", log::kRingBatchStreamOffset},
                     {"rowHeadersBytes", log::kRingBatchHeadersBytesOffset},
                     {"rowDataBytes", log::kRingBatchDataBytesOffset},
                     {"rowBytes", log::kRingBatchRowBytes}});
  return ring;
}

}  // namespace

Napi::Value Constants(Napi::Env env) {
  const log::Options defaults;
  Napi::Array names = Napi::Array::New(env, kOptionCount);
  Napi::Float64Array values = Napi::Float64Array::New(env, kOptionCount);
  std::uint32_t index = 0;
  for (const OptionField& field : kOptionFields) {
    names.Set(index, field.name);
    values[index++] = static_cast<double>(defaults.*field.member);
  }
  names.Set(index, kOpenSegmentsMaxName);
  values[index] = defaults.open_segments_max;

  Napi::Object constants = Napi::Object::New(env);
  constants.Set("ring", RingLayout(env));
  constants.Set("optionNames", names);
  constants.Set("optionDefaults", values);
  constants.Set("durabilities", Names(env, {"sync", "os", "none"}));
  constants.Set("createModes", Names(env, {"if-missing", "never", "new"}));
  constants.Set("recordKinds", Names(env, {"none", "data", "checkpoint", "filler", "operation"}));
  return constants;
}

log::Options OptionsOf(const Napi::Float64Array& values) {
  SEGLOG_ASSERT(values.ElementLength() == kOptionCount);
  log::Options options;
  std::size_t index = 0;
  for (const OptionField& field : kOptionFields) {
    options.*field.member = static_cast<std::uint64_t>(values[index++]);
  }
  options.open_segments_max = static_cast<std::uint32_t>(values[index]);
  return options;
}

Napi::Value RecoveryOf(Napi::Env env, const log::RecoveryReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("status", log::RecoveryStatusName(report.status));
  SetNumbers(&object, {{"durationUs", report.duration_us},
                       {"journalFiles", report.journal_files},
                       {"journalBytesRead", report.journal_bytes_read},
                       {"streams", report.streams},
                       {"segments", report.segments},
                       {"recordsReplayed", report.records_replayed},
                       {"replayedFirstLsn", report.replayed_first_lsn},
                       {"replayedLastLsn", report.replayed_last_lsn},
                       {"pendingBytes", report.pending_bytes},
                       {"commitsAccepted", report.commits_accepted},
                       {"lastCommit", report.last_commit},
                       {"durableCommit", report.durable_commit},
                       {"lastLsn", report.last_lsn},
                       {"nextLsn", report.next_lsn}});
  object.Set("tornFile", report.torn_file);
  SetNumbers(&object, {{"tornOffset", report.torn_offset},
                       {"tornBytes", report.torn_bytes},
                       {"voidCommits", report.void_commits},
                       {"voidRecords", report.void_records},
                       {"voidFirstLsn", report.void_first_lsn},
                       {"voidLastLsn", report.void_last_lsn}});
  object.Set("mayHaveBeenAcknowledged", report.may_have_been_acknowledged);
  SetNumbers(&object,
             {{"lostFirstLsn", report.lost_lsn_first}, {"lostLastLsn", report.lost_lsn_last}});
  SetNumbers(&object,
             {{"clockWallUs", report.clock_wall_us}, {"clockStoredUs", report.clock_stored_us}});
  object.Set("clockBehind", report.clock_behind);
  object.Set("clockFarAhead", report.clock_far_ahead);
  object.Set("replayed", ReplayedOf(env, report.replayed));
  object.Set("damage", DamageOf(env, report.damage));
  Napi::Array changes = Napi::Array::New(env, report.changes.size());
  std::uint32_t index = 0;
  for (const std::string& change : report.changes) changes.Set(index++, change);
  object.Set("changes", changes);
  Napi::Object rows = Napi::Object::New(env);
  for (std::size_t row = 0; row < report.rows.size(); ++row) {
    if (report.rows[row] == 0) continue;
    rows.Set(log::RecoveryRowName(static_cast<log::RecoveryRow>(row)),
             ToNumber(env, report.rows[row]));
  }
  object.Set("rows", rows);
  return object;
}

Napi::Value StatsOf(Napi::Env env, const log::Stats& stats) {
  Napi::Object object = Napi::Object::New(env);
  SetNumbers(&object, {{"commits", stats.commits},
                       {"syncs", stats.syncs},
                       {"markBlocks", stats.mark_blocks},
                       {"records", stats.records},
                       {"journalBytesWritten", stats.journal_bytes_written},
                       {"segmentBytesWritten", stats.segment_bytes_written},
                       {"bodyBytesWritten", stats.body_bytes_written},
                       {"checkpoints", stats.checkpoints},
                       {"carriedBytes", stats.carried_bytes},
                       {"segmentsSealed", stats.segments_sealed},
                       {"segmentsRecycled", stats.segments_recycled},
                       {"journalLiveBytes", stats.journal_live_bytes},
                       {"pendingBytes", stats.pending_bytes},
                       {"waitingBytes", stats.waiting_bytes},
                       {"waitingRequests", stats.waiting_requests},
                       {"openSegments", stats.open_segments},
                       {"streams", stats.streams},
                       {"durableLsn", stats.durable_lsn},
                       {"nextLsn", stats.next_lsn},
                       {"generation", stats.generation},
                       {"commit", stats.commit},
                       {"durableCommit", stats.durable_commit}});
  object.Set("noSpace", stats.no_space);
  object.Set("failed", stats.failed);
  object.Set("writeMethod", stats.write_method);
  object.Set("checksumMethod", stats.checksum_method);
  Napi::Object live = Napi::Object::New(env);
  SetNumbers(
      &live,
      {{"logs", stats.live_logs}, {"channels", stats.live_channels}, {"rings", stats.live_rings}});
  object.Set("native", live);
  return object;
}

Napi::Value StreamInfoOf(Napi::Env env, const log::StreamInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("key", BytesOf(env, info.key));
  object.Set("id", IdOf(env, info.id));
  SetNumbers(&object, {{"handle", info.handle},
                       {"firstSeq", info.first_sequence},
                       {"nextSeq", info.next_sequence},
                       {"bytes", info.bytes},
                       {"segments", info.segments},
                       {"lastLsn", info.last_lsn},
                       {"lastTimeUs", info.last_time_us},
                       {"createdUs", info.created_us}});
  return object;
}

Napi::Value CompletionOf(Napi::Env env, const log::Completion& completion) {
  Napi::Float64Array sequences = Napi::Float64Array::New(env, completion.sequences.size());
  if (sequences.IsEmpty()) return env.Undefined();
  double* out = sequences.Data();
  for (const std::uint64_t sequence : completion.sequences) *out++ = static_cast<double>(sequence);
  Napi::Object object = Napi::Object::New(env);
  object.Set("token", ToNumber(env, log::TicketOf(completion.token)));
  object.Set("failure", FailureOf(env, completion.status));
  object.Set("firstLsn", ToNumber(env, completion.first_lsn));
  object.Set("sequences", sequences);
  return object;
}

Napi::Value ReadResultOf(Napi::Env env, log::ReadResult result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("token", ToNumber(env, log::TicketOf(result.token)));
  object.Set("failure", FailureOf(env, result.status));
  object.Set("slab", SlabOf(env, std::move(result.bytes), result.byte_count));
  object.Set("columns", ColumnsOf(env, result.records));
  object.Set("firstSeq", ToNumber(env, result.first_sequence));
  object.Set("nextSeq", ToNumber(env, result.next_sequence));
  object.Set("atEnd", result.at_end);
  object.Set("damage", DamageOf(env, result.damage));
  object.Set("place", PlaceOf(env, result.place));
  return object;
}

Napi::Value VerifyResultOf(Napi::Env env, const log::VerifyResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("token", ToNumber(env, log::TicketOf(result.token)));
  object.Set("done", result.done);
  object.Set("failure", FailureOf(env, result.status));
  SetNumbers(&object, {{"bytesDone", result.progress.bytes_done},
                       {"bytesTotal", result.progress.bytes_total},
                       {"segmentsDone", result.progress.segments_done},
                       {"segmentsTotal", result.progress.segments_total}});
  if (!result.done) return object;
  const log::VerifyReport& report = result.report;
  Napi::Object fields = Napi::Object::New(env);
  SetNumbers(&fields, {{"segments", report.segments},
                       {"sealedSegments", report.sealed_segments},
                       {"bytes", report.bytes},
                       {"records", report.records},
                       {"damageOmitted", report.damage.omitted}});
  fields.Set("damage", DamageOf(env, report.damage.listed));
  object.Set("report", fields);
  return object;
}

}  // namespace seglog::binding
