// SPDX-License-Identifier: MIT
#include "log/log.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "io/posix_file_system.h"
#include "io/system_clock.h"
#include "log/engine.h"
#include "log/verify.h"

namespace seglog::log {
namespace {

// Progress of a verification is told again after so much of it.
constexpr std::uint64_t kProgressBytes = 1u << 20;

}  // namespace

// The three threads of a log. Each sleeps on one condition variable until somebody did something
// that may concern it: `events_` counts such moments, so that none is missed between looking and
// sleeping.
class Log::Threads final {
 public:
  Threads(std::string directory, const Options& options, std::string lock_owner, Token token,
          WakeFunction wake)
      : directory_(std::move(directory)),
        options_(options),
        lock_owner_(std::move(lock_owner)),
        wake_(std::move(wake)) {
    threads_.emplace_back([this, token] { RunCommitter(token); });
    threads_.emplace_back([this] { RunDestager(); });
    threads_.emplace_back([this] { RunReader(); });
  }

  ~Threads() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  Engine& engine() {
    SEGLOG_ASSERT(engine_ != nullptr);
    return *engine_;
  }
  const RecoveryReport& report() const { return report_; }

  // Something changed that a sleeping thread may wait for.
  void Notify() {
    {
      const std::lock_guard lock(mutex_);
      ++events_;
    }
    changed_.notify_all();
  }

  void SubmitRead(const ReadRequest& request, Token token) {
    {
      const std::lock_guard lock(mutex_);
      reads_waiting_.push_back({request, token});
      ++events_;
    }
    changed_.notify_all();
  }

  void SubmitVerify(bool with_progress, Token token) {
    {
      const std::lock_guard lock(mutex_);
      verifications_.push_back({.token = token, .with_progress = with_progress});
    }
    changed_.notify_all();
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

  std::vector<Completion> TakeCompletions() {
    const std::lock_guard lock(results_mutex_);
    return std::exchange(completions_, {});
  }
  std::vector<ReadResult> TakeReads() {
    const std::lock_guard lock(results_mutex_);
    return std::exchange(reads_done_, {});
  }
  std::vector<VerifyResult> TakeVerifications() {
    const std::lock_guard lock(results_mutex_);
    return std::exchange(verified_, {});
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
    const std::lock_guard lock(mutex_);
    engine_ = std::move(engine).value();
    return Status::Ok();
  }

  void RunCommitter(Token token) {
    const Status opened = Open();
    Complete(token, opened);
    if (!opened.ok()) return;
    Notify();
    if (options_.read_only) return;
    std::vector<Completion> answers;
    Loop(
        [&] {
          const StepOutcome outcome = engine_->committer().Step();
          engine_->committer().TakeCompletions(&answers);
          if (!answers.empty()) Deliver(&answers);
          if (engine_->TakeNewsForDestager()) Notify();
          return outcome;
        },
        [this] { return engine_->committer().WakeAt(); });
  }

  void RunDestager() {
    if (!WaitForEngine() || options_.read_only) return;
    Loop([this] { return engine_->destager().Step(); },
         [this] { return engine_->destager().WakeAt(); });
  }

  // Steps until stopped; sleeps when there is nothing to do, having told the other thread, which
  // may have been given work.
  template <typename StepFunction, typename WakeAtFunction>
  void Loop(StepFunction&& step, WakeAtFunction&& wake_at) {
    while (true) {
      std::uint64_t seen = 0;
      {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;
        seen = events_;
      }
      bool worked = false;
      StepOutcome outcome = step();
      for (; outcome == StepOutcome::kProgress; outcome = step()) {
        worked = true;
        if (Stopping()) return;
      }
      if (worked || outcome == StepOutcome::kBlocked) {
        Notify();
        const std::lock_guard lock(mutex_);
        ++seen;
      }
      std::unique_lock lock(mutex_);
      const auto roused = [&] { return stopping_ || events_ != seen; };
      const std::uint64_t at = outcome == StepOutcome::kBlocked ? UINT64_MAX : wake_at();
      if (at == UINT64_MAX) {
        changed_.wait(lock, roused);
      } else if (const std::uint64_t now = clock_.BootMicros(); at > now) {
        changed_.wait_for(lock, std::chrono::microseconds{at - now}, roused);
      }
    }
  }

  // Reads in the order in which they came, and a piece of the first verification between two.
  void RunReader() {
    if (!WaitForEngine()) return;
    while (true) {
      std::optional<std::pair<ReadRequest, Token>> read;
      VerifyJob* job = nullptr;
      bool cancelled = false;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] {
          return stopping_ || !reads_waiting_.empty() || !verifications_.empty();
        });
        if (stopping_) return;
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
    }
  }

  void AnswerRead(const std::pair<ReadRequest, Token>& read) {
    ReadResult result;
    result.token = read.second;
    engine_->reader().Read(read.first, &result);
    {
      const std::lock_guard lock(results_mutex_);
      reads_done_.push_back(std::move(result));
    }
    wake_();
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
      std::erase_if(verified_, [&](const auto& older) { return older.token == result.token; });
      verified_.push_back(std::move(result));
    }
    wake_();
  }

  bool WaitForEngine() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || engine_ != nullptr; });
    return !stopping_;
  }

  bool Stopping() {
    const std::lock_guard lock(mutex_);
    return stopping_;
  }

  void Deliver(std::vector<Completion>* answers) {
    {
      const std::lock_guard lock(results_mutex_);
      for (Completion& answer : *answers) completions_.push_back(std::move(answer));
    }
    answers->clear();
    wake_();
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

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_, as the three below
  std::uint64_t events_ = 0;
  std::deque<std::pair<ReadRequest, Token>> reads_waiting_;
  std::deque<VerifyJob> verifications_;

  std::mutex results_mutex_;
  std::vector<Completion> completions_;  // guarded by results_mutex_, as below
  std::vector<ReadResult> reads_done_;
  std::vector<VerifyResult> verified_;

  std::vector<std::thread> threads_;
};

std::unique_ptr<Log> Log::Start(std::string directory, const Options& options,
                                std::string lock_owner, Token token, WakeFunction wake) {
  return std::unique_ptr<Log>(new Log(std::make_unique<Threads>(
      std::move(directory), options, std::move(lock_owner), token, std::move(wake))));
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

Status Log::Append(std::span<const AppendInput> records, Durability durability, Token token) {
  SEGLOG_RETURN_IF_ERROR(threads_->engine().state().inbox.SubmitAppend(records, durability, token));
  threads_->Notify();
  return Status::Ok();
}

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
  threads_->Notify();
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
  threads_->Notify();
}

void Log::Read(const ReadRequest& request, Token token) { threads_->SubmitRead(request, token); }

void Log::Verify(bool with_progress, Token token) { threads_->SubmitVerify(with_progress, token); }

void Log::CancelVerify(Token token) { threads_->CancelVerify(token); }

std::uint64_t Log::DurableLsn() const { return threads_->engine().DurableLsn(); }

Stats Log::GetStats() { return threads_->engine().GetStats(); }

std::vector<Completion> Log::TakeCompletions() { return threads_->TakeCompletions(); }

std::vector<ReadResult> Log::TakeReads() { return threads_->TakeReads(); }

std::vector<VerifyResult> Log::TakeVerifications() { return threads_->TakeVerifications(); }

}  // namespace seglog::log
