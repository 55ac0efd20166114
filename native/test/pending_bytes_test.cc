// SPDX-License-Identifier: MIT
#include "log/pending_bytes.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace seglog::log {
namespace {

TEST(PendingBytesTest, GivesMemoryBackWhenItsBytesAreDropped) {
  const std::vector<std::byte> bytes(8 * 1024 * 1024, std::byte{1});
  PendingBytes pending(4096);
  pending.Append(bytes);
  ASSERT_GE(pending.capacity(), bytes.size());

  pending.DropBefore(pending.end() - 8);
  EXPECT_EQ(pending.size(), 8u);
  EXPECT_LE(pending.capacity(), std::size_t{kPageBytes});
  EXPECT_EQ(pending.Range(pending.begin(), pending.end())[7], std::byte{1});

  pending.DropBefore(pending.end());
  EXPECT_EQ(pending.size(), 0u);
  EXPECT_EQ(pending.begin(), 4096 + bytes.size());
}

}  // namespace
}  // namespace seglog::log
