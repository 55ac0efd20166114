// SPDX-License-Identifier: MIT
#include "log_functions.h"

#include <string>
#include <utility>
#include <vector>

#include "log_handle.h"

namespace seglog::binding {
namespace {

constexpr std::size_t kLayoutColumns = 5;

log::StreamHandle ToStream(const Napi::Value& value) {
  return static_cast<log::StreamHandle>(ToUint64(value));
}

log::Durability ToDurability(const Napi::Value& value) {
  return static_cast<log::Durability>(ToUint64(value));
}

log::Log& LogOf(const Napi::CallbackInfo& info) { return LogHandle::Of(info[0]).log(); }

std::uint32_t ToTicket(const Napi::Value& value) {
  return static_cast<std::uint32_t>(ToUint64(value));
}

// Of the ticket that is the argument at `index`.
log::Token TokenOf(const Napi::CallbackInfo& info, std::size_t index) {
  return LogHandle::Of(info[0]).attachment().TokenOf(ToTicket(info[index]));
}

}  // namespace

Napi::Value OpenLog(const Napi::CallbackInfo& info) {
  log::Options options = OptionsOf(info[5].As<Napi::Float64Array>());
  options.create = static_cast<log::CreateMode>(ToUint64(info[1]));
  options.read_only = info[2].As<Napi::Boolean>();
  options.skip_corruption = info[3].As<Napi::Boolean>();
  options.direct = info[4].As<Napi::Boolean>();
  log::Opening opening = {.directory = info[0].As<Napi::String>(),
                          .options = options,
                          .lock_owner = info[6].As<Napi::String>(),
                          .terms = info[7].As<Napi::String>(),
                          .ticket = ToTicket(info[8])};
  return LogHandle::Open(
      info[11].As<Napi::Function>(), std::move(opening),
      {.ring = info[9].As<Napi::ArrayBuffer>(), .answers = info[10].As<Napi::Float64Array>()});
}

Napi::Value ReleaseLog(const Napi::CallbackInfo& info) {
  LogHandle::Of(info[0]).Release();
  return info.Env().Undefined();
}

Napi::Value KeepAlive(const Napi::CallbackInfo& info) {
  LogHandle::Of(info[0]).KeepAlive(info[1].As<Napi::Boolean>());
  return info.Env().Undefined();
}

Napi::Value Take(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), LogHandle::Of(info[0]).Take());
}

Napi::Value TakeRest(const Napi::CallbackInfo& info) {
  return LogHandle::Of(info[0]).TakeRest(info.Env());
}

Napi::Value AwaitHere(const Napi::CallbackInfo& info) {
  return LogHandle::Of(info[0]).AwaitHere(info.Env(), ToTicket(info[1]));
}

Napi::Value Rouse(const Napi::CallbackInfo& info) {
  LogOf(info).Rouse();
  return info.Env().Undefined();
}

Napi::Value TellRefusal(const Napi::CallbackInfo& info) {
  LogHandle& handle = LogHandle::Of(info[0]);
  return FailureOf(info.Env(), handle.log().TellRefusal(handle.attachment().channel().number()));
}

Napi::Value GetRecovery(const Napi::CallbackInfo& info) {
  return RecoveryOf(info.Env(), LogOf(info).recovery());
}

Napi::Value GetStats(const Napi::CallbackInfo& info) {
  return StatsOf(info.Env(), LogOf(info).GetStats());
}

Napi::Value GetDurableLsn(const Napi::CallbackInfo& info) {
  return ToNumber(info.Env(), LogOf(info).DurableLsn());
}

Napi::Value HandleOf(const Napi::CallbackInfo& info) {
  log::Log& log = LogOf(info);
  const std::string_view key = AsText(ToSpan(info[1]));
  if (info[2].As<Napi::Boolean>()) return ToNumber(info.Env(), log.HandleOf(key));
  const std::optional<log::StreamHandle> found = log.Find(key);
  return Napi::Number::New(info.Env(), found.has_value() ? static_cast<double>(*found) : -1);
}

Napi::Value Describe(const Napi::CallbackInfo& info) {
  const Result<log::StreamInfo> described = LogOf(info).Describe(ToStream(info[1]));
  if (described.ok()) return StreamInfoOf(info.Env(), described.value());
  SEGLOG_ASSERT(described.status().code() == Code::kNotFound);
  return info.Env().Undefined();
}

