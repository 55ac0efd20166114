// SPDX-License-Identifier: MIT
// The functions that lib/native.ts sees, each: convert, call the core, convert back. Arguments were
// validated by TypeScript. The first is the External of an open log; a token is a number below 2^31
// that JavaScript chose, above 0 (0: no answer wanted), and that comes back with the answer. What
// is refused at once is returned as a failure object, and then no answer follows. Bytes are copied
// before a call returns. What log/log.h takes in the order of the ring needs an entry there, which
// JavaScript writes when the call has returned.
#pragma once

#include "convert.h"

namespace seglog::binding {

// open(directory, createMode, readOnly, skipCorruption, direct, optionValues, lockOwner, terms,
//      token, ring, answers, wake) → External. The terms are a text: a log that is open in this
//      process is shared with those who bring the same.
Napi::Value OpenLog(const Napi::CallbackInfo& info);
Napi::Value ReleaseLog(const Napi::CallbackInfo& info);  // (log)
Napi::Value KeepAlive(const Napi::CallbackInfo& info);   // (log, keep)
// (log) → count. The array of answers has a number that is not 0 where there is more than was
// written, then for each answer token, first LSN, first sequence.
Napi::Value Take(const Napi::CallbackInfo& info);
// (log) → { completions, reads, verifications }: failures, batches, and what is no append.
Napi::Value TakeRest(const Napi::CallbackInfo& info);
// (log, token) → undefined with the answer's three numbers in the array, or a completion.
Napi::Value AwaitHere(const Napi::CallbackInfo& info);
Napi::Value Rouse(const Napi::CallbackInfo& info);        // (log): the ring's sleep word was 1
Napi::Value TellRefusal(const Napi::CallbackInfo& info);  // (log) → failure or undefined
Napi::Value GetRecovery(const Napi::CallbackInfo& info);  // (log) → report
Napi::Value GetStats(const Napi::CallbackInfo& info);     // (log) → numbers by name
Napi::Value GetDurableLsn(const Napi::CallbackInfo& info);

// (log, key, add) → stream, -1 where there is none and none is to be added
Napi::Value HandleOf(const Napi::CallbackInfo& info);
Napi::Value Describe(const Napi::CallbackInfo& info);  // (log, stream) → info or undefined
Napi::Value Streams(const Napi::CallbackInfo& info);   // (log, prefix) → [info]

// (log, stream, data, headers or undefined, durability, token, expectedSeq or 0)
//     → failure or undefined
Napi::Value Append(const Napi::CallbackInfo& info);
// (log, bytes, layout, durability, token) → failure or undefined. The layout has 5 numbers per
// record: stream, offset and length of headers, offset and length of data in `bytes`.
Napi::Value AppendBatch(const Napi::CallbackInfo& info);

Napi::Value Sync(const Napi::CallbackInfo& info);            // (log, token)
Napi::Value WaitDurable(const Napi::CallbackInfo& info);     // (log, lsn, token)
Napi::Value Drain(const Napi::CallbackInfo& info);           // (log, token)
Napi::Value Seal(const Napi::CallbackInfo& info);            // (log, stream, token)
Napi::Value TruncateBefore(const Napi::CallbackInfo& info);  // (log, stream, seq, token)
Napi::Value Resume(const Napi::CallbackInfo& info);          // (log)
Napi::Value Close(const Napi::CallbackInfo& info);           // (log, token)
// (log, stream, fromSeq, toSeq, fromLsn, bytesMax, accepted, skipCorruption, locate, token)
Napi::Value Read(const Napi::CallbackInfo& info);
Napi::Value Verify(const Napi::CallbackInfo& info);        // (log, withProgress, token)
Napi::Value CancelVerify(const Napi::CallbackInfo& info);  // (log, token)

}  // namespace seglog::binding
