#include "cgroup/control_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cgwarden::cgroup {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kPage = 4096;

// "write|settled"
std::string resolved(const std::string& file, const char* wanted, const char* current) {
  const auto value = resolve_value(file, wanted, current, kPage);
  return value ? value->write + "|" + value->settled : value.error().sentence();
}

std::string shown(const std::string& file, const char* wanted, const char* current) {
  const auto value = shown_value(file, wanted, current);
  return value ? *value : value.error().sentence();
}

TEST(ControlValueTest, CpuMaxKeepsThePeriodOfTheFile) {
  EXPECT_EQ(resolved("cpu.max", "50000", "max 1000000\n"), "50000 1000000|50000 1000000");
  EXPECT_EQ(resolved("cpu.max", "max", "50000 200000\n"), "max 200000|max 200000");
  EXPECT_EQ(resolved("cpu.max", "50000 100000\n", "max 200000\n"), "50000 100000|50000 100000");
  EXPECT_EQ(shown("cpu.max", "50000", "50000 100000\n"), "50000 100000");
}

TEST(ControlValueTest, NumbersCompareByValue) {
  EXPECT_EQ(resolved("cpu.weight", "0300", "100\n"), "300|300");
  EXPECT_EQ(shown("cpu.weight", "300", "300\n"), "300");
  EXPECT_EQ(resolved("pids.max", "max", "100\n"), "max|max");
  EXPECT_EQ(resolved("cpu.idle", "1", "0\n"), "1|1");
}

TEST(ControlValueTest, MemoryIsCountedInPages) {
  EXPECT_EQ(resolved("memory.high", "4096", "max\n"), "4096|4096");
  EXPECT_EQ(resolved("memory.high", "4097", "max\n"), "4097|4096");
  EXPECT_EQ(resolved("memory.high", "8191", "max\n"), "8191|4096");
  EXPECT_EQ(resolved("memory.max", "0", "max\n"), "0|0");
  EXPECT_EQ(resolved("memory.max", "max", "0\n"), "max|max");
  EXPECT_EQ(resolved("memory.max", "18446744073709551615", "0\n"), "18446744073709551615|max");
  EXPECT_EQ(resolved("memory.max", "9223372036854771712", "0\n"), "9223372036854771712|max");
}

TEST(ControlValueTest, MemoryBelowAPageIsRefused) {
  for (const char* value : {"1", "4095"}) {
    for (const char* file : {"memory.high", "memory.max", "memory.swap.max", "memory.low"}) {
      const auto refused = resolve_value(file, value, "max\n", kPage);
      ASSERT_FALSE(refused.has_value()) << file;
      EXPECT_EQ(refused.error().kind, ErrorKind::invalid);
      EXPECT_THAT(refused.error().sentence(), HasSubstr("would store " + std::string(value)));
    }
  }
}

TEST(ControlValueTest, BadValuesAreInvalidNotWritten) {
  for (const auto& [file, value] : std::vector<std::pair<const char*, const char*>>{
           {"cpu.max", "half"},        {"cpu.max", ""},
           {"cpu.max", "1 2 3"},       {"cpu.weight", "-1"},
           {"cpu.weight", "max"},      {"memory.max", "100MB"},
           {"memory.max", "1.5G"},     {"memory.max", "50%"},
           {"memory.max", ""},         {"memory.oom.group", "2"},
           {"pids.max", "many"},       {"io.max", "rbps=1"},
           {"io.max", "8:0 rbps=1M"},  {"io.max", ""},
           {"io.weight", "0"},         {"io.weight", "8:0"},
           {"io.weight", "x default"}, {"other.file", "two\nlines"},
           {"other.file", ""},         {"cgroup.freeze", "yes"}}) {
    const auto refused = resolve_value(file, value, "max 100000\n", kPage);
    ASSERT_FALSE(refused.has_value()) << file << " " << value;
    EXPECT_EQ(refused.error().kind, ErrorKind::invalid) << file << " " << value;
  }
}

TEST(ControlValueTest, IoMaxComparesTheNamedKeysOfOneDevice) {
  const char* current =
      "8:0 rbps=max wbps=5 riops=max wiops=120\n8:16 rbps=1 wbps=2 riops=3 wiops=4\n";
  EXPECT_EQ(resolved("io.max", "8:0 wiops=120  rbps=max", current),
            "8:0 rbps=max wiops=120|8:0 rbps=max wiops=120");
  EXPECT_EQ(shown("io.max", "8:0 wiops=9 rbps=9", current), "8:0 rbps=max wiops=120");
  EXPECT_EQ(shown("io.max", "8:32 wbps=9", current), "8:32 wbps=max");
}

TEST(ControlValueTest, IoWeightOfDefaultAndDevice) {
  const char* current = "default 100\n8:0 200\n";
  EXPECT_EQ(resolved("io.weight", "300", current), "default 300|default 300");
  EXPECT_EQ(shown("io.weight", "300", current), "default 100");
  EXPECT_EQ(shown("io.weight", "8:0 5", current), "8:0 200");
  EXPECT_EQ(shown("io.weight", "8:16 default", current), "8:16 default");
  EXPECT_EQ(resolved("io.weight", "8:0 default", current), "8:0 default|8:0 default");
}

}  // namespace
}  // namespace cgwarden::cgroup
