// SPDX-License-Identifier: MIT
// The log with its threads, on a real directory.
#include "log/log.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <map>
#include <mutex>

#include "log/channel.h"
#include "test/support/ring_producer.h"

namespace seglog::log {
namespace {

// A log in a directory of its own, with calls that wait.
class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "seglog-log-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern + "/log";
  }

  void TearDown() override {
    log_.reset();
    std::filesystem::remove_all(std::filesystem::path(directory_).parent_path());
  }

  Status Open(const Options& options = {}, MutableByteSpan ring = {}) {
    channel_ = std::make_shared<Channel>(ring, [this] {
      const std::lock_guard lock(mutex_);
      woken_ = true;
      condition_.notify_all();
    });
    std::promise<Status> opened;
    log_ = Log::Start(directory_, options, "pid=1", channel_,
                      [&](const Status& status) { opened.set_value(status); });
    const Status status = opened.get_future().get();
    token_ = TokenOf(channel_->number(), 0);
    completions_.clear();
    reads_.clear();
    verified_.clear();
    return status;
  }

  void Close() {
    const Token token = ++token_;
    log_->Close(token);
    EXPECT_TRUE(Wait(token).status.ok());
    log_.reset();
  }

  Completion Wait(Token token) {
    while (true) {
      Answers answers;
      channel_->TakeAnswers(&answers);
      for (Completion& completion : answers.completions) {
        completions_.emplace(completion.token, std::move(completion));
      }
      for (ReadResult& read : answers.reads) reads_.emplace(read.token, std::move(read));
      for (VerifyResult& one : answers.verifications) {
        if (one.done) verified_.emplace(one.token, std::move(one));
      }
      if (auto found = completions_.find(token); found != completions_.end()) return found->second;
      if (reads_.contains(token) || verified_.contains(token)) return {};
      std::unique_lock lock(mutex_);
      condition_.wait(lock, [this] { return woken_; });
      woken_ = false;
    }
  }

  Completion Append(const std::string& key, const std::string& data,
                    Durability durability = Durability::kSync) {
    const Token token = Submit(key, data, durability);
    return Wait(token);
  }

  Token Submit(const std::string& key, const std::string& data, Durability durability) {
    const Token token = ++token_;
    const AppendInput input{
        .stream = log_->HandleOf(key), .user_headers = {}, .data = AsBytes(data)};
    EXPECT_TRUE(log_->Append({&input, 1}, durability, token).ok());
    return token;
  }

  std::vector<std::string> ReadAll(const std::string& key) {
    std::vector<std::string> found;
    std::uint64_t next = 1;
    while (true) {
      const Token token = ++token_;
      log_->Read({.stream = log_->HandleOf(key), .from_sequence = next}, token);
      Wait(token);
      const ReadResult& read = reads_.at(token);
      EXPECT_TRUE(read.status.ok()) << read.status.ToString();
      for (const RecordColumns& record : read.records) {
        found.emplace_back(reinterpret_cast<const char*>(read.bytes.get()) + record.data_offset,
                           record.data_bytes);
      }
      if (read.at_end || !read.status.ok()) return found;
      next = read.next_sequence;
    }
  }

  std::string directory_;
  std::shared_ptr<Channel> channel_;
  std::unique_ptr<Log> log_;
  Token token_ = 0;
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
  std::map<Token, Completion> completions_;
  std::map<Token, ReadResult> reads_;
  std::map<Token, VerifyResult> verified_;
};

TEST_F(LogTest, AppendsOfARingAreCommittedByTheThreadOrByTheCaller) {
  constexpr std::uint32_t kRounds = 300;
  test::RingProducer producer(4096);
  Options options;
  options.journal_first_bytes = options.journal_file_bytes = 256u << 10;
  options.journal_live_bytes_max = 512u << 10;
  options.carry_bytes_max = 16u << 10;
  ASSERT_TRUE(Open(options, producer.memory()).ok());
  const StreamHandle stream = log_->HandleOf("orders");
  std::vector<std::string> written;
  std::uint32_t ticket = TicketOf(token_);
  const auto token_of = [this](std::uint32_t one) { return TokenOf(channel_->number(), one); };
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    const std::uint32_t first = ticket + 1;
    for (std::uint32_t i = 0; i <= round % 7; ++i) {
      written.push_back(std::string(round % 300, static_cast<char>('a' + ticket % 26)));
      ASSERT_TRUE(producer.Append(++ticket, {.stream = stream, .data = written.back()}));
    }
    const bool here = round % 3 == 0;
    if (producer.Publish() && !here) log_->Rouse();
    Completion last = here ? log_->AwaitHere(token_of(ticket)) : Wait(token_of(ticket));
    ASSERT_TRUE(last.status.ok());
    EXPECT_EQ(last.sequence, written.size());
    EXPECT_GE(log_->DurableLsn(), written.size());
    for (std::uint32_t other = first; other < ticket; ++other) {
      EXPECT_TRUE(Wait(token_of(other)).status.ok());
    }
  }
  token_ = token_of(ticket);
  EXPECT_EQ(ReadAll("orders"), written);
  const Token closing = ++token_;
  log_->Close(closing);
  ASSERT_TRUE(producer.Request());
  if (producer.Publish()) log_->Rouse();
  EXPECT_TRUE(Wait(closing).status.ok());
  log_.reset();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(ReadAll("orders"), written);
}

