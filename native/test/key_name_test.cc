// SPDX-License-Identifier: MIT
#include "format/key_name.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "format/record.h"

namespace seglog::format {
namespace {

// Keys that have met somebody's file system before.
std::vector<std::string> NastyKeys() {
  std::vector<std::string> keys = {".",
                                   "..",
                                   "...",
                                   "/",
                                   "//",
                                   "a/b",
                                   "a\\b",
                                   "../../x",
                                   "A",
                                   "a",
                                   "Aa",
                                   "aA",
                                   "~",
                                   "~~",
                                   "~~~",
                                   "~7e",
                                   "~7E",
                                   "~2e",
                                   ".a",
                                   "a.",
                                   "a..b",
                                   "-",
                                   "--help",
                                   "_",
                                   " ",
                                   "a ",
                                   "con",
                                   "CON",
                                   "nul.txt",
                                   "\xF0\x9F\x98\x80",
                                   "\xC3\xA9",
                                   "e\xCC\x81",
                                   "\xFF\xFE",
                                   "a:b",
                                   "a*?<>|\"",
                                   "\n",
                                   "\t",
                                   "%2e",
                                   "lock",
                                   "LOCK",
                                   "catalog.copy",
                                   std::string(1, '\0'),
                                   std::string("a\0", 2),
                                   std::string("a\0b", 3)};
  for (int byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    keys.push_back("x" + one);
    keys.push_back("~~" + one);
  }
  for (const std::size_t bytes : {60u, 61u, 99u, 100u, 101u, 179u, 180u, 181u, 182u, 1020u}) {
    keys.push_back(std::string(bytes, 'a'));
    keys.push_back(std::string(bytes, 'Z'));
    keys.push_back(std::string(bytes, '/'));
    keys.push_back(std::string(bytes, '~'));
    keys.push_back(std::string(bytes, 'a') + "\xF0\x9F\x98\x80");
  }
  for (const char last : {'a', 'b', 'A', '.', '/'}) {
    keys.push_back(std::string(kKeyBytesMax - 1, 'k') + last);
    keys.push_back(std::string(kKeyBytesMax - 1, '\xF0') + last);
  }
  return keys;
}

TEST(KeyNameTest, KeepsPlainKeysAsTheyAre) {
  EXPECT_EQ(KeyName("orders"), "orders");
  EXPECT_EQ(KeyName("orders-2024_07.eu"), "orders-2024_07.eu");
  EXPECT_EQ(KeyName(std::string(kKeyNameBytesMax, 'q')), std::string(kKeyNameBytesMax, 'q'));
}

TEST(KeyNameTest, EscapesEveryOtherByteInLowerCaseHex) {
  EXPECT_EQ(KeyName("."), "~2e");
  EXPECT_EQ(KeyName(".."), "~2e.");
  EXPECT_EQ(KeyName("a/b"), "a~2fb");
  EXPECT_EQ(KeyName("A~z"), "~41~7ez");
  EXPECT_EQ(KeyName("\xF0\x9F\x98\x80"), "~f0~9f~98~80");
  EXPECT_EQ(KeyName(std::string(1, '\0')), "~00");
}

TEST(KeyNameTest, ShortensLongNamesToTheirStartAndTheHashOfTheKey) {
  // head -c 181 /dev/zero | tr '\0' k | sha256sum
  const std::string key(kKeyNameBytesMax + 1, 'k');
  EXPECT_EQ(KeyName(key), std::string(100, 'k') +
                              "~~f6ba9a3395c9da467df2186ae5ba37deeb94f3b22e889844f8a86ff41d29d359");
  // 61 escaped bytes are 183 characters: too long, though the key is not.
  EXPECT_EQ(KeyName(std::string(60, '/')).size(), 180u);
  EXPECT_EQ(KeyName(std::string(61, '/')).size(), 166u);
}

TEST(KeyNameTest, NoTwoKeysShareAName) {
  std::map<std::string, std::string> key_of_name;
  for (const std::string& key : NastyKeys()) {
    const auto [entry, added] = key_of_name.emplace(KeyName(key), key);
    EXPECT_TRUE(added || entry->second == key) << entry->first;
  }
}

TEST(KeyNameTest, NoNameLeavesItsDirectoryHidesOrDependsOnCase) {
  for (const std::string& key : NastyKeys()) {
    const std::string name = KeyName(key);
    ASSERT_FALSE(name.empty());
    EXPECT_LE(name.size(), kKeyNameBytesMax);
    EXPECT_NE(name.front(), '.');
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-~"), std::string::npos)
        << name;
  }
}

TEST(KeyNameTest, StreamDirectoryIsSpreadByTheHashOfTheKey) {
  // printf orders | sha256sum
  EXPECT_EQ(StreamDirectory("orders"), "streams/1c/orders");
  for (const std::string& key : NastyKeys()) {
    const std::string path = StreamDirectory(key);
    EXPECT_EQ(path.substr(0, 8), "streams/");
    EXPECT_EQ(path.find_first_not_of("0123456789abcdef", 8), 10u);
    EXPECT_EQ(path.substr(10), "/" + KeyName(key));
  }
}

TEST(KeyNameTest, FileNamesSortAsTheirNumbersDo) {
  EXPECT_EQ(SegmentFileName(1, 0x2A), "00000000000000000001-000000000000002a.seg");
  EXPECT_EQ(SegmentFileName(std::numeric_limits<std::uint64_t>::max(),
                            std::numeric_limits<std::uint64_t>::max()),
            "18446744073709551615-ffffffffffffffff.seg");
  EXPECT_LT(SegmentFileName(99, 1), SegmentFileName(100, 1));
  EXPECT_EQ(JournalPath(7), "journal/00000000000000000007.journal");
}

TEST(KeyNameTest, GenerationComesBackFromAJournalsName) {
  for (const std::uint64_t generation :
       {std::uint64_t{1}, std::uint64_t{7}, std::numeric_limits<std::uint64_t>::max()}) {
    const std::string path = JournalPath(generation);
    EXPECT_EQ(GenerationOfName(std::string_view(path).substr(8)), generation);
  }
}

TEST(KeyNameTest, GenerationOfAnyOtherNameIsZero) {
  for (const char* name :
       {"", "7.journal", "00000000000000000000.journal", "000000000000000000007.journal",
        "0000000000000000007x.journal", "-0000000000000000007.journal",
        "00000000000000000007.journal2", "00000000000000000007.segment",
        "18446744073709551616.journal", "99999999999999999999.journal", "fresh.tmp",
        "journal/00000000000000000007.journal"}) {
    EXPECT_EQ(GenerationOfName(name), 0u) << name;
  }
}

}  // namespace
}  // namespace seglog::format
