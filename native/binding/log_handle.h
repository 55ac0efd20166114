// SPDX-License-Identifier: MIT
// An open log as one JavaScript environment holds it: the core's log, the thread-safe function that
// brings its answers over, and the hook that closes it when the environment ends first. JavaScript
// holds it as a type-tagged External, never as an address.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "convert.h"
#include "log/log.h"

namespace seglog::binding {

// JavaScript thread only, except Wake. Freed when both the External and the thread-safe function
// are finalized, in either order.
class LogHandle final {
 public:
  // Starts opening and returns the External. Answers, this one included, arrive in
  // deliver(completions, failures, reads, verifications), many at once. Throws in JavaScript when
  // Node-API fails.
  static Napi::Value Open(const Napi::Function& deliver, std::string directory,
                          const log::Options& options, std::string lock_owner, log::Token token);
  static LogHandle& Of(const Napi::Value& external);

  log::Log& log() {
    SEGLOG_ASSERT(log_ != nullptr);  // lib/log.ts does not call behind Release
    return *log_;
  }
  // An answer will come: the process stays alive for it. Token 0 asks for none.
  void Expect(log::Token token);
  // Joins the log's threads and lets go of everything. Answers that are still due never come.
  void Release();

 private:
  LogHandle() = default;
  ~LogHandle() = default;

  napi_status CreateCallback(napi_env env, const Napi::Function& deliver);
  void Wake();
  void Deliver(Napi::Env env, const Napi::Function& deliver);
  void FreeOwner();
  static void CallJs(napi_env env, napi_value deliver, void* context, void* data);
  static void OnEnvironmentEnd(void* self);

  std::unique_ptr<log::Log> log_;
  napi_env env_ = nullptr;
  napi_threadsafe_function callback_ = nullptr;
  std::atomic<bool> wake_pending_{false};  // a call is queued that will take what is there
  std::size_t expected_ = 0;               // answers due; the callback is unref'ed while it is 0
  int owners_ = 2;                         // the External and the thread-safe function
};

}  // namespace seglog::binding
