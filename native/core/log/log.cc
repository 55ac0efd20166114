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
#include "log/engine.h"
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
  Threads(std::string directory, const Options& options, std::string lock_owner, Token token,
          MutableByteSpan ring, WakeFunction wake)
      : directory_(std::move(directory)),
        options_(options),
        lock_owner_(std::move(lock_owner)),
        wake_(std::move(wake)) {
    if (!ring.empty()) ring_.emplace(ring);
    threads_.emplace_back([this, token] { RunCommitter(token); });
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
    std::vector<Completion> one(1);
    one.front().token = token;
    one.front().status = status;
    Deliver(&one);
  }

  void TakeAnswers(Answers* out) {
    const std::lock_guard lock(results_mutex_);
    MoveAll(&answered_.completions, &out->completions);
    MoveAll(&answered_.reads, &out->reads);
    MoveAll(&answered_.verifications, &out->verifications);
  }

  Completion AwaitHere(Token token) {
    std::optional<Completion> answer;
    while (!answer.has_value()) {
      const std::uint64_t seen = blocked_waker_.events();
      StepOutcome outcome = StepOutcome::kProgress;
      {
        const std::lock_guard role(role_mutex_);
        // The committer's thread may have been quicker.
        answer = TakeAnswerTo(token);
        while (!answer.has_value() && outcome == StepOutcome::kProgress) {
          outcome = StepCommitter();
          answer = TakeAnswerTo(token);
        }
        // The thread sleeps for longer than the mark may wait.
        if (engine_->committer().WakeAt() < committer_sleeps_until_.load()) {
          committer_waker_.Notify();
        }
      }
      if (!answer.has_value()) blocked_waker_.Sleep(seen, kBlockedUsMax);
    }
    return *std::move(answer);
  }

 private:
  struct VerifyJob {
    Token token = 0;
    bool with_progress = false;
    bool cancelled = false;                           // guarded by mutex_
    std::unique_ptr<Verification> verification = {};  // reader thread only, as below
    std::uint64_t bytes_told = 0;
  };

  Status Open() {
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
    if (ring_.has_value()) engine.value()->state().inbox.AttachRing(&*ring_);
    engine_ = std::move(engine).value();
    opened_.store(true);
    return Status::Ok();
  }

  void RunCommitter(Token token) {
    const Status opened = Open();
    Complete(token, opened);
    if (!opened.ok()) return;
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
      if (outcome == StepOutcome::kIdle) Rest(seen, wake_at);
      // Only the destager can end this; a flush may become due meanwhile.
      if (outcome == StepOutcome::kBlocked) committer_waker_.Sleep(seen, kBlockedUsMax);
    }
  }

  // Under role_mutex_.
  std::optional<Completion> TakeAnswerTo(Token token) {
    const std::lock_guard lock(results_mutex_);
    for (Completion& one : answered_.completions) {
      if (one.token != token) continue;
      Completion answer = std::move(one);
      one = Completion();  // token 0: nobody's
      return answer;
    }
    return std::nullopt;
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
    // The producer rouses us from here on; what it published before it saw that, we see.
    if (ring_.has_value()) ring_->SetSleeping(true);
    if (!HasUnread()) {
      const std::uint64_t now = clock_.BootMicros();
      committer_sleeps_until_.store(wake_at);
      committer_waker_.Sleep(seen,
                             wake_at == UINT64_MAX ? wake_at : wake_at - std::min(now, wake_at));
      committer_sleeps_until_.store(0);
    }
    if (ring_.has_value()) ring_->SetSleeping(false);
    const bool work = HasUnread() || committer_waker_.events() != seen;
    work_comes_quickly_ = work && clock_.BootMicros() - since <= kSpinUsMax;
  }

  bool HasUnread() const { return ring_.has_value() && ring_->HasUnread(); }

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
      std::optional<std::pair<ReadRequest, Token>> read;
      VerifyJob* job = nullptr;
      bool cancelled = false;
      {
        const std::lock_guard lock(mutex_);
        if (!reads_waiting_.empty()) {
          read = std::move(reads_waiting_.front());
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

  void AnswerRead(const std::pair<ReadRequest, Token>& read) {
    ReadResult result;
    result.token = read.second;
    engine_->reader().Read(read.first, &result);
    {
      const std::lock_guard lock(results_mutex_);
      answered_.reads.push_back(std::move(result));
    }
    Announce();
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
    {
      const std::lock_guard lock(results_mutex_);
      // What was not taken meanwhile is out of date.
      std::erase_if(answered_.verifications,
                    [&](const auto& older) { return older.token == result.token; });
      answered_.verifications.push_back(std::move(result));
    }
    Announce();
  }

  bool WaitForEngine(Waker* waker) {
    while (!stopping_.load()) {
      const std::uint64_t seen = waker->events();
      if (opened_.load()) return true;
      waker->Sleep(seen, UINT64_MAX);
    }
    return false;
  }

  void Deliver(std::vector<Completion>* answers) {
    {
      const std::lock_guard lock(results_mutex_);
      MoveAll(answers, &answered_.completions);
    }
    Announce();
  }

  // The caller's thread is called, unless it is looking.
  void Announce() {
    if (!ring_.has_value() || ring_->Announce()) wake_();
  }

  const std::string directory_;
  const Options options_;
  const std::string lock_owner_;
  const WakeFunction wake_;
  io::SystemClock clock_;
  io::SystemRandom random_;
  std::unique_ptr<io::FileSystem> fs_;
  std::unique_ptr<io::FileLock> lock_;
  RecoveryReport report_;
  std::unique_ptr<Engine> engine_;

  std::optional<AppendRing> ring_;
  std::atomic<bool> opened_{false};  // engine_ is there, for good
  std::atomic<bool> stopping_{false};

  std::mutex role_mutex_;
  std::vector<Completion> answers_;                       // guarded by role_mutex_
  bool work_comes_quickly_ = false;                       // committer thread only
  std::atomic<std::uint64_t> committer_sleeps_until_{0};  // boot time; 0: awake

  Waker committer_waker_;
  Waker destager_waker_;
  Waker reader_waker_;
  Waker blocked_waker_;  // of a caller that commits itself and waits for the destager

  std::mutex mutex_;
  std::deque<std::pair<ReadRequest, Token>> reads_waiting_;  // guarded by mutex_, as below
  std::deque<VerifyJob> verifications_;

  std::mutex results_mutex_;
  Answers answered_;  // guarded by results_mutex_

  std::vector<std::thread> threads_;
};

std::unique_ptr<Log> Log::Start(std::string directory, const Options& options,
                                std::string lock_owner, Token token, MutableByteSpan ring,
                                WakeFunction wake) {
  return std::unique_ptr<Log>(new Log(std::make_unique<Threads>(
      std::move(directory), options, std::move(lock_owner), token, ring, std::move(wake))));
}

Log::Log(std::unique_ptr<Threads> threads) : threads_(std::move(threads)) {}
Log::~Log() = default;

const RecoveryReport& Log::recovery() const { return threads_->report(); }

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

Status Log::TellRefusal() { return threads_->engine().state().inbox.TellRefusal(); }

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

void Log::TakeAnswers(Answers* out) { threads_->TakeAnswers(out); }

}  // namespace seglog::log
