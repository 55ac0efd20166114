// SPDX-License-Identifier: MIT
#include "log/log.h"

#include <sched.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "io/posix_file_system.h"
#include "io/system_clock.h"
#include "log/channel.h"
#include "log/engine.h"
#include "log/live_objects.h"
#include "log/verify.h"
#include "log/waker.h"

namespace seglog::log {
namespace {

// Progress of a verification is told again after so much of it.
constexpr std::uint64_t kProgressBytes = 1u << 20;
// An idle committer looks for work itself for so long, where work has lately come that quickly:
// rousing a thread costs more than a small commit (docs/architecture.md, "Threads").
constexpr std::uint64_t kSpinUsMax = 100;
// Who commits looks again after so long where the destager keeps it waiting.
constexpr std::uint64_t kBlockedUsMax = 10'000;

}  // namespace

// The three threads of a log. Each sleeps on a waker of its own until another has something for it.
// The committer is a role, normally its thread's: who holds `role_mutex_` may step it.
class Log::Threads final {
 public:
  Threads(std::string directory, const Options& options, std::string lock_owner,
          std::shared_ptr<Channel> first, OpenedFunction opened)
      : directory_(std::move(directory)), options_(options), lock_owner_(std::move(lock_owner)) {
    threads_.emplace_back([this, first = std::move(first), opened = std::move(opened)]() mutable {
      RunCommitter(std::move(first), opened);
    });
    threads_.emplace_back([this] { RunDestager(); });
    threads_.emplace_back([this] { RunReader(); });
  }

  ~Threads() {
    stopping_.store(true);
    NotifyAll();
    for (std::thread& thread : threads_) thread.join();
  }

  Engine& engine() {
    SEGLOG_ASSERT(engine_ != nullptr);
    return *engine_;
  }
  const RecoveryReport& report() const { return report_; }

  // Something for the committer was submitted.
  void NotifyCommitter() { committer_waker_.Notify(); }
  void NotifyAll() {
    committer_waker_.Notify();
    destager_waker_.Notify();
    reader_waker_.Notify();
    blocked_waker_.Notify();
  }

  bool Attach(std::shared_ptr<Channel> channel) {
    {
      const std::lock_guard lock(engine_->state().mutex);
      if (!inbox().Attach(std::move(channel))) return false;
    }
    NotifyCommitter();  // So that its ring says whether the committer sleeps.
    return true;
  }

  void Detach(const Channel& channel) {
    {
      // What the committer copies, it copies under this lock.
      const std::lock_guard lock(engine_->state().mutex);
      inbox().Detach(channel.number());
    }
    const std::lock_guard lock(mutex_);
    std::erase_if(reads_waiting_,
                  [&](const Read& read) { return ChannelOf(read.token) == channel.number(); });
    for (VerifyJob& job : verifications_) {
      job.cancelled = job.cancelled || ChannelOf(job.token) == channel.number();
    }
  }

  void SubmitRead(const ReadRequest& request, Token token) {
    {
      const std::lock_guard lock(mutex_);
      reads_waiting_.push_back({request, token});
    }
    reader_waker_.Notify();
  }

  void SubmitVerify(bool with_progress, Token token) {
    {
      const std::lock_guard lock(mutex_);
      verifications_.push_back({.token = token, .with_progress = with_progress});
    }
    reader_waker_.Notify();
  }

  void CancelVerify(Token token) {
    const std::lock_guard lock(mutex_);
    for (VerifyJob& job : verifications_) job.cancelled = job.cancelled || job.token == token;
  }

  void Complete(Token token, const Status& status) {
    Completion one;
    one.token = token;
    one.status = status;
    if (const auto channel = inbox().Find(ChannelOf(token))) channel->Deliver(std::move(one));
  }

  Completion AwaitHere(Token token) {
    const std::shared_ptr<Channel> channel = inbox().Find(ChannelOf(token));
    SEGLOG_ASSERT(channel != nullptr);
    while (true) {
      const std::uint64_t seen = role_waker_.events();
      const std::uint64_t seen_blocked = blocked_waker_.events();
      // Another thread that commits may have been quicker.
      std::optional<Completion> answer = channel->TakeAnswerTo(token);
      if (answer.has_value()) return *std::move(answer);
      std::unique_lock role(role_mutex_, std::try_to_lock);
      if (!role.owns_lock()) {
        // Not on the mutex: who has the role may be busy with others for long after our answer.
        role_waker_.Sleep(seen, UINT64_MAX);
        continue;
      }
      StepOutcome outcome = StepOutcome::kProgress;
      while (!answer.has_value() && outcome == StepOutcome::kProgress) {
        outcome = StepCommitter();
        answer = channel->TakeAnswerTo(token);
      }
      // The thread sleeps for longer than the mark may wait.
      if (engine_->committer().WakeAt() < committer_sleeps_until_.load()) NotifyCommitter();
      role.unlock();
      role_waker_.Notify();
      if (answer.has_value()) return *std::move(answer);
      blocked_waker_.Sleep(seen_blocked, kBlockedUsMax);
    }
  }

