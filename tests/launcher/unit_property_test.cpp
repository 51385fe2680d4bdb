#include "launcher/unit_property.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/scope_request.h"

namespace cgwarden::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint64_t kInfinity = 18446744073709551615U;

UnitProperty number(const std::string& name, std::uint64_t value) { return {name, value}; }

TEST(UnitProperties, OfTheFilesSystemdKnows) {
  EXPECT_THAT(unit_properties(std::vector<ControlWrite>{{"memory.max", "4096"},
                                                        {"memory.low", "0"},
                                                        {"memory.swap.max", "max"},
                                                        {"cpu.weight", "79"},
                                                        {"pids.max", "max"},
                                                        {"io.weight", "default 55"},
                                                        {"hugetlb.2MB.max", "0"}}),
              ElementsAre(number("MemoryMax", 4096), number("MemoryLow", 0),
                          number("MemorySwapMax", kInfinity), number("CPUWeight", 79),
                          number("TasksMax", kInfinity), number("IOWeight", 55)));
}

TEST(UnitProperties, QuotaIsRoundedUpToAPercent) {
  const auto quota = [](const std::string& value) {
    return std::get<std::uint64_t>(
        unit_properties(std::vector<ControlWrite>{{"cpu.max", value}}).at(0).value);
  };
  EXPECT_EQ(quota("50000 100000"), 500000U);
  EXPECT_EQ(quota("1000 100000"), 10000U);
  EXPECT_EQ(quota("1001 100000"), 20000U);
  EXPECT_EQ(quota("1 1000000"), 10000U);
  EXPECT_EQ(quota("max 50000"), kInfinity);
}

TEST(UnitProperties, TheFileGetsTheQuotaThatSystemdWillWrite) {
  const auto file = [](const std::string& value) {
    return with_whole_percents({{"memory.max", "1"}, {"cpu.max", value}}).at(1).value;
  };
  EXPECT_EQ(file("50000 100000"), "50000 100000");
  EXPECT_EQ(file("50500 100000"), "51000 100000");
  EXPECT_EQ(file("33333 50000"), "33500 50000");
  EXPECT_EQ(file("1001"), "2000 100000");
  for (const std::string value : {"max 50000", "max", "a b", "1000 0", "18446744073709551614 1000",
                                  "18446744073709 18446744073709551615"}) {
    EXPECT_EQ(file(value), value);
  }
}

TEST(UnitProperties, AScopeThatIsMadeKnowsWhatItsOomKillMeans) {
  EXPECT_EQ(oom_policy({{"memory.max", "1"}}), std::nullopt);
  EXPECT_EQ(oom_policy({{"memory.oom.group", "2"}}), std::nullopt);
  EXPECT_EQ(oom_policy({{"memory.oom.group", "1"}}),
            (UnitProperty{"OOMPolicy", std::string("kill")}));
  EXPECT_EQ(oom_policy({{"memory.oom.group", " 0 "}}),
            (UnitProperty{"OOMPolicy", std::string("continue")}));
}

TEST(UnitProperties, NoTasksAtAllIsRefusedBySystemd) {
  EXPECT_THAT(unit_properties(std::vector<ControlWrite>{{"pids.max", "0"}}),
              ElementsAre(number("TasksMax", 1)));
}

TEST(UnitProperties, IdleIsAWeightOfZero) {
  using Writes = std::vector<ControlWrite>;
  EXPECT_THAT(unit_properties(Writes{{"cpu.weight", "50"}, {"cpu.idle", "1"}}),
              ElementsAre(number("CPUWeight", 0)));
  EXPECT_THAT(unit_properties(Writes{{"cpu.idle", "1"}, {"cpu.weight", "50"}}),
              ElementsAre(number("CPUWeight", 0)));
  EXPECT_THAT(unit_properties(Writes{{"cpu.weight", "50"}, {"cpu.idle", "0"}}),
              ElementsAre(number("CPUWeight", 50)));
  EXPECT_THAT(unit_properties(Writes{{"cpu.idle", "0"}}), ElementsAre(number("CPUWeight", 100)));
}

TEST(UnitProperties, ValuesForTheKernelAloneAreLeftToIt) {
  EXPECT_THAT(unit_properties(std::vector<ControlWrite>{{"memory.max", "64M"},
                                                        {"cpu.max", "a b"},
                                                        {"cpu.max", "1000 0"},
                                                        {"io.weight", "8:0 100"},
                                                        {"cpuset.cpus", "all"}}),
              IsEmpty());
}

TEST(CpuMask, Lists) {
  using Mask = std::vector<std::uint8_t>;
  EXPECT_EQ(cpu_mask("0"), Mask({1}));
  EXPECT_EQ(cpu_mask("0-2,8"), Mask({7, 1}));
  EXPECT_EQ(cpu_mask("7-8"), Mask({128, 1}));
  EXPECT_EQ(cpu_mask("8191")->size(), 1024U);
  for (const std::string list : {"", "a", "1-", "-1", "2-1", "1-2-3", "8192", "1,,2", "0-31:2/4"}) {
    EXPECT_FALSE(cpu_mask(list)) << list;
  }
}

