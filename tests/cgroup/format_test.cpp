#include "cgroup/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgwarden::cgroup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(ParseNumberTest, TakesOneWholeLine) {
  EXPECT_EQ(parse_number("18446744073709551615\n", "f").value(), 18446744073709551615ULL);
  EXPECT_EQ(parse_number("0\n", "f").value(), 0U);
}

TEST(ParseNumberTest, RejectsWhatIsNotANumber) {
  for (const char* bad : {"", "\n", "12", "-1\n", "+1\n", " 1\n", "1 \n", "12abc\n", "1\n2\n",
                          "18446744073709551616\n", "max\n", "0x10\n", "1\n\n", "1.5\n"}) {
    const auto value = parse_number(bad, "pids.current");
    ASSERT_FALSE(value.has_value()) << bad;
    EXPECT_EQ(value.error().kind, ErrorKind::malformed) << bad;
    EXPECT_THAT(value.error().sentence(), HasSubstr("cannot parse pids.current")) << bad;
  }
}

TEST(ParseLimitTest, TellsMaxFromNumbers) {
  EXPECT_TRUE(is_max(parse_limit("max\n", "f").value()));
  EXPECT_EQ(std::get<std::uint64_t>(parse_limit("0\n", "f").value()), 0U);
  for (const char* bad : {"max", "max \n", "maxx\n", "MAX\n", "ma\n", "", "-1\n", "1M\n"}) {
    EXPECT_FALSE(parse_limit(bad, "f").has_value()) << bad;
  }
}

TEST(ParseFlagTest, TakesZeroAndOneOnly) {
  EXPECT_FALSE(parse_flag("0\n", "f").value());
  EXPECT_TRUE(parse_flag("1\n", "f").value());
  for (const char* bad : {"", "1", "2\n", "01\n", "true\n", "1\n1\n"}) {
    EXPECT_FALSE(parse_flag(bad, "f").has_value()) << bad;
  }
}

TEST(ParseListTest, TakesWordsOfOneLine) {
  EXPECT_THAT(parse_list("cpuset cpu io\n", "f").value(), ElementsAre("cpuset", "cpu", "io"));
  EXPECT_THAT(parse_list("", "f").value(), IsEmpty());
  EXPECT_THAT(parse_list("\n", "f").value(), IsEmpty());
  for (const char* bad : {"cpu", "cpu io", "cpu  io\n", " cpu\n", "cpu cpu\n", "cpu\nio\n"}) {
    EXPECT_FALSE(parse_list(bad, "f").has_value()) << bad;
  }
}

TEST(ParseFlatKeyedTest, GivesEachPairOnce) {
  std::vector<std::string> seen;
  const auto status = parse_flat_keyed("a 1\nb two words\n", "f", [&](auto key, auto value) {
    seen.push_back(std::string(key) + "=" + std::string(value));
    return true;
  });
  EXPECT_TRUE(status.has_value());
  EXPECT_THAT(seen, ElementsAre("a=1", "b=two words"));
}

TEST(ParseFlatKeyedTest, RejectsDamagedText) {
  const auto any = [](auto, auto) { return true; };
  for (const char* bad : {"a 1\nb 2", "a 1", "a\n", " 1\n", "a \n", "\n", "a 1\n\nb 2\n",
                          "a 1\na 1\n", "a 1\nb 2\na 3\n"}) {
    const auto status = parse_flat_keyed(bad, "f", any);
    ASSERT_FALSE(status.has_value()) << bad;
    EXPECT_EQ(status.error().kind, ErrorKind::malformed) << bad;
  }
  EXPECT_TRUE(parse_flat_keyed("", "f", any).has_value());
}

TEST(ParseFlatKeyedTest, NamesTheBadValue) {
  const auto status = parse_flat_keyed("a x\n", "cpu.stat", [](auto, auto) { return false; });
  EXPECT_EQ(status.error().sentence(), "cannot parse cpu.stat: bad value \"x\" of key \"a\"");
}

TEST(ParseFlatKeyedTest, ErrorTextIsPrintableAndShort) {
  const std::string hostile = "\x1b[2J" + std::string(5000, 'x');
  const auto status = parse_flat_keyed(hostile + "\n", "f", [](auto, auto) { return true; });
  EXPECT_LT(status.error().sentence().size(), 200U);
  EXPECT_THAT(status.error().sentence(), HasSubstr("\\x1b[2J"));
}

TEST(ParseNestedKeyedTest, GivesKeyAndPairs) {
  std::vector<std::string> seen;
  const auto status =
      parse_nested_keyed("8:0 a=1  b=\n8:16 \n8:32\n", "f", [&](auto key, const auto& pairs) {
        std::string text(key);
        for (const NestedPair& pair : pairs) {
          text += "," + std::string(pair.key) + "=" + std::string(pair.value);
        }
        seen.push_back(text);
        return true;
      });
  EXPECT_TRUE(status.has_value());
  EXPECT_THAT(seen, ElementsAre("8:0,a=1,b=", "8:16", "8:32"));
}

TEST(ParseNestedKeyedTest, RejectsDamagedText) {
  const auto any = [](auto, const auto&) { return true; };
  // The third is what kernels before 5.15 printed for idle devices: whose bytes they are cannot be
  // told.
  for (const char* bad : {"8:0 a=1", "8:0 a=1\n8:16 b=2", "7:7 7:6 8:0 rbytes=1\n", " a=1\n", "\n",
                          "8:0 a=1 a=2\n", "8:0 a=1\n8:0 b=1\n", "8:0 =1\n", "8:0 a\n"}) {
    EXPECT_FALSE(parse_nested_keyed(bad, "f", any).has_value()) << bad;
  }
  EXPECT_TRUE(parse_nested_keyed("", "f", any).has_value());
}

}  // namespace
}  // namespace cgwarden::cgroup