 private:
  struct Read {
    ReadRequest request;
    Token token = 0;
  };
  struct VerifyJob {
    Token token = 0;
    bool with_progress = false;
    bool cancelled = false;                           // guarded by mutex_
    std::unique_ptr<Verification> verification = {};  // reader thread only, as below
    std::uint64_t bytes_told = 0;
  };

  Inbox& inbox() { return engine().state().inbox; }

  Status Open(std::shared_ptr<Channel> first) {
    const io::PosixOptions posix{
        .directory = directory_,
        .create = options_.create != CreateMode::kNever && !options_.read_only,
        .read_only = options_.read_only,
        .allow_direct = options_.direct};
    Result<std::unique_ptr<io::FileSystem>> fs = io::PosixFileSystem::Open(posix);
    if (!fs.ok()) return fs.status();
    fs_ = std::move(fs).value();
    SEGLOG_RETURN_IF_ERROR(CheckDirectory(fs_.get(), options_));
    if (options_.read_only) {
      // A writer recycles the journal, so that reading beside one takes a protocol of its own.
      SEGLOG_RETURN_IF_ERROR(fs_->CheckUnlocked("LOCK"));
    } else {
      Result<std::unique_ptr<io::FileLock>> lock = fs_->Lock("LOCK", lock_owner_);
      if (!lock.ok()) return lock.status();
      lock_ = std::move(lock).value();
    }
    const Environment environment{.fs = fs_.get(), .clock = &clock_, .random = &random_};
    Result<std::unique_ptr<Engine>> engine = Engine::Open(environment, options_, &report_);
    if (!engine.ok()) return engine.status();
    engine_ = std::move(engine).value();
    const bool attached = Attach(std::move(first));
    SEGLOG_ASSERT(attached);
    opened_.store(true);
    return Status::Ok();
  }

  void RunCommitter(std::shared_ptr<Channel> first, const OpenedFunction& opened) {
    const Status status = Open(std::move(first));
    if (!status.ok()) lock_.reset();  // Another opening may be tried while this one is looked at.
    opened(status);
    if (!status.ok()) return;
    NotifyAll();
    if (options_.read_only) return;
    while (!stopping_.load()) {
      const std::uint64_t seen = committer_waker_.events();
      StepOutcome outcome = StepOutcome::kProgress;
      std::uint64_t wake_at = UINT64_MAX;
      {
        const std::lock_guard role(role_mutex_);
        while (outcome == StepOutcome::kProgress && !stopping_.load()) outcome = StepCommitter();
        wake_at = engine_->committer().WakeAt();
      }
      role_waker_.Notify();
      if (outcome == StepOutcome::kIdle) Rest(seen, wake_at);
      // Only the destager can end this; a flush may become due meanwhile.
      if (outcome == StepOutcome::kBlocked) committer_waker_.Sleep(seen, kBlockedUsMax);
    }
  }

  // Under role_mutex_.
  StepOutcome StepCommitter() {
    const StepOutcome outcome = engine_->committer().Step();
    engine_->committer().TakeCompletions(&answers_);
    if (!answers_.empty()) Deliver(&answers_);
    if (engine_->TakeNewsForDestager()) destager_waker_.Notify();
    return outcome;
  }

  // Until there may be something to do for the committer.
  void Rest(std::uint64_t seen, std::uint64_t wake_at) {
    const std::uint64_t since = clock_.BootMicros();
    if (wake_at <= since) return;
    if (work_comes_quickly_) {
      const std::uint64_t spin_us = std::min(kSpinUsMax, options_.poll_us_max);
      while (clock_.BootMicros() < std::min(since + spin_us, wake_at)) {
        if (HasUnread() || committer_waker_.events() != seen) return;
        sched_yield();
      }
    }
    // Producers rouse us from here on; what they published before they saw that, we see.
    inbox().SetSleeping(true);
    if (!HasUnread()) {
      const std::uint64_t now = clock_.BootMicros();
      committer_sleeps_until_.store(wake_at);
      committer_waker_.Sleep(seen,
                             wake_at == UINT64_MAX ? wake_at : wake_at - std::min(now, wake_at));
      committer_sleeps_until_.store(0);
    }
    inbox().SetSleeping(false);
    const bool work = HasUnread() || committer_waker_.events() != seen;
    work_comes_quickly_ = work && clock_.BootMicros() - since <= kSpinUsMax;
  }

