// SPDX-License-Identifier: MIT
// One user of a log in this process, as a JavaScript environment is one: a ring, calls that wait,
// an end at any moment.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "log/registry.h"
#include "test/support/ring_producer.h"

namespace seglog::test {

inline constexpr std::size_t kUserRingUnits = 4096;

// One thread. Its memory is its own: what is touched after its end is touched after it is freed.
class LogUser final {
 public:
  log::Completion Open(const std::string& directory, const log::Options& options = {},
                       const std::string& terms = "the same") {
    BeginOpen(directory, options, terms);
    return Wait(last_ticket_);
  }
  // To be followed by Wait(last_ticket()).
  void BeginOpen(const std::string& directory, const log::Options& options = {},
                 const std::string& terms = "the same", const void* user = nullptr) {
    producer_ = std::make_unique<RingProducer>(kUserRingUnits);
    channel_ = std::make_shared<log::Channel>(producer_->memory(), [this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      condition_.notify_all();
    });
    attachment_ = log::Registry::OfProcess().Open({.directory = directory,
                                                   .options = options,
                                                   .lock_owner = "pid=1",
                                                   .terms = terms,
                                                   .user = user == nullptr ? this : user,
                                                   .ticket = ++last_ticket_},
                                                  channel_);
  }
  // The end, asked for or not. The memory goes at once.
  void Leave() {
    attachment_.reset();
    producer_.reset();
    channel_.reset();
    completions_.clear();
  }

  log::Log& log() { return attachment_->log(); }
  log::Channel& channel() { return *channel_; }
  RingProducer& producer() { return *producer_; }
  log::Token TokenOf(std::uint32_t ticket) const { return attachment_->TokenOf(ticket); }
  std::uint32_t last_ticket() const { return last_ticket_; }

  // Published; false where the ring has no room now.
  bool Append(log::StreamHandle stream, std::string_view data,
              log::Durability durability = log::Durability::kSync) {
    if (!producer_->Append(last_ticket_ + 1, {.stream = stream, .data = data}, durability)) {
      return false;
    }
    ++last_ticket_;
    Publish();
    return true;
  }
  void Publish() {
    if (producer_->Publish()) log().Rouse();
  }
  // What goes by a call and has its turn in the ring.
  template <typename Call>
  log::Completion Request(Call&& call) {
    call(log(), TokenOf(++last_ticket_));
    while (!producer_->Request()) Wait(last_ticket_ - 1);
    Publish();
    return Wait(last_ticket_);
  }
  log::Completion Close() {
    return Request([](log::Log& log, log::Token token) { log.Close(token); });
  }

  // The answers that are there, to Wait or to be looked at.
  const std::map<std::uint32_t, log::Completion>& Take() {
    log::Answers answers;
    channel_->TakeAnswers(&answers);
    for (log::Completion& one : answers.completions) {
      completions_.emplace(log::TicketOf(one.token), std::move(one));
    }
    for (log::ReadResult& read : answers.reads) {
      reads_.emplace(log::TicketOf(read.token), std::move(read));
    }
    return completions_;
  }
  log::Completion Wait(std::uint32_t ticket) {
    while (true) {
      Take();
      if (const auto found = completions_.find(ticket); found != completions_.end()) {
        return found->second;
      }
      if (reads_.contains(ticket)) return {};
      std::unique_lock lock(mutex_);
      condition_.wait(lock, [this] { return woken_; });
      woken_ = false;
    }
  }

  std::vector<std::string> ReadAll(const std::string& key) {
    std::vector<std::string> found;
    std::uint64_t next = 1;
    while (true) {
      const std::uint32_t ticket = ++last_ticket_;
      log().Read({.stream = log().HandleOf(key), .from_sequence = next}, TokenOf(ticket));
      Wait(ticket);
      const log::ReadResult& read = reads_.at(ticket);
      SEGLOG_ASSERT(read.status.ok());
      for (const log::RecordColumns& record : read.records) {
        found.emplace_back(reinterpret_cast<const char*>(read.bytes.get()) + record.data_offset,
                           record.data_bytes);
      }
      if (read.at_end) return found;
      next = read.next_sequence;
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
  std::unique_ptr<RingProducer> producer_;
  std::shared_ptr<log::Channel> channel_;
  std::uint32_t last_ticket_ = 0;
  std::map<std::uint32_t, log::Completion> completions_;
  std::map<std::uint32_t, log::ReadResult> reads_;
  std::unique_ptr<log::Attachment> attachment_;
};

}  // namespace seglog::test
