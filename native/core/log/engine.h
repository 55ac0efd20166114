// SPDX-License-Identifier: MIT
// A log without threads: the state and the loops that work on it. Log runs each loop on a thread of
// its own; a simulation runs them on one, in an order that it chooses.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "log/committer.h"
#include "log/destager.h"
#include "log/reader.h"
#include "log/recovery.h"
#include "log/state.h"

namespace seglog::log {

class Engine final {
 public:
  // Recovers the log in `environment.fs`, or makes one. The report is filled in either case.
  static Result<std::unique_ptr<Engine>> Open(const Environment& environment,
                                              const Options& options, RecoveryReport* report);

  State& state() { return state_; }
  Committer& committer() { return committer_; }
  Destager& destager() { return destager_; }
  Reader& reader() { return reader_; }

  // Any thread.
  StreamHandle HandleOf(std::string_view key);
  std::optional<StreamHandle> Find(std::string_view key);
  Result<StreamInfo> Describe(StreamHandle handle);
  std::vector<StreamInfo> Streams(std::string_view prefix);
  Stats GetStats();
  std::uint64_t DurableLsn();
  void Resume();
  // Whether the destager should look again; asked after each step of the committer.
  bool TakeNewsForDestager();

 private:
  Engine(const Environment& environment, const Options& options)
      : state_(environment, options),
        committer_(&state_),
        destager_(&state_, CatalogStore(environment.fs)),
        reader_(&state_) {}

  State state_;
  Committer committer_;
  Destager destager_;
  Reader reader_;
};

// kInvalidArgument where options contradict each other: a batch must fit a journal file, and so on.
Status CheckOptions(const Options& options);

}  // namespace seglog::log