UnitValue value_of(const std::string& text, const std::string& name = "Abc") {
  const auto properties =
      unit_properties(std::map<std::string, std::string>{{"org.systemd.property." + name, text}});
  EXPECT_TRUE(properties) << text;
  return properties ? properties->at(0).value : UnitValue(std::string("refused"));
}

TEST(UnitProperties, OfAnnotations) {
  EXPECT_EQ(value_of("true"), UnitValue(true));
  EXPECT_EQ(value_of("-5"), UnitValue(std::int32_t{-5}));
  EXPECT_EQ(value_of("uint64 5"), UnitValue(std::uint64_t{5}));
  EXPECT_EQ(value_of("int64 -5"), UnitValue(std::int64_t{-5}));
  EXPECT_EQ(value_of("uint32 4294967295"), UnitValue(std::uint32_t{4294967295}));
  EXPECT_EQ(value_of("'it\\'s'"), UnitValue(std::string("it's")));
  EXPECT_EQ(value_of("\"mixed\""), UnitValue(std::string("mixed")));
  EXPECT_EQ(value_of("['a.service', 'b']"), UnitValue(std::vector<std::string>{"a.service", "b"}));
  EXPECT_EQ(value_of("30", "TimeoutStopSec"), UnitValue(std::uint64_t{30000000}));
  EXPECT_EQ(value_of("uint64 7", "TimeoutStopUSec"), UnitValue(std::uint64_t{7}));
  EXPECT_THAT(*unit_properties(std::map<std::string, std::string>{{"other", "x"}}), IsEmpty());
}

TEST(UnitProperties, AnnotationsOfOtherTypesAreRefused) {
  for (const std::string text : {"", "word", "'open", "uint64 -1", "uint32 4294967296", "[1]", "{}",
                                 "(1,2)", "'a'b'", "uint64", "byte 5"}) {
    const auto refused =
        unit_properties(std::map<std::string, std::string>{{"org.systemd.property.Abc", text}});
    ASSERT_FALSE(refused) << text;
    EXPECT_THAT(refused.error().text, HasSubstr("org.systemd.property.Abc"));
  }
  for (const std::string name : {"", "ab", "abc", "A-b", "A.b"}) {
    EXPECT_FALSE(unit_properties(
        std::map<std::string, std::string>{{"org.systemd.property." + name, "true"}}))
        << name;
  }
  EXPECT_FALSE(unit_properties(
      std::map<std::string, std::string>{{"org.systemd.property.TimeoutStopSec", "-1"}}));
}

TEST(ScopeRequest, SurvivesItsJson) {
  const ScopeRequest request{.verb = ScopeVerb::set,
                             .user = true,
                             .unit = "a.scope",
                             .slice = "b.slice",
                             .description = "c",
                             .pids = {1, 4294967295},
                             .properties = {{"B", true},
                                            {"I", std::int32_t{-1}},
                                            {"U", std::uint32_t{2}},
                                            {"X", std::int64_t{-3}},
                                            {"T", kInfinity},
                                            {"D", 0.5},
                                            {"S", std::string("text")},
                                            {"As", std::vector<std::string>{"x", "y"}},
                                            {"Au", std::vector<std::uint32_t>{1, 2}},
                                            {"Ay", std::vector<std::uint8_t>{0, 255}}},
                             .annotated = {{"Y", std::string("z")}}};
  const auto parsed = parse_scope_request(to_json(request));
  ASSERT_TRUE(parsed) << parsed.error().sentence();
  EXPECT_EQ(*parsed, request);
}

TEST(ScopeRequest, BadOnesAreRefused) {
  for (const std::string text :
       {"", "[]", "{}", R"({"verb":"start"})", R"({"verb":"x","unit":"u"})",
        R"({"verb":"stop","unit":"u","user":1})", R"({"verb":"stop","unit":"u","pids":[-1]})",
        R"({"verb":"stop","unit":"u","pids":[4294967296]})",
        R"({"verb":"stop","unit":"u","properties":[1]})",
        R"({"verb":"stop","unit":"u","annotated":[1]})",
        R"({"verb":"stop","unit":"u","properties":"x"})",
        R"({"verb":"stop","unit":"u","properties":[{"name":"A","type":"ay","value":[256]}]})",
        R"({"verb":"stop","unit":"u","properties":[{"name":"A","type":"b","value":1}]})",
        R"({"verb":"stop","unit":"u","properties":[{"name":"A","type":"z","value":1}]})"}) {
    EXPECT_FALSE(parse_scope_request(text)) << text;
  }
}

TEST(ScopeAnswer, PathOrError) {
  EXPECT_EQ(parse_scope_answer(to_json(ScopeAnswer{"/a.scope", ""}))->path, "/a.scope");
  EXPECT_EQ(parse_scope_answer(to_json(ScopeAnswer{"", "no \xff bus"}))->path, "");
  EXPECT_THAT(parse_scope_answer(to_json(ScopeAnswer{"", "no bus"}))->error, "no bus");
  EXPECT_FALSE(parse_scope_answer("nonsense"));
}

}  // namespace
}  // namespace cgwarden::launcher
