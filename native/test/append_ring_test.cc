// SPDX-License-Identifier: MIT
// The ring between JavaScript and the committer, and the row that the committer makes of it and of
// the inbox.
#include "log/append_ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>
#include <thread>

#include "log/intake.h"
#include "test/support/ring_producer.h"

namespace seglog::log {
namespace {

using test::RingProducer;

constexpr std::size_t kUnits = 64;

struct Sent {
  RingEntryKind kind;
  std::uint32_t ticket;
  std::vector<std::string> data;  // of each record
};

std::string TextOf(ByteSpan bytes) { return std::string(AsText(bytes)); }

// Each record's data, with its headers before it.
std::vector<std::string> DataOf(const AppendRing::Entry& entry) {
  std::vector<std::string> data;
  for (const AppendInput& record : entry.records) {
    data.push_back(TextOf(record.user_headers) + TextOf(record.data));
  }
  return data;
}

TEST(AppendRingTest, EntriesComeOutAsTheyWentInWhateverTheirSizesAndHoweverFullItIs) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    std::mt19937 random(seed);
    RingProducer producer(kUnits);
    AppendRing ring(producer.memory());
    std::deque<Sent> sent;
    AppendRing::Entry entry;
    std::uint32_t ticket = 0;
    std::size_t refused = 0;
    for (int step = 0; step < 3000; ++step) {
      if (random() % 2 == 0) {
        const std::string data(random() % 150, static_cast<char>('a' + random() % 26));
        bool taken = false;
        Sent one{.kind = RingEntryKind::kAppend, .ticket = ++ticket, .data = {data}};
        switch (random() % 4) {
          case 0:
            one.kind = RingEntryKind::kBatch;
            one.data = {"headers" + data, "", "x"};
            taken = producer.Batch(ticket, {{1, "headers", data}, {2, "", ""}, {3, "x", ""}});
            break;
          case 1:
            one = {.kind = RingEntryKind::kRequest, .ticket = 0, .data = {}};
            taken = producer.Request();
            break;
          default:
            taken = producer.Append(ticket, {7, "", data});
        }
        if (taken) sent.push_back(std::move(one));
        if (!taken) ++refused;
        producer.Publish();
      } else if (ring.Peek(&entry)) {
        ASSERT_FALSE(sent.empty()) << "seed " << seed;
        EXPECT_EQ(entry.kind, sent.front().kind);
        if (entry.kind != RingEntryKind::kRequest) {
          EXPECT_EQ(entry.ticket, sent.front().ticket);
          EXPECT_EQ(DataOf(entry), sent.front().data) << "seed " << seed << " step " << step;
        }
        sent.pop_front();
        ring.Skip();
        if (random() % 3 == 0) ring.Free();
      } else {
        EXPECT_TRUE(sent.empty());
        EXPECT_FALSE(ring.HasUnread());
        ring.Free();
        EXPECT_EQ(ring.UsedBytes(), 0u);
      }
    }
    EXPECT_GT(refused, 0u);
  }
}

TEST(AppendRingTest, WhatIsNotPublishedIsNotSeen) {
  RingProducer producer(kUnits);
  AppendRing ring(producer.memory());
  AppendRing::Entry entry;
  ASSERT_TRUE(producer.Append(1, {.stream = 7, .data = "one"}));
  EXPECT_FALSE(ring.HasUnread());
  EXPECT_FALSE(ring.Peek(&entry));
  producer.Publish();
  EXPECT_TRUE(ring.HasUnread());
  ASSERT_TRUE(ring.Peek(&entry));
  EXPECT_EQ(entry.records.front().stream, 7u);
}

TEST(AppendRingTest, RoomComesBackWhenItIsFreedNotWhenItIsRead) {
  RingProducer producer(kUnits);
  AppendRing ring(producer.memory());
  const std::string half(kUnits * kRingUnitBytes / 2, 'x');
  ASSERT_TRUE(producer.Append(1, {.data = half}));
  producer.Publish();
  AppendRing::Entry entry;
  ASSERT_TRUE(ring.Peek(&entry));
  ring.Skip();
  EXPECT_FALSE(producer.Append(2, {.data = half}));
  EXPECT_GT(ring.UsedBytes(), half.size());
  ring.Free();
  EXPECT_EQ(ring.UsedBytes(), 0u);
}

