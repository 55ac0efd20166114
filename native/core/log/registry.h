// SPDX-License-Identifier: MIT
// The logs that are open in this process, each once for its directory, whoever opens it: who comes
// second gets a channel of the log that is there. A log ends with its last user: closed where that
// one closed it, else dropped as by the end of a process.
//
// Locks are taken in this order: the registry's, a log's state, its inbox, a channel's.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "log/channel.h"
#include "log/log.h"

namespace seglog::log {

// What somebody asks for.
struct Opening {
  std::string directory;
  Options options;
  std::string lock_owner;
  // All that users of one log must have in common, as the caller words it.
  std::string terms;
  // Who asks. The same user cannot have a directory open twice.
  const void* user = nullptr;
  std::uint32_t ticket = 0;  // of the answer
};

// One user's share of a log. Its own thread only.
class Attachment final {
 public:
  // Leaves: when it returns, nothing of the user's is touched any more. Joins the threads of the
  // log where nobody else has it open.
  ~Attachment();
  Attachment(const Attachment&) = delete;
  Attachment& operator=(const Attachment&) = delete;

  Channel& channel() { return *channel_; }
  // Once the opening was answered: the log, or the one that could not be opened (Log::recovery).
  Log& log();
  Token TokenOf(std::uint32_t ticket) const { return log::TokenOf(channel_->number(), ticket); }

 private:
  friend class Registry;
  struct Place;

  Attachment(Opening opening, std::shared_ptr<Channel> channel)
      : opening_(std::move(opening)), channel_(std::move(channel)) {}

  const Opening opening_;
  const std::shared_ptr<Channel> channel_;  // shared with the log's threads
  Place* place_ = nullptr;                  // guarded by the registry's mutex; null: waits nowhere
};

// Any thread.
class Registry final {
 public:
  // Not destroyed: threads of logs may outlive what is destroyed when a process exits.
  static Registry& OfProcess();

  // Opens the log of a directory, or attaches to it. Answered by a completion of the channel:
  // besides what opening a log fails with (log.h), kOptionsMismatch where it is open on other
  // terms, whose text is the detail, and kExists where it is there and was to be new.
  std::unique_ptr<Attachment> Open(Opening opening, std::shared_ptr<Channel> channel);

 private:
  friend class Attachment;
  using Place = Attachment::Place;

  void Seat(Attachment* user);
  Place* FindPlace(const Opening& opening);
  void Start(Attachment* user);
  void Opened(Place* place, const Status& status);
  void Join(Place* place, Attachment* user);
  void Leave(Attachment* user);
  static void Answer(Attachment* user, const Status& status);

  std::mutex mutex_;
  std::list<std::unique_ptr<Place>> places_;  // guarded by mutex_, with all that is in it
};

}  // namespace seglog::log
