// SPDX-License-Identifier: MIT
// The addon's exports. lib/native.ts has their types.
#include "convert.h"
#include "log_functions.h"

namespace seglog::binding {
namespace {

template <Napi::Value (*Bound)(const Napi::CallbackInfo&)>
void Export(Napi::Object exports, const char* name) {
  exports.Set(name, Napi::Function::New<Bound>(exports.Env(), name));
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("constants", Constants(env));
  Export<OpenLog>(exports, "open");
  Export<ReleaseLog>(exports, "release");
  Export<KeepAlive>(exports, "keepAlive");
  Export<Take>(exports, "take");
  Export<TakeRest>(exports, "takeRest");
  Export<AwaitHere>(exports, "awaitHere");
  Export<Rouse>(exports, "rouse");
  Export<TellRefusal>(exports, "tellRefusal");
  Export<GetRecovery>(exports, "recovery");
  Export<GetStats>(exports, "stats");
  Export<GetDurableLsn>(exports, "durableLsn");
  Export<HandleOf>(exports, "handleOf");
  Export<Describe>(exports, "describe");
  Export<Streams>(exports, "streams");
  Export<Append>(exports, "append");
  Export<AppendBatch>(exports, "appendBatch");
  Export<Sync>(exports, "sync");
  Export<WaitDurable>(exports, "waitDurable");
  Export<Drain>(exports, "drain");
  Export<Seal>(exports, "seal");
  Export<TruncateBefore>(exports, "truncateBefore");
  Export<Resume>(exports, "resume");
  Export<Close>(exports, "close");
  Export<Read>(exports, "read");
  Export<Verify>(exports, "verify");
  Export<CancelVerify>(exports, "cancelVerify");
  return exports;
}

}  // namespace

NODE_API_MODULE(seglog, Initialize)

}  // namespace seglog::binding
