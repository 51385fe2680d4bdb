#include "launcher/json_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"
#include "launcher/json.h"

namespace cgwarden::launcher {
namespace {

using nlohmann::json;
using testing::Eq;

// What the library's own parser says.
json by_library(const std::string& text) { return json::parse(text, nullptr, false); }

void expect_the_same(const std::string& text) {
  json ours;
  const JsonText read = read_json(text, ours);
  const json theirs = by_library(text);
  // It keeps the last of two members with one name.
  if (read.fault == JsonFault::duplicate) return;
  EXPECT_EQ(read.fault == JsonFault::none, !theirs.is_discarded()) << text;
  if (read.fault != JsonFault::none || theirs.is_discarded()) return;
  EXPECT_EQ(ours, theirs) << text;
  EXPECT_EQ(ours.dump(), theirs.dump()) << text;
}

const std::vector<std::string> kTexts{"",
                                      " ",
                                      "{}",
                                      "[]",
                                      "{",
                                      "}",
                                      "[",
                                      "[1",
                                      "[1,",
                                      "[1,]",
                                      "[,1]",
                                      "{\"a\"}",
                                      "{\"a\":}",
                                      "{\"a\":1,}",
                                      "{\"a\":1",
                                      "{a:1}",
                                      "{\"a\" : [ 1 , 2 ] , \"b\" : { } }",
                                      "\xEF\xBB\xBF{}",
                                      "\xEF\xBB{}",
                                      "{} {}",
                                      "{}x",
                                      "\t\n\r {}\n",
                                      "\v{}",
                                      "true",
                                      "false",
                                      "null",
                                      "tru",
                                      "truex",
                                      "nulL",
                                      "\"",
                                      "\"a",
                                      "\"a\"",
                                      "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                                      "\"\\a\"",
                                      "\"\\",
                                      "\"\x01\"",
                                      "\"\x7f\"",
                                      "\"\n\"",
                                      R"("\u0041\u00e9\u20ac")",
                                      R"("\ud83d\ude00")",
                                      R"("\ud83d")",
                                      R"("\ud83dx")",
                                      R"("\ud83d\u0041")",
                                      R"("\ude00")",
                                      R"("\u12")",
                                      R"("\u12g4")",
                                      R"("\U0041")",
                                      R"("\u0000")",
                                      R"("\uFFFF\uABCD\uabcd")",
                                      "\"\xc3\xa9\"",
                                      "\"\xe2\x82\xac\"",
                                      "\"\xf0\x9f\x98\x80\"",
                                      "\"\xc0\x80\"",
                                      "\"\xc1\xbf\"",
                                      "\"\xe0\x9f\xbf\"",
                                      "\"\xed\xa0\x80\"",
                                      "\"\xf0\x8f\xbf\xbf\"",
                                      "\"\xf4\x90\x80\x80\"",
                                      "\"\xf5\x80\x80\x80\"",
                                      "\"\xff\"",
                                      "\"\x80\"",
                                      "\"\xe2\x82\"",
                                      "\"\xe2\x28\xa1\"",
                                      "0",
                                      "-0",
                                      "1",
                                      "-1",
                                      "01",
                                      "-",
                                      "+1",
                                      ".5",
                                      "1.",
                                      "1.5",
                                      "-1.5e3",
                                      "1e5",
                                      "1E+5",
                                      "1e-5",
                                      "1e",
                                      "1e+",
                                      "0x10",
                                      "1x",
                                      "1 2",
                                      "9223372036854775807",
                                      "9223372036854775808",
                                      "18446744073709551615",
                                      "18446744073709551616",
                                      "-9223372036854775808",
                                      "-9223372036854775809",
                                      "1e308",
                                      "1e309",
                                      "-1e309",
                                      "1e-999",
                                      "NaN",
                                      "Infinity",
                                      "-Infinity",
                                      "// c\n1",
                                      "/**/1",
                                      "'a'",
                                      "[\"a\",[true,[null]],{\"b\":[]}]"};

TEST(JsonText, ReadsAsTheLibraryDoes) {
  for (const auto& text : kTexts) {
    expect_the_same(text);
    expect_the_same("{\"a\":" + text + "}");
    expect_the_same("[" + text + "," + text + "]");
  }
}

TEST(JsonText, ReadsConfigsAsTheLibraryDoesWholeCutAndChanged) {
  std::mt19937 random(1);  // the same texts each time
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(OCI_CONFIGS)) {
    const std::string text = read_file(entry.path(), 1U << 20U).value();
    ++files;
    expect_the_same(text);
    for (int i = 0; i < 30 && !text.empty(); ++i) {
      const std::size_t at = random() % text.size();
      expect_the_same(text.substr(0, at));
      std::string changed = text;
      changed[at] = static_cast<char>(1 + random() % 255);
      expect_the_same(changed);
    }
  }
  EXPECT_GT(files, 3U);
}

// Others end a text there, or read past it.
TEST(JsonText, AZeroByteIsNoEnd) {
  json value;
  EXPECT_EQ(read_json(std::string("{}\0", 3), value).fault, JsonFault::malformed);
  EXPECT_EQ(read_json(std::string("{}\0{}", 5), value).fault, JsonFault::malformed);
  EXPECT_EQ(read_json(std::string("[1\0]", 4), value).fault, JsonFault::malformed);
  EXPECT_EQ(read_json(std::string("\"a\0b\"", 5), value).fault, JsonFault::malformed);
}

TEST(JsonText, TellsTheFirstNameThatStandsTwice) {
  json value;
  const JsonText read = read_json(R"({"a":{"b":1,"c":2,"b":3},"d":1,"a":2})", value);
  EXPECT_EQ(read.fault, JsonFault::duplicate);
  EXPECT_THAT(read.duplicate, Eq("b"));
  EXPECT_EQ(read_json(R"({"a":{"b":1},"c":{"b":1}})", value).fault, JsonFault::none);
  EXPECT_EQ(read_json(R"({"a":1,"\u0061":1})", value).fault, JsonFault::duplicate);
  // What is no JSON at all is called that.
  EXPECT_EQ(read_json(R"({"a":1,"a":1)", value).fault, JsonFault::malformed);
}

TEST(JsonText, IsNestedNoDeeperThanItsLimit) {
  const auto nested = [](int depth) {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  };
  json value;
  EXPECT_EQ(read_json(nested(kJsonDepth), value).fault, JsonFault::none);
  EXPECT_EQ(read_json(nested(kJsonDepth + 1), value).fault, JsonFault::too_deep);
  EXPECT_EQ(read_json(std::string(1'000'000, '['), value).fault, JsonFault::too_deep);
}

}  // namespace
}  // namespace cgwarden::launcher
