// SPDX-License-Identifier: MIT
#include "log/pending_bytes.h"

#include <gtest/gtest.h>

namespace seglog::log {
namespace {

TEST(PendingBytesTest, KeepsWhatLiesBehindTheDroppedBytes) {
  PendingBytes pending(100);
  const std::string text = "abcdefghij";
  pending.Append(AsBytes(text));
  pending.DropBefore(104);
  EXPECT_EQ(pending.begin(), 104u);
  EXPECT_EQ(pending.end(), 110u);
  EXPECT_EQ(AsText(pending.Range(105, 108)), "fgh");
}

TEST(PendingBytesTest, GivesMemoryBackWhenMostOfItIsDropped) {
  constexpr std::size_t kBytes = 1u << 20;
  PendingBytes pending(0);
  pending.Append(std::vector<std::byte>(kBytes, std::byte{1}));
  EXPECT_GE(pending.capacity(), kBytes);
  pending.DropBefore(kBytes - 10);
  EXPECT_EQ(pending.size(), 10u);
  EXPECT_LE(pending.capacity(), 2 * kPageBytes);
}

}  // namespace
}  // namespace seglog::log
