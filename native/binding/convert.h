// SPDX-License-Identifier: MIT
// Conversion between the core's values and JavaScript's. Numbers become doubles (sequences, LSNs
// and byte counts are safe integers), failures plain objects that lib/errors.ts makes errors of.
// JavaScript thread only. C++ exceptions are off: node-addon-api checks each status, and turns a
// failed call into a pending JavaScript exception and an empty value, which later calls refuse.
// While an environment is being torn down nothing can be thrown, and nobody looks at the value.
#pragma once

#if NAPI_VERSION != 9
#error "NAPI_VERSION is 9: what Node 20 offers"
#endif
#ifndef NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#endif
#include <napi.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "log/log.h"

namespace seglog::binding {

inline Napi::Number ToNumber(Napi::Env env, std::uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}
// Of an answer in the array that JavaScript passed: token, first LSN, first sequence.
inline constexpr std::size_t kAnswerNumbers = 3;

// A number that TypeScript has checked: a safe integer, not negative.
std::uint64_t ToUint64(const Napi::Value& number);
// The bytes of a Uint8Array, or none for undefined. Borrowed until the bound function returns.
ByteSpan ToSpan(const Napi::Value& value);
// Whether a Uint8Array has lost its buffer: it has no bytes then, whatever JavaScript was told.
bool IsDetached(const Napi::Value& value);

// { code, message, errno, syscall, path, detail }; undefined when the status is ok.
Napi::Value FailureOf(Napi::Env env, const Status& status);

// What is written down once, here, and used by both sides: the names that stand for the numbers of
// enums, and the numeric options with their defaults, in the order in which OptionsOf reads them.
// { durabilities, createModes, recordKinds, optionNames, optionDefaults, ring }
Napi::Value Constants(Napi::Env env);
log::Options OptionsOf(const Napi::Float64Array& values);

Napi::Value RecoveryOf(Napi::Env env, const log::RecoveryReport& report);
Napi::Value StatsOf(Napi::Env env, const log::Stats& stats);
Napi::Value StreamInfoOf(Napi::Env env, const log::StreamInfo& info);

// { token, failure, firstLsn, sequences }; the failure is undefined where there is none.
Napi::Value CompletionOf(Napi::Env env, const log::Completion& completion);
// { token, failure, slab, columns, firstSeq, nextSeq, atEnd, damage, place }. The slab's memory
// passes to JavaScript's garbage collector. Columns: 7 numbers per record, as RecordColumns has
// them. The place is undefined where none was asked for.
Napi::Value ReadResultOf(Napi::Env env, log::ReadResult result);
// { token, done, failure, bytesDone, bytesTotal, segmentsDone, segmentsTotal, report }; the report
// is undefined until it is done.
Napi::Value VerifyResultOf(Napi::Env env, const log::VerifyResult& result);

}  // namespace seglog::binding
