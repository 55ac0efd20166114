// SPDX-License-Identifier: MIT
#include "log_handle.h"

#include <utility>

namespace seglog::binding {
namespace {

constexpr napi_type_tag kLogTag = {0x5e6106b1d4c84a5bULL, 0x9f3b7d21c05a46e8ULL};

}  // namespace

Napi::Value LogHandle::Open(const Napi::Function& wake, log::Opening opening, SharedArrays shared) {
  const Napi::Env env = wake.Env();
  // Each environment has an event loop of its own.
  uv_loop_s* loop = nullptr;
  const napi_status looped = napi_get_uv_event_loop(env, &loop);
  LogHandle* handle = new LogHandle();
  if (looped != napi_ok || handle->CreateCallback(env, wake) != napi_ok) {
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
  handle->ring_ = Napi::Persistent(shared.ring);
  handle->answers_ = Napi::Persistent(shared.answers);
  handle->answers_memory_ = {shared.answers.Data(), shared.answers.ElementLength()};
  const MutableByteSpan ring(static_cast<std::byte*>(shared.ring.Data()), shared.ring.ByteLength());
  opening.user = loop;
  handle->attachment_ = log::Registry::OfProcess().Open(
      std::move(opening), std::make_shared<log::Channel>(ring, [handle] { handle->Wake(); }));
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

void LogHandle::KeepAlive(bool keep) {
  if (callback_ == nullptr) return;
  const napi_status status = keep ? napi_ref_threadsafe_function(env_, callback_)
                                  : napi_unref_threadsafe_function(env_, callback_);
  // Fails only where the environment is ending, and then nothing waits for an answer.
  if (status != napi_ok) return;
}

std::uint32_t LogHandle::Take() {
  if (next_completion_ == taken_.completions.size()) {
    taken_.completions.clear();
    next_completion_ = 0;
    attachment().channel().TakeAnswers(&taken_);
  }
  std::uint32_t count = 0;
  double* out = answers_memory_.data() + 1;
  const std::size_t room = (answers_memory_.size() - 1) / kAnswerNumbers;
  for (; next_completion_ < taken_.completions.size() && count < room; ++next_completion_) {
    log::Completion& one = taken_.completions[next_completion_];
    if (log::TicketOf(one.token) == 0) continue;
    if (!one.status.ok() || !one.sequences.empty()) {
      large_completions_.push_back(std::move(one));
      continue;
    }
    *out++ = log::TicketOf(one.token);
    *out++ = static_cast<double>(one.first_lsn);
    *out++ = static_cast<double>(one.sequence);
    ++count;
  }
  const bool more = !large_completions_.empty() || !taken_.reads.empty() ||
                    !taken_.verifications.empty() || next_completion_ < taken_.completions.size();
  answers_memory_[0] = more ? 1 : 0;
  return count;
}

Napi::Value LogHandle::AwaitHere(Napi::Env env, std::uint32_t ticket) {
  const log::Completion answer = log().AwaitHere(attachment().TokenOf(ticket));
  if (!answer.status.ok() || !answer.sequences.empty()) return CompletionOf(env, answer);
  answers_memory_[1] = log::TicketOf(answer.token);
  answers_memory_[2] = static_cast<double>(answer.first_lsn);
  answers_memory_[3] = static_cast<double>(answer.sequence);
  return env.Undefined();
}

Napi::Value LogHandle::TakeRest(Napi::Env env) {
  const std::vector<log::Completion> completions = std::exchange(large_completions_, {});
  std::vector<log::ReadResult> reads = std::exchange(taken_.reads, {});
  const std::vector<log::VerifyResult> verifications = std::exchange(taken_.verifications, {});
  Napi::Array read_array = Napi::Array::New(env, reads.size());
  for (std::uint32_t index = 0; index < reads.size(); ++index) {
    read_array.Set(index, ReadResultOf(env, std::move(reads[index])));
  }
  Napi::Array verify_array = Napi::Array::New(env, verifications.size());
  for (std::uint32_t index = 0; index < verifications.size(); ++index) {
    verify_array.Set(index, VerifyResultOf(env, verifications[index]));
  }
  Napi::Array completion_array = Napi::Array::New(env, completions.size());
  for (std::uint32_t index = 0; index < completions.size(); ++index) {
    completion_array.Set(index, CompletionOf(env, completions[index]));
  }
  Napi::Object rest = Napi::Object::New(env);
  rest.Set("completions", completion_array);
  rest.Set("reads", read_array);
  rest.Set("verifications", verify_array);
  return rest;
}

void LogHandle::Release() {
  Leave();
  if (callback_ == nullptr) return;
  const napi_threadsafe_function callback = std::exchange(callback_, nullptr);
  const napi_status removed = napi_remove_env_cleanup_hook(env_, OnEnvironmentEnd, this);
  SEGLOG_ASSERT(removed == napi_ok);
  // Queued calls come in still and find no log; then the function is finalized.
  const napi_status released = napi_release_threadsafe_function(callback, napi_tsfn_release);
  SEGLOG_ASSERT(released == napi_ok || released == napi_closing);
}

// The log first: its threads call Wake and use the ring.
void LogHandle::Leave() {
  attachment_.reset();
  ring_.Reset();
  answers_.Reset();
  answers_memory_ = {};
}

napi_status LogHandle::CreateCallback(napi_env env, const Napi::Function& wake) {
  env_ = env;
  napi_value name = nullptr;
  napi_status status = napi_create_string_utf8(env, "seglog", NAPI_AUTO_LENGTH, &name);
  if (status != napi_ok) return status;
  status = napi_create_threadsafe_function(
      env, wake, nullptr, name, 0, 1, this,
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
  // Refused only while the environment ends, which then also leaves the log.
  if (napi_call_threadsafe_function(callback_, nullptr, napi_tsfn_nonblocking) != napi_ok) return;
}

void LogHandle::CallJs(napi_env env, napi_value wake, void* context, void*) {
  if (env == nullptr || wake == nullptr) return;  // the environment is ending
  LogHandle* handle = static_cast<LogHandle*>(context);
  // Cleared before JavaScript takes: an answer that comes later wakes again.
  handle->wake_pending_.store(false);
  // What JavaScript throws stays pending: Node reports it as an uncaught exception.
  if (handle->attachment_ != nullptr) Napi::Function(env, wake).Call({});
}

void LogHandle::FreeOwner() {
  if (--owners_ == 0) delete this;
}

void LogHandle::OnEnvironmentEnd(void* self) {
  LogHandle* handle = static_cast<LogHandle*>(self);
  handle->Leave();
  handle->callback_ = nullptr;  // Node's own hook ends it next
}

}  // namespace seglog::binding
