// SPDX-License-Identifier: MIT
// An open log as one JavaScript environment holds it: its share of the core's log, the ring that
// JavaScript writes appends into, the array that answers come back in, the thread-safe function
// that says that there are some, and the hook that leaves the log when the environment ends first.
// JavaScript holds it as a type-tagged External, never as an address.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "convert.h"
#include "log/registry.h"

namespace seglog::binding {

// What JavaScript passes for the time that the log is open. Layouts: log/append_ring.h for the
// ring; log_functions.h, take, for the answers.
struct SharedArrays {
  Napi::ArrayBuffer ring;
  Napi::Float64Array answers;
};

// JavaScript thread only, except Wake. Freed when both the External and the thread-safe function
// are finalized, in either order.
class LogHandle final {
 public:
  // Opens the log or attaches to it, and returns the External. The opening's user is the
  // environment; `wake` is called when there is something to take. Throws in JavaScript when
  // Node-API fails.
  static Napi::Value Open(const Napi::Function& wake, log::Opening opening, SharedArrays shared);
  static LogHandle& Of(const Napi::Value& external);

  log::Log& log() { return attachment().log(); }
  log::Attachment& attachment() {
    SEGLOG_ASSERT(attachment_ != nullptr);  // lib/ does not call behind Release
    return *attachment_;
  }
  // Whether the log keeps the process alive.
  void KeepAlive(bool keep);
  // Writes as many answers as there are, and the array holds, and says how many.
  std::uint32_t Take();
  // What Take met that is more than three numbers; undefined where it met nothing.
  Napi::Value TakeRest(Napi::Env env);
  // Commits until `ticket` is answered: see log_functions.h.
  Napi::Value AwaitHere(Napi::Env env, std::uint32_t ticket);
  // Leaves the log and lets go of everything. Answers that are still due never come.
  void Release();

 private:
  LogHandle() = default;
  ~LogHandle() = default;

  napi_status CreateCallback(napi_env env, const Napi::Function& wake);
  void Wake();
  void FreeOwner();
  void Leave();
  static void CallJs(napi_env env, napi_value wake, void* context, void* data);
  static void OnEnvironmentEnd(void* self);

  std::unique_ptr<log::Attachment> attachment_;
  napi_env env_ = nullptr;
  napi_threadsafe_function callback_ = nullptr;
  std::atomic<bool> wake_pending_{false};  // a call is queued that will take what is there
  Napi::Reference<Napi::ArrayBuffer> ring_;
  Napi::Reference<Napi::Float64Array> answers_;
  std::span<double> answers_memory_;
  log::Answers taken_;
  std::size_t next_completion_ = 0;
  std::vector<log::Completion> large_completions_;
  int owners_ = 2;  // the External and the thread-safe function
};

}  // namespace seglog::binding