TEST(AppendRingTest, WhatIsSkippedIsNotUsed) {
  RingProducer producer(kUnits);
  AppendRing ring(producer.memory());
  AppendRing::Entry entry;
  const std::string large(kUnits * kRingUnitBytes * 5 / 8, 'x');
  const std::string small(100, 'y');
  for (int round = 0; round < 20; ++round) {
    for (const std::string& data : {large, small}) {
      ASSERT_TRUE(producer.Append(1, {.data = data}));
      producer.Publish();
      EXPECT_EQ(ring.UsedBytes(), AlignUp(kRingEntryBytes + data.size(), kRingUnitBytes));
      ASSERT_TRUE(ring.Peek(&entry));
      EXPECT_EQ(TextOf(entry.records.front().data), data);
      ring.Skip();
      ring.Free();
      EXPECT_EQ(ring.UsedBytes(), 0u);
    }
  }
}

TEST(AppendRingTest, WhoSleepsIsRousedAndWhoPollsIsNotCalled) {
  RingProducer producer(kUnits);
  AppendRing ring(producer.memory());
  EXPECT_FALSE(producer.Publish());
  ring.SetSleeping(true);
  EXPECT_TRUE(producer.Publish());
  EXPECT_TRUE(ring.Announce());
  StoreLittle(producer.memory(), kRingPollOffset, std::uint32_t{1});
  EXPECT_FALSE(ring.Announce());
}

TEST(AppendRingTest, TwoThreadsLoseNothing) {
  constexpr std::uint32_t kEntries = 100'000;
  RingProducer producer(kUnits);
  AppendRing ring(producer.memory());
  std::thread thread([&] {
    for (std::uint32_t ticket = 1; ticket <= kEntries;) {
      const std::string data(ticket % 97, static_cast<char>('a' + ticket % 26));
      if (producer.Append(ticket, {.stream = ticket % 5, .data = data})) ++ticket;
      producer.Publish();
    }
  });
  AppendRing::Entry entry;
  for (std::uint32_t ticket = 1; ticket <= kEntries;) {
    if (!ring.Peek(&entry)) continue;
    ASSERT_EQ(entry.ticket, ticket);
    ASSERT_EQ(entry.records.front().stream, ticket % 5);
    ASSERT_EQ(TextOf(entry.records.front().data),
              std::string(ticket % 97, static_cast<char>('a' + ticket % 26)));
    ring.Skip();
    ring.Free();
    ++ticket;
  }
  thread.join();
}

class IntakeTest : public testing::Test {
 protected:
  IntakeTest()
      : inbox_(options_),
        intake_(&inbox_),
        channel_(std::make_shared<Channel>(producer_.memory(), [] {})) {
    EXPECT_TRUE(inbox_.Attach(channel_));
  }

  Token TokenHere(std::uint32_t ticket) const { return TokenOf(channel_->number(), ticket); }

  void Submit(Request::Kind kind, std::uint32_t ticket) {
    Request request;
    request.kind = kind;
    request.token = TokenHere(ticket);
    inbox_.Submit(std::move(request));
  }

  std::vector<std::uint32_t> TakeAll() {
    std::vector<std::uint32_t> tickets;
    while (const Incoming* front = intake_.Front()) {
      EXPECT_EQ(front->channel, channel_->number());
      tickets.push_back(TicketOf(front->token));
      intake_.Take();
    }
    intake_.Release();
    return tickets;
  }

  Options options_;
  RingProducer producer_{1024};
  Inbox inbox_;
  Intake intake_;
  std::shared_ptr<Channel> channel_;
};

TEST_F(IntakeTest, RequestsHaveTheirTurnWhereTheRingSaysSo) {
  producer_.Append(1, {.data = "one"});
  Submit(Request::Kind::kSync, 2);
  producer_.Request();
  producer_.Append(3, {.data = "three"});
  const std::string large(5000, 'x');
  const AppendInput input{.data = AsBytes(large)};
  ASSERT_TRUE(inbox_.SubmitAppend({&input, 1}, Durability::kSync, TokenHere(4)).ok());
  producer_.Request();
  EXPECT_TRUE(TakeAll().empty()) << "nothing was published";
  producer_.Publish();
  EXPECT_EQ(TakeAll(), (std::vector<std::uint32_t>{1, 2, 3, 4}));
}

