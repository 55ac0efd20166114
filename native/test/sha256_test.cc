// SPDX-License-Identifier: MIT
#include "hash/sha256.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hash/sha256_internal.h"

namespace seglog::hash {
namespace {

std::string Hex(ByteSpan bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    text += kDigits[std::to_integer<std::size_t>(byte & std::byte{0x0F})];
  }
  return text;
}

std::vector<std::byte> Pattern(std::size_t length) {
  std::vector<std::byte> bytes(length);
  for (std::size_t i = 0; i < length; ++i) bytes[i] = static_cast<std::byte>(i * 131 + length);
  return bytes;
}

class Sha256VariantTest : public testing::TestWithParam<internal::Sha256Variant> {
 protected:
  // Pads the whole message at once (FIPS 180-4, section 5.1.1), unlike Sha256, and compresses it.
  static Sha256Digest Compute(ByteSpan message) {
    std::vector<std::byte> padded(message.begin(), message.end());
    padded.push_back(std::byte{0x80});
    padded.resize(AlignUp(padded.size() + 8, internal::kSha256BlockBytes));
    const std::uint64_t bits = message.size() * 8;
    for (std::size_t i = 0; i < 8; ++i) {
      padded[padded.size() - 1 - i] = static_cast<std::byte>(bits >> (8 * i));
    }
    internal::Sha256State state = internal::kSha256InitialState;
    GetParam().function(&state, padded);
    Sha256Digest digest;
    for (std::size_t i = 0; i < digest.size(); ++i) {
      digest[i] = static_cast<std::byte>(state[i / 4] >> (24 - 8 * (i % 4)));
    }
    return digest;
  }
};

// "" and the first two from NIST's examples for FIPS 180-4; the others from FIPS 180-2, appendix B,
// and its change notice.
struct PublishedVector {
  std::string message;
  std::string_view digest;
};

std::vector<PublishedVector> PublishedVectors() {
  return {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
       "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
      {std::string(1'000'000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
  };
}

TEST_P(Sha256VariantTest, MatchesThePublishedVectors) {
  for (const PublishedVector& vector : PublishedVectors()) {
    EXPECT_EQ(Hex(Compute(AsBytes(vector.message))), vector.digest)
        << vector.message.size() << " bytes";
  }
}

// The digest of the digests of Pattern(0) to Pattern(1024), as Python's hashlib computes it.
constexpr std::string_view kDigestOfDigests =
    "b029e2a29fa96aef28696ce4abc3b56f620fcca1e1fd9897082cea2f85b17d3c";

TEST_P(Sha256VariantTest, AgreesWithAnotherImplementationAtEveryLength) {
  std::vector<std::byte> digests;
  for (std::size_t length = 0; length <= 1024; ++length) {
    const Sha256Digest digest = Compute(Pattern(length));
    digests.insert(digests.end(), digest.begin(), digest.end());
  }
  EXPECT_EQ(Hex(Compute(digests)), kDigestOfDigests);
}

TEST_P(Sha256VariantTest, UnalignedBlocksGiveTheSameDigest) {
  const std::vector<std::byte> message = Pattern(4 * internal::kSha256BlockBytes);
  internal::Sha256State expected = internal::kSha256InitialState;
  GetParam().function(&expected, message);
  for (std::size_t shift = 1; shift < 16; ++shift) {
    std::vector<std::byte> shifted(shift);
    shifted.insert(shifted.end(), message.begin(), message.end());
    internal::Sha256State state = internal::kSha256InitialState;
    GetParam().function(&state, ByteSpan(shifted).subspan(shift));
    EXPECT_EQ(state, expected) << "shifted by " << shift;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryVariant, Sha256VariantTest,
                         testing::ValuesIn(internal::Sha256Variants().begin(),
                                           internal::Sha256Variants().end()),
                         [](const testing::TestParamInfo<internal::Sha256Variant>& variant) {
                           std::string name = variant.param.name;
                           std::erase(name, '-');
                           return name;
                         });

TEST(Sha256Test, MatchesThePublishedVectors) {
  for (const PublishedVector& vector : PublishedVectors()) {
    EXPECT_EQ(Hex(Sha256Of(AsBytes(vector.message))), vector.digest)
        << vector.message.size() << " bytes";
  }
}

TEST(Sha256Test, AgreesWithAnotherImplementationAtEveryLength) {
  Sha256 of_digests;
  for (std::size_t length = 0; length <= 1024; ++length) {
    of_digests.Update(Sha256Of(Pattern(length)));
  }
  EXPECT_EQ(Hex(of_digests.Finish()), kDigestOfDigests);
}

TEST(Sha256Test, TwoPiecesGiveTheDigestOfTheWhole) {
  const std::vector<std::byte> message = Pattern(300);
  const Sha256Digest whole = Sha256Of(message);
  for (std::size_t split = 0; split <= message.size(); ++split) {
    Sha256 sha256;
    sha256.Update(ByteSpan(message).first(split));
    sha256.Update(ByteSpan(message).subspan(split));
    ASSERT_EQ(sha256.Finish(), whole) << "split at " << split;
  }
}

TEST(Sha256Test, ManyPiecesGiveTheDigestOfTheWhole) {
  const std::vector<std::byte> message = Pattern(1000);
  const Sha256Digest whole = Sha256Of(message);
  for (std::size_t piece_bytes = 1; piece_bytes <= 130; ++piece_bytes) {
    Sha256 sha256;
    for (ByteSpan left = message; !left.empty();) {
      const std::size_t taken = std::min(piece_bytes, left.size());
      sha256.Update(left.first(taken));
      sha256.Update({});
      left = left.subspan(taken);
    }
    ASSERT_EQ(sha256.Finish(), whole) << "pieces of " << piece_bytes;
  }
}

TEST(Sha256Test, UsesTheFastestVariantOfThisProcessor) {
  EXPECT_STREQ(Sha256Implementation(), internal::Sha256Variants().front().name);
  EXPECT_STREQ(internal::Sha256Variants().back().name, "portable");
}

}  // namespace
}  // namespace seglog::hash