  bool HasUnread() { return inbox().HasUnread(); }

  void RunDestager() {
    if (!WaitForEngine(&destager_waker_) || options_.read_only) return;
    while (!stopping_.load()) {
      const std::uint64_t seen = destager_waker_.events();
      while (engine_->destager().Step() == StepOutcome::kProgress && !stopping_.load()) {
        committer_waker_.Notify();
        blocked_waker_.Notify();
      }
      const std::uint64_t at = engine_->destager().WakeAt();
      const std::uint64_t now = clock_.BootMicros();
      destager_waker_.Sleep(seen, at == UINT64_MAX ? at : at - std::min(now, at));
    }
  }

  // Reads in the order in which they came, and a piece of the first verification between two.
  void RunReader() {
    if (!WaitForEngine(&reader_waker_)) return;
    while (!stopping_.load()) {
      const std::uint64_t seen = reader_waker_.events();
      std::optional<Read> read;
      VerifyJob* job = nullptr;
      bool cancelled = false;
      {
        const std::lock_guard lock(mutex_);
        if (!reads_waiting_.empty()) {
          read = reads_waiting_.front();
          reads_waiting_.pop_front();
        }
        if (!verifications_.empty()) {
          job = &verifications_.front();  // Stays where it is until this thread takes it away.
          cancelled = job->cancelled;
        }
      }
      if (read.has_value()) AnswerRead(*read);
      if (job != nullptr) StepVerification(job, cancelled);
      if (!read.has_value() && job == nullptr) reader_waker_.Sleep(seen, UINT64_MAX);
    }
  }

  void AnswerRead(const Read& read) {
    ReadResult result;
    result.token = read.token;
    engine_->reader().Read(read.request, &result);
    const auto channel = inbox().Find(ChannelOf(read.token));
    if (channel != nullptr) channel->Deliver(std::move(result));
  }

  void StepVerification(VerifyJob* job, bool cancelled) {
    if (job->verification == nullptr) {
      job->verification = std::make_unique<Verification>(&engine_->state());
    }
    Verification& verification = *job->verification;
    VerifyResult result;
    result.token = job->token;
    if (!cancelled && !verification.done()) result.status = verification.Step();
    result.progress = verification.progress();
    result.done = cancelled || verification.done() || !result.status.ok();
    const bool telling =
        job->with_progress && result.progress.bytes_done >= job->bytes_told + kProgressBytes;
    if (!result.done && !telling) return;
    job->bytes_told = result.progress.bytes_done;
    if (result.done) {
      result.report = verification.TakeReport();
      const std::lock_guard lock(mutex_);
      verifications_.pop_front();
    }
    const auto channel = inbox().Find(ChannelOf(result.token));
    if (channel != nullptr) channel->Deliver(std::move(result));
  }

  bool WaitForEngine(Waker* waker) {
    while (!stopping_.load()) {
      const std::uint64_t seen = waker->events();
      if (opened_.load()) return true;
      waker->Sleep(seen, UINT64_MAX);
    }
    return false;
  }

  // To each channel what is its own, in order.
  void Deliver(std::vector<Completion>* answers) {
    while (!answers->empty()) {
      const std::uint32_t number = ChannelOf(answers->front().token);
      const auto its = [number](const Completion& one) { return ChannelOf(one.token) == number; };
      const auto channel = inbox().Find(number);
      if (std::all_of(answers->begin(), answers->end(), its)) {
        if (channel != nullptr) channel->Deliver(answers);
        answers->clear();
      } else {
        const auto others = std::stable_partition(answers->begin(), answers->end(), its);
        std::vector<Completion> own(std::make_move_iterator(answers->begin()),
                                    std::make_move_iterator(others));
        answers->erase(answers->begin(), others);
        if (channel != nullptr) channel->Deliver(&own);
      }
    }
    role_waker_.Notify();
  }

  const std::string directory_;
  const Options options_;
  const std::string lock_owner_;
  const Counted counted_{&live_logs};
  io::SystemClock clock_;
  io::SystemRandom random_;
  std::unique_ptr<io::FileSystem> fs_;
  std::unique_ptr<io::FileLock> lock_;
  RecoveryReport report_;
  std::unique_ptr<Engine> engine_;

  std::atomic<bool> opened_{false};  // engine_ is there, for good
  std::atomic<bool> stopping_{false};