// What the producer may go on ingesting depends on it.
TEST_F(IntakeTest, TheProducerSeesWhatWaitsBesideTheRing) {
  const std::string large(5001, 'x');
  const AppendInput input{.data = AsBytes(large)};
  ASSERT_TRUE(inbox_.SubmitAppend({&input, 1}, Durability::kSync, TokenHere(1)).ok());
  ASSERT_TRUE(inbox_.SubmitAppend({&input, 1}, Durability::kSync, TokenHere(2)).ok());
  producer_.Request();
  producer_.Request();
  producer_.Publish();
  EXPECT_EQ(producer_.called_bytes(), 10'008u);  // Units of 8 bytes.
  ASSERT_NE(intake_.Front(), nullptr);
  intake_.Take();
  EXPECT_EQ(producer_.called_bytes(), 10'008u);
  intake_.Release();
  EXPECT_EQ(producer_.called_bytes(), 5008u);
  ASSERT_NE(intake_.Front(), nullptr);
  intake_.Take();
  intake_.Release();
  EXPECT_EQ(producer_.called_bytes(), 0u);
}

TEST_F(IntakeTest, WhoWaitsForRoomDoesNotWaitInTheRow) {
  producer_.Append(1, {.data = "one"});
  Submit(Request::Kind::kDrain, 2);
  EXPECT_EQ(TakeAll(), std::vector<std::uint32_t>{2});
}

TEST_F(IntakeTest, TheFrontStaysUntilItIsTakenAndItsBytesUntilTheyAreReleased) {
  producer_.Append(1, {.data = "one"});
  producer_.Append(2, {.data = "two"});
  producer_.Publish();
  const Incoming* front = intake_.Front();
  ASSERT_NE(front, nullptr);
  EXPECT_EQ(intake_.Front()->token, TokenHere(1));
  const ByteSpan one = front->records.front().data;
  intake_.Take();
  EXPECT_EQ(intake_.Front()->token, TokenHere(2));
  EXPECT_EQ(TextOf(one), "one");
  EXPECT_GT(inbox_.waiting_bytes(), 0u);
  intake_.Take();
  intake_.Release();
  EXPECT_EQ(inbox_.waiting_bytes(), 0u);
}

TEST_F(IntakeTest, AnAppendMayExpectItsSequence) {
  constexpr std::uint64_t kSequence = (std::uint64_t{7} << 32) + 9;
  producer_.Expect(1, kSequence, {.stream = 3, .headers = "h", .data = "data"});
  producer_.Append(2, {.data = "any"});
  producer_.Publish();
  const Incoming* front = intake_.Front();
  ASSERT_NE(front, nullptr);
  EXPECT_EQ(front->expected_sequence, kSequence);
  EXPECT_EQ(TextOf(front->records.front().user_headers), "h");
  EXPECT_EQ(TextOf(front->records.front().data), "data");
  intake_.Take();
  EXPECT_EQ(intake_.Front()->expected_sequence, 0u);
}

TEST_F(IntakeTest, AnIngestedRecordIsOfTheEpochInWhichItWasWritten) {
  producer_.Ingest({.data = "one"});
  producer_.Publish();
  EXPECT_EQ(intake_.Front()->epoch, 0u);
  inbox_.RefuseIngested(channel_->number(), 0, Status(Code::kNoSpace, "full"));
  EXPECT_EQ(inbox_.RefusalOfIngested(channel_->number(), 0).code(), Code::kNoSpace);
  EXPECT_EQ(inbox_.TellRefusal(channel_->number()).code(), Code::kNoSpace);
  EXPECT_TRUE(inbox_.TellRefusal(channel_->number()).ok()) << "told once";
  EXPECT_EQ(inbox_.RefusalOfIngested(channel_->number(), 0).code(), Code::kNoSpace)
      << "it leaves no hole";
  intake_.Take();
  producer_.Ingest({.data = "two"});
  producer_.Publish();
  EXPECT_EQ(intake_.Front()->epoch, 1u);
  EXPECT_TRUE(inbox_.RefusalOfIngested(channel_->number(), 1).ok());
}

TEST_F(IntakeTest, ChannelsTakeTurnsByBytes) {
  RingProducer busy(100'000);
  const auto other = std::make_shared<Channel>(busy.memory(), [] {});
  ASSERT_TRUE(inbox_.Attach(other));
  const std::string data(1000, 'x');
  for (std::uint32_t ticket = 1; ticket <= 500; ++ticket)
    ASSERT_TRUE(busy.Append(ticket, {.data = data}));
  for (std::uint32_t ticket = 1; ticket <= 5; ++ticket)
    ASSERT_TRUE(producer_.Append(ticket, {.data = data}));
  busy.Publish();
  std::size_t busy_bytes = 0;
  std::uint32_t few = 0;
  const auto take = [&] {
    const Incoming* front = intake_.Front();
    if (front == nullptr) return false;
    if (front->channel == other->number()) {
      busy_bytes += data.size();
    } else {
      EXPECT_EQ(front->token, TokenHere(++few)) << "its own order";
    }
    intake_.Take();
    return true;
  };
  ASSERT_TRUE(take());
  producer_.Publish();
  while (few < 5) ASSERT_TRUE(take());
  EXPECT_LE(busy_bytes, kTurnBytesMax + data.size());
  while (take()) {
  }
  EXPECT_EQ(busy_bytes, 500 * data.size());
  intake_.Release();
  EXPECT_EQ(inbox_.waiting_bytes(), 0u);
}

TEST_F(IntakeTest, EachRingSaysHowManyThereAre) {
  const auto sharers = [this] {
    return LoadLittle<std::uint32_t>(producer_.memory(), kRingSharersOffset);
  };
  EXPECT_EQ(sharers(), 1u);
  RingProducer producer(1024);
  const auto other = std::make_shared<Channel>(producer.memory(), [] {});
  ASSERT_TRUE(inbox_.Attach(other));
  EXPECT_EQ(sharers(), 2u);
  inbox_.Detach(other->number());
  EXPECT_EQ(sharers(), 1u);
}

TEST_F(IntakeTest, WhatADetachedChannelHandedOverIsGoneAndItsMemoryUntouched) {
  auto dying = std::make_unique<RingProducer>(1024);
  const auto other = std::make_shared<Channel>(dying->memory(), [] {});
  ASSERT_TRUE(inbox_.Attach(other));
  const std::string data(100, 'x');
  const AppendInput input{.data = AsBytes(data)};
  ASSERT_TRUE(dying->Append(1, {.data = data}));
  ASSERT_TRUE(
      inbox_.SubmitAppend({&input, 1}, Durability::kSync, TokenOf(other->number(), 2)).ok());
  ASSERT_TRUE(dying->Request());
  dying->Publish();
  ASSERT_EQ(intake_.Front()->token, TokenOf(other->number(), 1));
  producer_.Append(1, {.data = "one"});
  producer_.Publish();
  // The front was looked at, and not taken yet.
  inbox_.Detach(other->number());
  dying.reset();
  EXPECT_EQ(TakeAll(), std::vector<std::uint32_t>{1});
  EXPECT_EQ(inbox_.waiting_bytes(), 0u);
  EXPECT_EQ(inbox_.waiting_requests(), 0u);
}

TEST_F(IntakeTest, WhatWasRefusedIsToldToWhomItConcerns) {
  const auto other = std::make_shared<Channel>(MutableByteSpan{}, [] {});
  ASSERT_TRUE(inbox_.Attach(other));
  inbox_.RefuseIngested(channel_->number(), 0, Status(Code::kNoSpace, "full"));
  EXPECT_TRUE(inbox_.RefusalOfIngested(other->number(), 0).ok());
  EXPECT_TRUE(inbox_.TellRefusal(other->number()).ok());
  EXPECT_EQ(inbox_.TellRefusal(channel_->number()).code(), Code::kNoSpace);
  inbox_.Refuse(Status(Code::kFailed, "failed"));
  EXPECT_EQ(inbox_.TellRefusal(other->number()).code(), Code::kFailed);
}

// sync() told of an earlier refusal while a record was in the ring behind it.
TEST_F(IntakeTest, WhatIsIngestedBehindARefusedRecordIsRefusedWhateverWasTold) {
  const std::uint32_t own = channel_->number();
  const Status full(Code::kNoSpace, "full");
  inbox_.RefuseIngested(own, 0, full);
  EXPECT_FALSE(inbox_.TellRefusal(own).ok());
  inbox_.RefuseIngested(own, 0, full);
  EXPECT_FALSE(inbox_.RefusalOfIngested(own, 1).ok());
  EXPECT_FALSE(inbox_.TellRefusal(own).ok());
  EXPECT_TRUE(inbox_.RefusalOfIngested(own, 2).ok());
}

TEST(InboxTest, NobodysChannelMayHaveARing) {
  const Options options;
  RingProducer producer(1024);
  Inbox inbox(options);
  Intake intake(&inbox);
  inbox.AttachRing(producer.memory());
  producer.Append(1, {.data = "one"});
  producer.Publish();
  ASSERT_NE(intake.Front(), nullptr);
  EXPECT_EQ(intake.Front()->token, 1u);
}

TEST_F(IntakeTest, WhoClosesWhileOthersStayOnlyLeaves) {
  RingProducer producer(1024);
  const auto other = std::make_shared<Channel>(producer.memory(), [] {});
  ASSERT_TRUE(inbox_.Attach(other));
  Submit(Request::Kind::kClose, 1);
  producer_.Request();
  producer_.Publish();
  EXPECT_EQ(intake_.Front()->kind, Request::Kind::kSync);
  intake_.Take();
  Request close;
  close.kind = Request::Kind::kClose;
  close.token = TokenOf(other->number(), 2);
  inbox_.Submit(std::move(close));
  producer.Request();
  producer.Publish();
  EXPECT_EQ(intake_.Front()->kind, Request::Kind::kClose);
  EXPECT_FALSE(inbox_.Attach(std::make_shared<Channel>(MutableByteSpan{}, [] {})));
}

}  // namespace
}  // namespace seglog::log
