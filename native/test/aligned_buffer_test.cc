// SPDX-License-Identifier: MIT
#include "base/aligned_buffer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace seglog {
namespace {

bool IsPageAligned(const AlignedBuffer& buffer) {
  return reinterpret_cast<std::uintptr_t>(buffer.bytes().data()) % kPageBytes == 0;
}

TEST(AlignedBufferTest, StartsEmptyWithoutMemory) {
  const AlignedBuffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_EQ(buffer.capacity(), 0u);
  EXPECT_EQ(buffer.bytes().data(), nullptr);
}

TEST(AlignedBufferTest, CapacityIsWholePagesAndMemoryIsPageAligned) {
  for (const std::size_t capacity : {1u, 4095u, 4096u, 4097u, 100'000u}) {
    const AlignedBuffer buffer(capacity);
    EXPECT_TRUE(buffer.empty());
    EXPECT_GE(buffer.capacity(), capacity);
    EXPECT_EQ(buffer.capacity() % kPageBytes, 0u);
    EXPECT_TRUE(IsPageAligned(buffer));
  }
}

TEST(AlignedBufferTest, AppendedBytesSurviveGrowth) {
  AlignedBuffer buffer;
  std::string expected;
  for (int i = 0; i < 3000; ++i) {
    const std::string piece = std::to_string(i);
    buffer.Append(AsBytes(piece));
    expected += piece;
  }
  EXPECT_TRUE(IsPageAligned(buffer));
  EXPECT_EQ(AsText(buffer.bytes()), expected);
}

TEST(AlignedBufferTest, AppendingNothingChangesNothing) {
  AlignedBuffer buffer;
  buffer.Append({});
  buffer.AppendZeros(0);
  EXPECT_EQ(buffer.capacity(), 0u);
  EXPECT_TRUE(buffer.empty());
}

TEST(AlignedBufferTest, PadToFillsWithZerosUpToTheAlignment) {
  AlignedBuffer buffer;
  buffer.Resize(64);
  std::ranges::fill(buffer.mutable_bytes(), std::byte{0xFF});
  buffer.Clear();
  buffer.Append(AsBytes("12345"));
  buffer.PadTo(64);
  EXPECT_EQ(buffer.size(), 64u);
  EXPECT_EQ(AsText(buffer.bytes().first(5)), "12345");
  EXPECT_TRUE(IsAllZero(buffer.bytes().subspan(5)));
  buffer.PadTo(64);
  EXPECT_EQ(buffer.size(), 64u);
}

TEST(AlignedBufferTest, ClearKeepsTheMemory) {
  AlignedBuffer buffer;
  buffer.Append(AsBytes("text"));
  const std::byte* memory = buffer.data();
  const std::size_t capacity = buffer.capacity();
  buffer.Clear();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.data(), memory);
  EXPECT_EQ(buffer.capacity(), capacity);
}

TEST(AlignedBufferTest, ResizeKeepsTheBytesThatRemain) {
  AlignedBuffer buffer;
  buffer.Append(AsBytes("hello, world"));
  buffer.Resize(5);
  EXPECT_EQ(AsText(buffer.bytes()), "hello");
  buffer.Resize(100'000);
  EXPECT_EQ(buffer.size(), 100'000u);
  EXPECT_EQ(AsText(buffer.bytes().first(5)), "hello");
}

TEST(AlignedBufferTest, MovingHandsOverTheMemory) {
  AlignedBuffer source;
  source.Append(AsBytes("text"));
  const std::byte* memory = source.data();
  const AlignedBuffer target = std::move(source);
  EXPECT_EQ(target.bytes().data(), memory);
  EXPECT_EQ(AsText(target.bytes()), "text");
}

TEST(AlignedBufferTest, AMovedFromBufferIsEmptyAndUsable) {
  AlignedBuffer source;
  source.Append(AsBytes("text"));
  const AlignedBuffer target = std::move(source);
  EXPECT_TRUE(source.empty());
  EXPECT_EQ(source.capacity(), 0u);
  source.Append(AsBytes("again"));
  EXPECT_EQ(AsText(source.bytes()), "again");
  EXPECT_EQ(AsText(target.bytes()), "text");
}

}  // namespace
}  // namespace seglog
