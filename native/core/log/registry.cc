// SPDX-License-Identifier: MIT
#include "log/registry.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/assert.h"
#include "io/directory_identity.h"

namespace seglog::log {

// A directory's log and its users. A log that is only read is its one user's.
struct Attachment::Place {
  enum class State : std::uint8_t {
    kOpening,
    kOpen,
    kFailed,  // could not be opened: kept for the report, found by nobody
    kEnding,  // its last user is waiting for its threads to end
  };

  bool HasUser(const void* user) const {
    const auto same = [user](const Attachment* one) { return one->opening_.user == user; };
    return std::any_of(users.begin(), users.end(), same) ||
           std::any_of(waiting.begin(), waiting.end(), same);
  }

  const std::string directory;
  const std::string terms;
  const bool shared;
  std::optional<io::DirectoryIdentity> identity = {};  // unknown until the directory is there
  State state = State::kOpening;
  std::unique_ptr<Log> log = {};
  std::vector<Attachment*> users = {};    // the first one opened it
  std::vector<Attachment*> waiting = {};  // for it to be open, or gone
};

Attachment::~Attachment() { Registry::OfProcess().Leave(this); }

Log& Attachment::log() {
  SEGLOG_ASSERT(place_ != nullptr && place_->log != nullptr);
  return *place_->log;
}

Registry& Registry::OfProcess() {
  static Registry* const kRegistry = new Registry();
  return *kRegistry;
}

std::unique_ptr<Attachment> Registry::Open(Opening opening, std::shared_ptr<Channel> channel) {
  std::unique_ptr<Attachment> user(new Attachment(std::move(opening), std::move(channel)));
  const std::lock_guard lock(mutex_);
  Seat(user.get());
  return user;
}

// Under mutex_, as all below.
void Registry::Seat(Attachment* user) {
  Place* const place = FindPlace(user->opening_);
  if (place == nullptr) {
    Start(user);
  } else if (place->state == Place::State::kOpen) {
    Join(place, user);
  } else {
    user->place_ = place;
    place->waiting.push_back(user);
  }
}

// Null where the log is open nowhere in this process, or by the same user: then the lock of the
// directory refuses a second writer.
Registry::Place* Registry::FindPlace(const Opening& opening) {
  const auto identify = [this] {
    for (const auto& place : places_) {
      if (!place->identity) place->identity = io::IdentityOf(place->directory);
    }
  };
  // What is made meanwhile is known to both or to neither.
  identify();
  const std::optional<io::DirectoryIdentity> identity = io::IdentityOf(opening.directory);
  if (identity) identify();
  for (const auto& place : places_) {
    if (!place->shared || place->state == Place::State::kFailed || place->HasUser(opening.user)) {
      continue;
    }
    // By its name only while there is no directory yet.
    const bool same =
        identity == place->identity && (identity || opening.directory == place->directory);
    if (same) return place.get();
  }
  return nullptr;
}

void Registry::Start(Attachment* user) {
  const Opening& opening = user->opening_;
  places_.push_back(
      std::unique_ptr<Place>(new Place{.directory = opening.directory,
                                       .terms = opening.terms,
                                       .shared = !opening.options.read_only,
                                       .identity = io::IdentityOf(opening.directory)}));
  Place* const place = places_.back().get();
  place->users.push_back(user);
  user->place_ = place;
  place->log = Log::Start(opening.directory, opening.options, opening.lock_owner, user->channel_,
                          [this, place](const Status& status) { Opened(place, status); });
}

// On the log's own thread.
void Registry::Opened(Place* place, const Status& status) {
  const std::lock_guard lock(mutex_);
  if (place->state == Place::State::kEnding) return;  // Who opened it did not wait.
  SEGLOG_ASSERT(place->state == Place::State::kOpening);
  place->state = status.ok() ? Place::State::kOpen : Place::State::kFailed;
  if (!place->identity) place->identity = io::IdentityOf(place->directory);
  Answer(place->users.front(), status);
  // A failure is of the opening that met it: others try for themselves.
  for (Attachment* user : std::exchange(place->waiting, {})) Seat(user);
}

void Registry::Join(Place* place, Attachment* user) {
  user->place_ = nullptr;
  if (user->opening_.terms != place->terms) {
    Answer(user,
           Status(Code::kOptionsMismatch, "The log is open in this process with other options")
               .WithPath(user->opening_.directory)
               .WithDetail(place->terms));
  } else if (user->opening_.options.create == CreateMode::kNew) {
    Answer(user, Status(Code::kExists, "The directory holds a log, which is open in this process")
                     .WithPath(user->opening_.directory));
  } else if (place->log->Attach(user->channel_)) {
    user->place_ = place;
    place->users.push_back(user);
    Answer(user, Status::Ok());
  } else {
    // It closes.
    user->place_ = place;
    place->waiting.push_back(user);
  }
}

void Registry::Leave(Attachment* user) {
  std::unique_lock lock(mutex_);
  Place* const place = std::exchange(user->place_, nullptr);
  if (place != nullptr && std::erase(place->users, user) > 0) {
    if (!place->users.empty()) {
      place->log->Detach(*user->channel_);
      return;
    }
    place->state = Place::State::kEnding;
    std::unique_ptr<Log> log = std::move(place->log);
    lock.unlock();
    log.reset();
    lock.lock();
    const std::vector<Attachment*> waiting = std::exchange(place->waiting, {});
    places_.remove_if([place](const auto& one) { return one.get() == place; });
    for (Attachment* one : waiting) Seat(one);
  } else if (place != nullptr) {
    std::erase(place->waiting, user);
  }
  user->channel_->Cut();
}

void Registry::Answer(Attachment* user, const Status& status) {
  Completion answer;
  answer.token = user->TokenOf(user->opening_.ticket);
  answer.status = status;
  user->channel_->Deliver(std::move(answer));
}

}  // namespace seglog::log
