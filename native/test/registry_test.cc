// SPDX-License-Identifier: MIT
// Several users of one log in one process: who gets in, who leaves, and what becomes of what they
// had handed over.
#include "log/registry.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <thread>

#include "log/live_objects.h"
#include "test/support/log_user.h"

namespace seglog::log {
namespace {

using test::LogUser;

class RegistryTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "seglog-registry-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    parent_ = pattern;
    directory_ = pattern + "/log";
  }

  void TearDown() override {
    std::filesystem::remove_all(parent_);
    EXPECT_EQ(live_logs.load(), 0u);
    EXPECT_EQ(live_channels.load(), 0u);
    EXPECT_EQ(live_rings.load(), 0u);
  }

  std::string parent_;
  std::string directory_;
};

TEST_F(RegistryTest, WhoComesSecondAttachesToTheLogThatIsThere) {
  LogUser first;
  ASSERT_TRUE(first.Open(directory_).status.ok());
  const StreamHandle stream = first.log().HandleOf("orders");
  ASSERT_TRUE(first.Append(stream, "one"));
  ASSERT_TRUE(first.Wait(first.last_ticket()).status.ok());
  LogUser second;
  ASSERT_TRUE(second.Open(directory_).status.ok());
  EXPECT_EQ(&first.log(), &second.log());
  EXPECT_EQ(second.log().recovery().status, RecoveryStatus::kNew);
  ASSERT_TRUE(second.Append(second.log().HandleOf("orders"), "two"));
  EXPECT_EQ(second.Wait(second.last_ticket()).sequence, 2u);
  EXPECT_EQ(first.ReadAll("orders"), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(second.ReadAll("orders"), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(first.log().GetStats().live_logs, 1u);
  EXPECT_EQ(first.log().GetStats().live_channels, 2u);
}

TEST_F(RegistryTest, TheDirectoryIsWhatCountsNotItsName) {
  LogUser first;
  ASSERT_TRUE(first.Open(directory_).status.ok());
  std::filesystem::create_directory_symlink(directory_, parent_ + "/link");
  LogUser second;
  ASSERT_TRUE(second.Open(parent_ + "/link/").status.ok());
  EXPECT_EQ(&first.log(), &second.log());
  // Under a name that was another log's a moment ago there is another log now.
  std::filesystem::rename(directory_, parent_ + "/moved");
  LogUser third;
  ASSERT_TRUE(third.Open(directory_).status.ok());
  EXPECT_NE(&first.log(), &third.log());
  LogUser fourth;
  ASSERT_TRUE(fourth.Open(parent_ + "/moved").status.ok());
  EXPECT_EQ(&first.log(), &fourth.log());
}

TEST_F(RegistryTest, OtherTermsAreRefusedAndSoIsANewLogWhereOneIs) {
  LogUser first;
  ASSERT_TRUE(first.Open(directory_, {}, "these").status.ok());
  LogUser second;
  const Status mismatch = second.Open(directory_, {}, "those").status;
  EXPECT_EQ(mismatch.code(), Code::kOptionsMismatch);
  EXPECT_EQ(mismatch.detail(), "these");
  EXPECT_EQ(second.Open(directory_, {.create = CreateMode::kNew}, "these").status.code(),
            Code::kExists);
  EXPECT_TRUE(second.Open(directory_, {.create = CreateMode::kNever}, "these").status.ok());
}

TEST_F(RegistryTest, TheSameUserIsLockedOut) {
  LogUser first;
  ASSERT_TRUE(first.Open(directory_).status.ok());
  LogUser second;
  second.BeginOpen(directory_, {}, "the same", &first);
  EXPECT_EQ(second.Wait(second.last_ticket()).status.code(), Code::kLocked);
}

TEST_F(RegistryTest, ALogEndsWithItsLastUserAndIsClosedByTheLastThatClosesIt) {
  for (int round = 0; round < 3; ++round) {
    auto first = std::make_unique<LogUser>();
    auto second = std::make_unique<LogUser>();
    ASSERT_TRUE(first->Open(directory_).status.ok());
    EXPECT_EQ(first->log().recovery().status,
              round == 0 ? RecoveryStatus::kNew : RecoveryStatus::kClean);
    ASSERT_TRUE(second->Open(directory_).status.ok());
    const StreamHandle stream = first->log().HandleOf("orders");
    ASSERT_TRUE(first->Append(stream, "weak", Durability::kNone));
    EXPECT_TRUE(first->Close().status.ok());
    EXPECT_TRUE(first->Wait(first->last_ticket() - 1).status.ok()) << "its own appends settle";
    EXPECT_EQ(second->log().DurableLsn(), 2u * static_cast<unsigned>(round) + 1);
    first.reset();
    ASSERT_TRUE(second->Append(stream, "strong"));
    EXPECT_TRUE(second->Wait(second->last_ticket()).status.ok());
    EXPECT_TRUE(second->Close().status.ok());
  }
}

TEST_F(RegistryTest, WhoComesWhileALogClosesGetsItWhenItIsClosed) {
  auto first = std::make_unique<LogUser>();
  ASSERT_TRUE(first->Open(directory_).status.ok());
  EXPECT_TRUE(first->Close().status.ok());
  LogUser second;
  LogUser third;
  second.BeginOpen(directory_);
  third.BeginOpen(directory_);
  EXPECT_TRUE(second.Take().empty());
  first.reset();
  ASSERT_TRUE(second.Wait(second.last_ticket()).status.ok());
  ASSERT_TRUE(third.Wait(third.last_ticket()).status.ok());
  EXPECT_EQ(second.log().recovery().status, RecoveryStatus::kClean);
  EXPECT_EQ(&second.log(), &third.log());
}

TEST_F(RegistryTest, AnOpeningThatFailsIsNobodyElses) {
  LogUser never;
  LogUser maker;
  // Whichever comes first: the one fails, the other makes the log.
  never.BeginOpen(directory_, {.create = CreateMode::kNever});
  maker.BeginOpen(directory_);
  EXPECT_EQ(never.Wait(never.last_ticket()).status.code(), Code::kNotFound);
  EXPECT_TRUE(maker.Wait(maker.last_ticket()).status.ok());
}

TEST_F(RegistryTest, WhoLeavesWhileItWaitsIsForgotten) {
  for (int round = 0; round < 20; ++round) {
    LogUser first;
    auto second = std::make_unique<LogUser>();
    LogUser third;
    first.BeginOpen(directory_);
    second->BeginOpen(directory_);
    third.BeginOpen(directory_);
    second.reset();
    if (round % 2 == 0) first.Leave();
    EXPECT_TRUE(third.Wait(third.last_ticket()).status.ok());
  }
}

TEST_F(RegistryTest, ManyThreadsOpenAppendAndClose) {
  constexpr int kThreads = 4;
  constexpr int kRounds = 25;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int round = 0; round < kRounds; ++round) {
        LogUser user;
        ASSERT_TRUE(user.Open(directory_).status.ok());
        const StreamHandle stream = user.log().HandleOf("of-" + std::to_string(t));
        ASSERT_TRUE(user.Append(stream, std::to_string(round)));
        EXPECT_EQ(user.Wait(user.last_ticket()).sequence, static_cast<unsigned>(round) + 1);
        if (round % 3 != 0) {
          EXPECT_TRUE(user.Close().status.ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  LogUser user;
  ASSERT_TRUE(user.Open(directory_).status.ok());
  for (int t = 0; t < kThreads; ++t) {
    EXPECT_EQ(user.ReadAll("of-" + std::to_string(t)).size(), static_cast<unsigned>(kRounds));
  }
}

// Half of them wait, half commit themselves.
TEST_F(RegistryTest, EachThreadGetsItsOwnAnswersInItsOwnOrder) {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kRecords = 300;
  LogUser main;
  ASSERT_TRUE(main.Open(directory_).status.ok());
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      LogUser user;
      ASSERT_TRUE(user.Open(directory_).status.ok());
      const StreamHandle own = user.log().HandleOf("of-" + std::to_string(t));
      for (unsigned n = 1; n <= kRecords; ++n) {
        ASSERT_TRUE(user.Append(own, std::to_string(n), static_cast<Durability>(n % 3)));
        const Completion answer = t % 2 == 0
                                      ? user.Wait(user.last_ticket())
                                      : user.log().AwaitHere(user.TokenOf(user.last_ticket()));
        ASSERT_TRUE(answer.status.ok());
        ASSERT_EQ(answer.sequence, n);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (unsigned t = 0; t < kThreads; ++t) {
    const std::vector<std::string> records = main.ReadAll("of-" + std::to_string(t));
    ASSERT_EQ(records.size(), kRecords);
    for (unsigned n = 1; n <= kRecords; ++n) EXPECT_EQ(records[n - 1], std::to_string(n));
  }
}

// Users end at random moments and their memory with them; batches of two streams tell halves.
TEST_F(RegistryTest, UsersThatEndInFlightLoseNothingThatWasAnsweredAndDisturbNobody) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  constexpr unsigned kThreads = 3;
  constexpr unsigned kLives = 40;
  LogUser main;
  ASSERT_TRUE(main.Open(directory_).status.ok());
  std::vector<unsigned> answered(kThreads, 0);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 generator(seed + t);
      const auto random = [&] { return static_cast<unsigned>(generator()); };
      for (unsigned life = 0; life < kLives; ++life) {
        auto user = std::make_unique<LogUser>();
        ASSERT_TRUE(user->Open(directory_).status.ok());
        Log& log = user->log();
        const StreamHandle left = log.HandleOf("left-" + std::to_string(t));
        const StreamHandle right = log.HandleOf("right-" + std::to_string(t));
        std::uint32_t ticket = 1000;
        const unsigned batches = random() % 60;
        for (unsigned n = 0; n < batches; ++n) {
          const std::string data(random() % 400, static_cast<char>('a' + ticket % 26));
          if (!user->producer().Batch(
                  ticket + 1, {{.stream = left, .data = data}, {.stream = right, .data = data}})) {
            break;
          }
          ++ticket;
          if (random() % 4 == 0) user->Publish();
          if (random() % 16 == 0) {
            log.Sync(user->TokenOf(ticket + 1'000'000));
            if (!user->producer().Request()) break;
          }
        }
        user->Publish();
        if (random() % 2 == 0 && ticket > 1000) user->Wait(1001 + random() % (ticket - 1000));
        unsigned batches_answered = 0;
        for (const auto& [which, answer] : user->Take()) {
          if (which <= 1000 || which > 1'000'000) continue;
          EXPECT_TRUE(answer.status.ok()) << answer.status.ToString();
          ++batches_answered;
        }
        user.reset();
        answered[t] += batches_answered;
      }
    });
  }
  // Meanwhile another one's appends go on.
  const StreamHandle stream = main.log().HandleOf("main");
  for (unsigned n = 1; n <= 200; ++n) {
    ASSERT_TRUE(main.Append(stream, "x"));
    ASSERT_EQ(main.Wait(main.last_ticket()).sequence, n);
  }
  for (std::thread& thread : threads) thread.join();
  for (unsigned t = 0; t < kThreads; ++t) {
    const std::vector<std::string> left = main.ReadAll("left-" + std::to_string(t));
    EXPECT_GE(left.size(), answered[t]);
    EXPECT_EQ(left, main.ReadAll("right-" + std::to_string(t)));
  }
  EXPECT_EQ(live_channels.load(), 1u);
  EXPECT_TRUE(main.Close().status.ok());
}

}  // namespace
}  // namespace seglog::log