  std::mutex role_mutex_;
  std::vector<Completion> answers_;                       // guarded by role_mutex_
  bool work_comes_quickly_ = false;                       // committer thread only
  std::atomic<std::uint64_t> committer_sleeps_until_{0};  // boot time; 0: awake

  Waker committer_waker_;
  Waker destager_waker_;
  Waker reader_waker_;
  Waker blocked_waker_;  // of callers that commit themselves and wait for the destager
  Waker role_waker_;     // of those who want the role, or an answer by who has it

  std::mutex mutex_;
  std::deque<Read> reads_waiting_;  // guarded by mutex_, as below
  std::deque<VerifyJob> verifications_;

  std::vector<std::thread> threads_;
};

std::unique_ptr<Log> Log::Start(std::string directory, const Options& options,
                                std::string lock_owner, std::shared_ptr<Channel> first,
                                OpenedFunction opened) {
  return std::unique_ptr<Log>(new Log(std::make_unique<Threads>(
      std::move(directory), options, std::move(lock_owner), std::move(first), std::move(opened))));
}

Log::Log(std::unique_ptr<Threads> threads) : threads_(std::move(threads)) {}
Log::~Log() = default;

const RecoveryReport& Log::recovery() const { return threads_->report(); }

bool Log::Attach(std::shared_ptr<Channel> channel) { return threads_->Attach(std::move(channel)); }

void Log::Detach(const Channel& channel) { threads_->Detach(channel); }

StreamHandle Log::HandleOf(std::string_view key) { return threads_->engine().HandleOf(key); }

std::optional<StreamHandle> Log::Find(std::string_view key) { return threads_->engine().Find(key); }

Result<StreamInfo> Log::Describe(StreamHandle stream) {
  return threads_->engine().Describe(stream);
}

std::vector<StreamInfo> Log::Streams(std::string_view prefix) {
  return threads_->engine().Streams(prefix);
}

Status Log::Append(std::span<const AppendInput> records, Durability durability, Token token,
                   std::uint64_t expected_sequence) {
  SEGLOG_RETURN_IF_ERROR(
      threads_->engine().state().inbox.SubmitAppend(records, durability, token, expected_sequence));
  threads_->NotifyCommitter();
  return Status::Ok();
}

Status Log::TellRefusal(std::uint32_t channel) {
  return threads_->engine().state().inbox.TellRefusal(channel);
}

void Log::Rouse() { threads_->NotifyCommitter(); }

namespace {

Request ControlRequest(Request::Kind kind, Token token) {
  Request request;
  request.kind = kind;
  request.token = token;
  return request;
}

}  // namespace

void Log::Submit(Request request) {
  if (threads_->engine().state().options.read_only) {
    // There is nothing to wait for.
    const bool refused =
        request.kind == Request::Kind::kSeal || request.kind == Request::Kind::kTruncateBefore;
    threads_->Complete(request.token, refused
                                          ? Status(Code::kReadOnly, "the log was opened read-only")
                                          : Status::Ok());
    return;
  }
  threads_->engine().state().inbox.Submit(std::move(request));
  threads_->NotifyCommitter();
}

void Log::Sync(Token token) { Submit(ControlRequest(Request::Kind::kSync, token)); }

void Log::WaitDurable(std::uint64_t lsn, Token token) {
  Request request = ControlRequest(Request::Kind::kWaitDurable, token);
  request.lsn = lsn;
  Submit(std::move(request));
}

void Log::Drain(Token token) { Submit(ControlRequest(Request::Kind::kDrain, token)); }

void Log::Seal(StreamHandle stream, Token token) {
  Request request = ControlRequest(Request::Kind::kSeal, token);
  request.stream = stream;
  Submit(std::move(request));
}

void Log::TruncateBefore(StreamHandle stream, std::uint64_t first_sequence, Token token) {
  Request request = ControlRequest(Request::Kind::kTruncateBefore, token);
  request.stream = stream;
  request.sequence = first_sequence;
  Submit(std::move(request));
}

void Log::Close(Token token) { Submit(ControlRequest(Request::Kind::kClose, token)); }

void Log::Resume() {
  threads_->engine().Resume();
  threads_->NotifyAll();
}

Completion Log::AwaitHere(Token token) { return threads_->AwaitHere(token); }

void Log::Read(const ReadRequest& request, Token token) { threads_->SubmitRead(request, token); }

void Log::Verify(bool with_progress, Token token) { threads_->SubmitVerify(with_progress, token); }

void Log::CancelVerify(Token token) { threads_->CancelVerify(token); }

std::uint64_t Log::DurableLsn() const { return threads_->engine().DurableLsn(); }

Stats Log::GetStats() { return threads_->engine().GetStats(); }

}  // namespace seglog::log