Napi::Value Streams(const Napi::CallbackInfo& info) {
  const std::vector<log::StreamInfo> streams = LogOf(info).Streams(AsText(ToSpan(info[1])));
  Napi::Array array = Napi::Array::New(info.Env(), streams.size());
  for (std::uint32_t index = 0; index < streams.size(); ++index) {
    const Napi::HandleScope scope(info.Env());  // there may be 100,000
    array.Set(index, StreamInfoOf(info.Env(), streams[index]));
  }
  return array;
}

Napi::Value Append(const Napi::CallbackInfo& info) {
  if (IsDetached(info[2])) {
    return FailureOf(info.Env(), Status(Code::kInvalidArgument,
                                        "Expected a Uint8Array for data but received one whose "
                                        "buffer was detached"));
  }
  const log::AppendInput record = {.stream = ToStream(info[1]),
                                   .kind = format::RecordKind::kData,
                                   .user_headers = ToSpan(info[3]),
                                   .data = ToSpan(info[2])};
  return FailureOf(info.Env(), LogOf(info).Append({&record, 1}, ToDurability(info[4]),
                                                  TokenOf(info, 5), ToUint64(info[6])));
}

Napi::Value AppendBatch(const Napi::CallbackInfo& info) {
  const ByteSpan bytes = ToSpan(info[1]);
  const Napi::Float64Array layout = info[2].As<Napi::Float64Array>();
  SEGLOG_ASSERT(layout.ElementLength() % kLayoutColumns == 0);
  const auto column = [&](std::size_t at) { return static_cast<std::size_t>(layout[at]); };
  std::vector<log::AppendInput> records(layout.ElementLength() / kLayoutColumns);
  std::size_t at = 0;
  for (log::AppendInput& record : records) {
    record.stream = static_cast<log::StreamHandle>(layout[at]);
    record.user_headers = bytes.subspan(column(at + 1), column(at + 2));
    record.data = bytes.subspan(column(at + 3), column(at + 4));
    at += kLayoutColumns;
  }
  return FailureOf(info.Env(),
                   LogOf(info).Append(records, ToDurability(info[3]), TokenOf(info, 4)));
}

Napi::Value Sync(const Napi::CallbackInfo& info) {
  LogOf(info).Sync(TokenOf(info, 1));
  return info.Env().Undefined();
}

Napi::Value WaitDurable(const Napi::CallbackInfo& info) {
  LogOf(info).WaitDurable(ToUint64(info[1]), TokenOf(info, 2));
  return info.Env().Undefined();
}

Napi::Value Drain(const Napi::CallbackInfo& info) {
  LogOf(info).Drain(TokenOf(info, 1));
  return info.Env().Undefined();
}

Napi::Value Seal(const Napi::CallbackInfo& info) {
  LogOf(info).Seal(ToStream(info[1]), TokenOf(info, 2));
  return info.Env().Undefined();
}

Napi::Value TruncateBefore(const Napi::CallbackInfo& info) {
  LogOf(info).TruncateBefore(ToStream(info[1]), ToUint64(info[2]), TokenOf(info, 3));
  return info.Env().Undefined();
}

Napi::Value Resume(const Napi::CallbackInfo& info) {
  LogOf(info).Resume();
  return info.Env().Undefined();
}

Napi::Value Close(const Napi::CallbackInfo& info) {
  LogOf(info).Close(TokenOf(info, 1));
  return info.Env().Undefined();
}

Napi::Value Read(const Napi::CallbackInfo& info) {
  const log::ReadRequest request = {.stream = ToStream(info[1]),
                                    .from_sequence = ToUint64(info[2]),
                                    .to_sequence = ToUint64(info[3]),
                                    .from_lsn = ToUint64(info[4]),
                                    .bytes_max = static_cast<std::size_t>(ToUint64(info[5])),
                                    .accepted = info[6].As<Napi::Boolean>(),
                                    .skip_corruption = info[7].As<Napi::Boolean>(),
                                    .locate = info[8].As<Napi::Boolean>()};
  LogOf(info).Read(request, TokenOf(info, 9));
  return info.Env().Undefined();
}

Napi::Value Verify(const Napi::CallbackInfo& info) {
  LogOf(info).Verify(info[1].As<Napi::Boolean>(), TokenOf(info, 2));
  return info.Env().Undefined();
}

Napi::Value CancelVerify(const Napi::CallbackInfo& info) {
  LogOf(info).CancelVerify(TokenOf(info, 1));
  return info.Env().Undefined();
}

}  // namespace seglog::binding
