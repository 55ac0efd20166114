// SPDX-License-Identifier: MIT
#include "hash/crc32c.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hash/crc32c_internal.h"

namespace seglog::hash {
namespace {

// One bit at a time, straight from the definition: what every implementation has to agree with.
std::uint32_t BitwiseCrc32c(std::uint32_t seed, ByteSpan bytes) {
  std::uint32_t state = ~seed;
  for (const std::byte byte : bytes) {
    state ^= std::to_integer<std::uint32_t>(byte);
    for (int bit = 0; bit < 8; ++bit) {
      state = (state >> 1) ^ ((state & 1) != 0 ? internal::kCrc32cPolynomial : 0);
    }
  }
  return ~state;
}

std::vector<std::byte> PseudoRandomBytes(std::size_t count) {
  std::vector<std::byte> bytes(count);
  std::uint64_t state = 0x9E3779B97F4A7C15;
  for (std::byte& byte : bytes) {
    state = state * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<std::byte>(state >> 56);
  }
  return bytes;
}

class Crc32cTest : public testing::TestWithParam<internal::Crc32cVariant> {
 protected:
  static std::uint32_t Compute(std::uint32_t seed, ByteSpan bytes) {
    return GetParam().function(seed, bytes);
  }
};

// From RFC 3720, section B.4, where the bytes of each checksum are listed from the lowest.
TEST_P(Crc32cTest, MatchesThePublishedVectors) {
  std::vector<std::byte> bytes(32);
  EXPECT_EQ(Compute(0, bytes), 0x8A9136AAu) << "32 bytes of zeroes";

  bytes.assign(32, std::byte{0xFF});
  EXPECT_EQ(Compute(0, bytes), 0x62A8AB43u) << "32 bytes of ones";

  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(Compute(0, bytes), 0x46DD794Eu) << "32 bytes of incrementing 00..1f";

  for (std::size_t i = 0; i < 32; ++i) bytes[i] = static_cast<std::byte>(31 - i);
  EXPECT_EQ(Compute(0, bytes), 0x113FDB5Cu) << "32 bytes of decrementing 1f..00";

  constexpr std::array<unsigned char, 48> kReadCommand = {
      0x01, 0xC0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x00, 0x00, 0x04, 0x00,
      0x00, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00, 0x18, 0x28, 0x00, 0x00, 0x00,
      0x00, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
  EXPECT_EQ(Compute(0, std::as_bytes(std::span(kReadCommand))), 0xD9963A56u)
      << "an iSCSI SCSI Read (10) command";
}

// The check value of CRC-32/ISCSI in the catalogue of parametrised CRC algorithms.
TEST_P(Crc32cTest, MatchesTheCatalogueCheckValue) {
  EXPECT_EQ(Compute(0, AsBytes("123456789")), 0xE3069283u);
}

TEST_P(Crc32cTest, EmptyInputGivesTheSeed) {
  EXPECT_EQ(Compute(0, {}), 0u);
  EXPECT_EQ(Compute(0xDEADBEEF, {}), 0xDEADBEEFu);
}

TEST_P(Crc32cTest, AgreesWithTheBitwiseReferenceAtEveryLengthAndAlignment) {
  constexpr std::size_t kLengthMax = 1024;
  constexpr std::size_t kAlignments = 8;
  const std::vector<std::byte> bytes = PseudoRandomBytes(kLengthMax + kAlignments);
  for (std::size_t alignment = 0; alignment < kAlignments; ++alignment) {
    for (std::size_t length = 0; length <= kLengthMax; ++length) {
      const ByteSpan span = ByteSpan(bytes).subspan(alignment, length);
      ASSERT_EQ(Compute(0, span), BitwiseCrc32c(0, span))
          << "alignment " << alignment << ", length " << length;
    }
  }
}

// The longest lanes of the interleaved implementation are 1 KiB, three of them a step.
TEST_P(Crc32cTest, AgreesWithTheBitwiseReferenceAroundTheLongestLanes) {
  const std::vector<std::byte> bytes = PseudoRandomBytes(5 * 3072 + 64);
  constexpr std::uint32_t kSeed = 0x12345678;
  for (std::size_t steps = 1; steps <= 5; ++steps) {
    for (std::size_t length = steps * 3072 - 64; length <= steps * 3072 + 64; ++length) {
      const ByteSpan span = ByteSpan(bytes).first(length);
      ASSERT_EQ(Compute(kSeed, span), BitwiseCrc32c(kSeed, span)) << "length " << length;
    }
  }
}

TEST_P(Crc32cTest, SeedContinuesWhatItIsTheChecksumOf) {
  const std::vector<std::byte> bytes = PseudoRandomBytes(777);
  const std::uint32_t whole = Compute(0, bytes);
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    const std::uint32_t head = Compute(0, ByteSpan(bytes).first(split));
    ASSERT_EQ(Compute(head, ByteSpan(bytes).subspan(split)), whole) << "split at " << split;
  }
}

TEST_P(Crc32cTest, EveryFlippedBitChangesTheChecksum) {
  std::vector<std::byte> bytes = PseudoRandomBytes(200);
  const std::uint32_t original = Compute(0, bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const std::byte mask = std::byte{1} << (bit % 8);
    bytes[bit / 8] ^= mask;
    ASSERT_NE(Compute(0, bytes), original) << "bit " << bit;
    bytes[bit / 8] ^= mask;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryVariant, Crc32cTest,
                         testing::ValuesIn(internal::Crc32cVariants().begin(),
                                           internal::Crc32cVariants().end()),
                         [](const testing::TestParamInfo<internal::Crc32cVariant>& variant) {
                           std::string name = variant.param.name;
                           std::erase(name, '.');
                           return name;
                         });

TEST(Crc32cDispatchTest, UsesTheFastestVariantOfThisProcessor) {
  const internal::Crc32cVariant& fastest = internal::Crc32cVariants().front();
  EXPECT_STREQ(Crc32cImplementation(), fastest.name);
  const std::vector<std::byte> bytes = PseudoRandomBytes(4096);
  EXPECT_EQ(Crc32c(7, bytes), fastest.function(7, bytes));
}

TEST(Crc32cDispatchTest, ThePortableVariantIsAlwaysThere) {
  EXPECT_STREQ(internal::Crc32cVariants().back().name, "portable");
}

}  // namespace
}  // namespace seglog::hash