TEST_F(LogTest, WhatWasAcknowledgedIsReadBackAfterReopening) {
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(log_->recovery().status, RecoveryStatus::kNew);
  const Completion first = Append("orders", "one");
  ASSERT_TRUE(first.status.ok()) << first.status.ToString();
  EXPECT_EQ(first.first_lsn, 1u);
  EXPECT_EQ(first.sequence, 1u);
  Append("orders", "two");
  Append("other", "three");
  EXPECT_EQ(ReadAll("orders"), (std::vector<std::string>{"one", "two"}));
  log_.reset();  // Without Close.
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(log_->recovery().status, RecoveryStatus::kRecovered);
  EXPECT_EQ(ReadAll("orders"), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(ReadAll("other"), (std::vector<std::string>{"three"}));
  EXPECT_EQ(Append("orders", "four").sequence, 3u);
  Close();
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(log_->recovery().status, RecoveryStatus::kClean);
  EXPECT_EQ(ReadAll("orders"), (std::vector<std::string>{"one", "two", "four"}));
}

TEST_F(LogTest, ManyStreamsRotateSealAndRecycleUnderTinySettings) {
  Options options;
  options.segment_bytes = 64 * 1024;
  options.journal_first_bytes = 32 * 1024;
  options.journal_file_bytes = 64 * 1024;
  options.journal_live_bytes_max = 256 * 1024;
  options.carry_bytes_max = 8 * 1024;
  options.destage_bytes = 16 * 1024;
  options.open_segments_max = 4;
  std::map<std::string, std::vector<std::string>> expected;
  for (int round = 0; round < 4; ++round) {
    ASSERT_TRUE(Open(options).ok());
    std::vector<Token> tokens;
    for (int i = 0; i < 3000; ++i) {
      const std::string key = "key-" + std::to_string(i % 11 == 0 ? i % 7 : 1);
      std::string data = std::to_string(round) + ":" + std::to_string(i) + std::string(100, 'x');
      tokens.push_back(Submit(key, data, static_cast<Durability>(i % 3)));
      expected[key].push_back(std::move(data));
      if (i % 100 == 99) {
        for (const Token token : tokens) ASSERT_TRUE(Wait(token).status.ok());
        tokens.clear();
      }
    }
    const Stats stats = log_->GetStats();
    EXPECT_LE(stats.open_segments, 4u);
    if (round > 0) {
      EXPECT_GT(stats.checkpoints, 0u);
      EXPECT_GT(stats.segments_sealed, 0u);
    }
    for (const auto& [key, data] : expected) EXPECT_EQ(ReadAll(key), data) << key;
    if (round % 2 == 0) Close();
    log_.reset();
  }
}

TEST_F(LogTest, VerifyingGoesOnBesideAppendsAndReadsAndEndsWhenItIsCancelled) {
  Options options;
  options.segment_bytes = 64 * 1024;
  options.destage_bytes = 16 * 1024;
  ASSERT_TRUE(Open(options).ok());
  for (int round = 0; round < 10; ++round) {
    const Token verifying = ++token_;
    log_->Verify(true, verifying);
    const Token cancelled = ++token_;
    log_->Verify(false, cancelled);
    std::vector<Token> appends;
    for (int i = 0; i < 200; ++i) {
      appends.push_back(Submit("key-" + std::to_string(i % 3), std::string(500, 'x'),
                               static_cast<Durability>(i % 3)));
    }
    log_->CancelVerify(cancelled);
    EXPECT_FALSE(ReadAll("key-1").empty() && round > 0);
    for (const Token token : appends) ASSERT_TRUE(Wait(token).status.ok());
    for (const Token token : {verifying, cancelled}) {
      Wait(token);
      const VerifyResult& result = verified_.at(token);
      EXPECT_TRUE(result.status.ok()) << result.status.ToString();
      EXPECT_TRUE(result.report.damage.empty());
    }
    EXPECT_GE(verified_.at(verifying).report.records, static_cast<std::uint64_t>(round) * 200);
  }
  log_->CancelVerify(1'000'000);  // Nobody's.
  Close();
}

TEST_F(LogTest, ASecondOpenerIsRefusedAndToldWhoHoldsTheLog) {
  ASSERT_TRUE(Open().ok());
  std::unique_ptr<Log> first = std::move(log_);
  const Status second = Open();
  EXPECT_EQ(second.code(), Code::kLocked);
  EXPECT_NE(second.message().find("pid=1"), std::string::npos) << second.message();
}

}  // namespace
}  // namespace seglog::log
