// SPDX-License-Identifier: MIT
#include "log_handle.h"

#include <utility>
#include <vector>

namespace seglog::binding {
namespace {

constexpr napi_type_tag kLogTag = {0x5e6106b1d4c84a5bULL, 0x9f3b7d21c05a46e8ULL};

}  // namespace

Napi::Value LogHandle::Open(const Napi::Function& deliver, std::string directory,
                            const log::Options& options, std::string lock_owner, log::Token token) {
  const Napi::Env env = deliver.Env();
  LogHandle* handle = new LogHandle();
  const napi_status status = handle->CreateCallback(env, deliver);
  if (status != napi_ok) {
    delete handle;
    Napi::Error::New(env, "the environment takes no callbacks").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  const auto external = Napi::External<LogHandle>::New(
      env, handle, [](Napi::BasicEnv, LogHandle* finalized) { finalized->FreeOwner(); });
  if (external.IsEmpty()) {
    handle->Release();
    handle->FreeOwner();
    return env.Undefined();
  }
  external.TypeTag(&kLogTag);
  handle->expected_ = 1;
  handle->log_ = log::Log::Start(std::move(directory), options, std::move(lock_owner), token,
                                 [handle] { handle->Wake(); });
  return external;
}

LogHandle& LogHandle::Of(const Napi::Value& external) {
  // The check itself fails where a worker is being terminated while it still runs.
  bool is_log = false;
  const napi_status checked =
      napi_check_object_type_tag(external.Env(), external, &kLogTag, &is_log);
  SEGLOG_ASSERT(checked != napi_ok || is_log);
  return *external.As<Napi::External<LogHandle>>().Data();
}

void LogHandle::Expect(log::Token token) {
  if (token == 0 || expected_++ > 0) return;
  // Fails only where the environment is ending, and then nothing waits for the answer.
  if (napi_ref_threadsafe_function(env_, callback_) != napi_ok) return;
}

void LogHandle::Release() {
  log_.reset();  // first: its threads call Wake
  if (callback_ == nullptr) return;
  const napi_threadsafe_function callback = std::exchange(callback_, nullptr);
  const napi_status removed = napi_remove_env_cleanup_hook(env_, OnEnvironmentEnd, this);
  SEGLOG_ASSERT(removed == napi_ok);
  // Queued calls come in still and find no log; then the function is finalized.
  const napi_status released = napi_release_threadsafe_function(callback, napi_tsfn_release);
  SEGLOG_ASSERT(released == napi_ok || released == napi_closing);
}

napi_status LogHandle::CreateCallback(napi_env env, const Napi::Function& deliver) {
  env_ = env;
  napi_value name = nullptr;
  napi_status status = napi_create_string_utf8(env, "seglog", NAPI_AUTO_LENGTH, &name);
  if (status != napi_ok) return status;
  status = napi_create_threadsafe_function(
      env, deliver, nullptr, name, 0, 1, this,
      [](napi_env, void* self, void*) { static_cast<LogHandle*>(self)->FreeOwner(); }, this, CallJs,
      &callback_);
  if (status != napi_ok) return status;
  // Hooks run last in, first out: ours comes before the one that ends the thread-safe function.
  status = napi_add_env_cleanup_hook(env, OnEnvironmentEnd, this);
  SEGLOG_ASSERT(status == napi_ok);
  return status;
}

// Any thread of the log. One call is enough for all answers that are there when it arrives.
void LogHandle::Wake() {
  if (wake_pending_.exchange(true)) return;
  // Refused only while the environment ends, which then also ends this log.
  if (napi_call_threadsafe_function(callback_, nullptr, napi_tsfn_nonblocking) != napi_ok) return;
}

void LogHandle::CallJs(napi_env env, napi_value deliver, void* context, void*) {
  if (env == nullptr || deliver == nullptr) return;  // the environment is ending
  static_cast<LogHandle*>(context)->Deliver(env, Napi::Function(env, deliver));
}

void LogHandle::Deliver(Napi::Env env, const Napi::Function& deliver) {
  // Cleared before taking: an answer that comes later wakes again.
  wake_pending_.store(false);
  if (log_ == nullptr) return;
  const std::vector<log::Completion> completions = log_->TakeCompletions();
  std::vector<log::ReadResult> reads = log_->TakeReads();
  const std::vector<log::VerifyResult> verifications = log_->TakeVerifications();
  if (completions.empty() && reads.empty() && verifications.empty()) return;

  std::size_t answered = reads.size();
  for (const log::VerifyResult& one : verifications) answered += one.done ? 1 : 0;
  for (const log::Completion& one : completions) answered += one.token == 0 ? 0 : 1;
  Napi::Array read_array = Napi::Array::New(env, reads.size());
  for (std::uint32_t index = 0; index < reads.size(); ++index) {
    read_array.Set(index, ReadResultOf(env, std::move(reads[index])));
  }
  Napi::Array verify_array = Napi::Array::New(env, verifications.size());
  for (std::uint32_t index = 0; index < verifications.size(); ++index) {
    verify_array.Set(index, VerifyResultOf(env, verifications[index]));
  }
  const Napi::Value numbers = CompletionsOf(env, completions);
  const Napi::Value failures = FailuresOf(env, completions);
  // What JavaScript throws, or a call that failed on the way, stays pending: Node reports it as an
  // uncaught exception when this returns.
  if (!env.IsExceptionPending()) deliver.Call({numbers, failures, read_array, verify_array});

  SEGLOG_ASSERT(expected_ >= answered);
  expected_ -= answered;
  if (expected_ > 0 || callback_ == nullptr) return;
  // Fails only where the environment is ending.
  if (napi_unref_threadsafe_function(env, callback_) != napi_ok) return;
}

void LogHandle::FreeOwner() {
  if (--owners_ == 0) delete this;
}

void LogHandle::OnEnvironmentEnd(void* self) {
  LogHandle* handle = static_cast<LogHandle*>(self);
  handle->log_.reset();
  handle->callback_ = nullptr;  // Node's own hook ends it next
}

}  // namespace seglog::binding
