#include "policy/values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace cgwarden::policy {
namespace {

using cgroup::CpuMax;
using ::testing::HasSubstr;

struct CpuCase {
  const char* text;
  std::uint64_t quota;
  std::uint64_t period;
};

TEST(ValuesTest, CpuQuotas) {
  for (const CpuCase& row :
       {CpuCase{"1.5", 150000, 100000}, CpuCase{"2", 200000, 100000}, CpuCase{"0.01", 1000, 100000},
        CpuCase{"0.33333", 33333, 100000}, CpuCase{"500m", 50000, 100000},
        CpuCase{"1500m", 150000, 100000}, CpuCase{"10.5m", 1050, 100000},
        CpuCase{"250ms/100ms", 250000, 100000}, CpuCase{"1ms/1s", 1000, 1000000},
        CpuCase{"1500us/1ms", 1500, 1000}, CpuCase{"50ms / 100ms", 50000, 100000},
        CpuCase{"8192", 819200000, 100000}}) {
    const auto value = parse_cpu_quota(row.text);
    ASSERT_TRUE(value) << row.text << ": " << value.error().problem;
    EXPECT_EQ(*value, (CpuMax{Usec{row.quota}, Usec{row.period}})) << row.text;
  }
  EXPECT_EQ(parse_cpu_quota("max").value(), (CpuMax{Max{}, Usec{100000}}));
}

struct Refusal {
  const char* text;
  const char* problem;
};

TEST(ValuesTest, CpuQuotasThatAreRefused) {
  for (const Refusal& row : {Refusal{"", "it is empty"},
                             {"0", "below 1ms"},
                             {"0.005", "below 1ms"},
                             {"999us/100ms", "below 1ms"},
                             {"50ms/999us", "outside 1ms to 1s"},
                             {"50ms/1001ms", "outside 1ms to 1s"},
                             {"50ms/", "of the period, it is empty"},
                             {"/100ms", "of the quota, it is empty"},
                             {"50/100", "of the quota, it has no unit"},
                             {"50ms", "a quota needs its period"},
                             {"200%", "a percentage could be"},
                             {"50000 100000", "neither cores nor QUOTA/PERIOD"},
                             {"8193", "more than the 8192 CPUs"},
                             {"50000", "more than the 8192 CPUs"},
                             {"1.234567", "more than 5 decimal places"},
                             {"-1", "it is negative"},
                             {"+1", "a sign"},
                             {".nan", "not a number"},
                             {"nan", "not a number"},
                             {".inf", "not a number"},
                             {"1e3", "not a number"},
                             {"0x10", "not a number"},
                             {"010", "octal"},
                             {"1.", "not a number"},
                             {".5", "not a number"},
                             {"1.2.3", "not a number"},
                             {"99999999999999999999", "too large"},
                             {"1.5 cores", "neither cores"},
                             {"MAX", "not a number"}}) {
    const auto value = parse_cpu_quota(row.text);
    ASSERT_FALSE(value) << row.text;
    EXPECT_THAT(value.error().problem, HasSubstr(row.problem)) << row.text;
  }
}

TEST(ValuesTest, Durations) {
  const auto usec = [](std::string_view text) { return parse_duration(text).value().count(); };
  EXPECT_EQ(usec("0"), 0U);
  EXPECT_EQ(usec("50ms"), 50000U);
  EXPECT_EQ(usec("1.5ms"), 1500U);
  EXPECT_EQ(usec("7us"), 7U);
  EXPECT_EQ(usec("2s"), 2000000U);
  EXPECT_EQ(usec("1.5min"), 90000000U);
  EXPECT_EQ(usec("1h"), 3600000000U);
  for (const Refusal& row : {Refusal{"", "it is empty"},
                             {"50", "no unit"},
                             {"50 ms", "not a unit of time"},
                             {"50sec", "not a unit of time"},
                             {"-5ms", "negative"},
                             {"1.5us", "not whole microseconds"},
                             {"1.0000001s", "decimal places"},
                             {"99999999h", "longer than 10 years"},
                             {"max", "not a number"}}) {
    const auto value = parse_duration(row.text);
    ASSERT_FALSE(value) << row.text;
    EXPECT_THAT(value.error().problem, HasSubstr(row.problem)) << row.text;
  }
}

TEST(ValuesTest, MemorySizesAreRoundedDownToPages) {
  const auto bytes = [](std::string_view text) {
    return std::get<Bytes>(parse_memory_limit(text).value()).value;
  };
  EXPECT_EQ(bytes("0"), 0U);
  EXPECT_EQ(bytes("4096"), 4096U);
  EXPECT_EQ(bytes("8191"), 4096U);
  EXPECT_EQ(bytes("64MiB"), 64U << 20U);
  EXPECT_EQ(bytes("4KiB"), 4096U);
  EXPECT_EQ(bytes("1.5GiB"), 3ULL << 29U);
  EXPECT_EQ(bytes("2TiB"), 2ULL << 40U);
  EXPECT_EQ(bytes("0.01MiB"), 8192U);
  EXPECT_TRUE(is_max(parse_memory_limit("max").value()));
  EXPECT_EQ(bytes("9223372036854771711"), 9223372036854767616U);  // the last the kernel can show
}

// mm/hugetlb_cgroup.c hugetlb_cgroup_write(): round_down() to pages of the size.
TEST(ValuesTest, HugePageLimitsAreRoundedDownToHugePages) {
  constexpr std::uint64_t kTwoMiB = 2U << 20U;
  const auto bytes = [](std::string_view text) {
    return std::get<Bytes>(parse_huge_page_limit(text, kTwoMiB).value()).value;
  };
  EXPECT_EQ(bytes("3MiB"), kTwoMiB);
  EXPECT_EQ(bytes("4MiB"), 2 * kTwoMiB);
  EXPECT_EQ(bytes("0"), 0U);
  EXPECT_TRUE(is_max(parse_huge_page_limit("max", kTwoMiB).value()));
  const auto less = parse_huge_page_limit("1MiB", kTwoMiB);
  ASSERT_FALSE(less);
  EXPECT_THAT(less.error().problem, HasSubstr("huge pages of 2097152 bytes and would store 0"));
  EXPECT_EQ(less.error().rule, "L16");
}

TEST(ValuesTest, MemorySizesThatAreRefused) {
  struct Row {
    const char* text;
    const char* problem;
    const char* hint;
  };
  for (const Row& row :
       {Row{"512M", "M is 1000000 bytes to Kubernetes and 1048576 bytes to systemd", "512MiB"},
        {"512MB", "MB is 1000000 bytes to some tools and 1048576 bytes to others", "512MiB"},
        {"1k", "k is 1000 bytes to Kubernetes", "1KiB"},
        {"512Mi", "\"Mi\" is not a unit", "512MiB"},
        {"512 MiB", "\" MiB\" is not a unit", "512MiB"},
        {"512mib", "\"mib\" is not a unit", "512MiB"},
        {"5zB", "\"zB\" is not a unit", "KiB, MiB, GiB or TiB"},
        {"80%", "a percentage needs a named base", "512MiB"},
        {"1", "pages of 4096 bytes and would store 0", "MiB"},
        {"4095", "would store 0", "MiB"},
        {"3.5KiB", "would store 0", "MiB"},
        {"1.5", "bytes are whole", ""},
        {"9223372036854771712", "more than the kernel can count", "max"},
        {"8388608TiB", "more than the kernel can count", "max"},
        {"99999999999999999999GiB", "too large", ""},
        {"-1", "negative", "max"},
        {"", "it is empty", "max"},
        {"unlimited", "not a number", "max"}}) {
    const auto value = parse_memory_limit(row.text);
    ASSERT_FALSE(value) << row.text;
    EXPECT_THAT(value.error().problem, HasSubstr(row.problem)) << row.text;
    EXPECT_THAT(value.error().hint, HasSubstr(row.hint)) << row.text;
  }
}

TEST(ValuesTest, PidsLimits) {
  EXPECT_EQ(std::get<std::uint64_t>(parse_pids_limit("1").value()), 1U);
  EXPECT_EQ(std::get<std::uint64_t>(parse_pids_limit("4194304").value()), 4194304U);
  EXPECT_TRUE(is_max(parse_pids_limit("max").value()));
  EXPECT_THAT(parse_pids_limit("0").error().problem, HasSubstr("EAGAIN"));
  EXPECT_THAT(parse_pids_limit("4194305").error().problem, HasSubstr("outside 1 to 4194304"));
  EXPECT_THAT(parse_pids_limit("-1").error().hint, HasSubstr("max"));
}

TEST(ValuesTest, CountsAndTruths) {
  EXPECT_EQ(parse_count("10000", 1, 10000).value(), 10000U);
  EXPECT_THAT(parse_count("0", 1, 10000).error().problem, HasSubstr("outside 1 to 10000"));
  EXPECT_THAT(parse_count("1.0", 1, 10).error().problem, HasSubstr("not a whole number"));
  EXPECT_THAT(parse_count("x", 1, 10).error().hint, HasSubstr("1 to 10"));
  EXPECT_TRUE(parse_truth("true").value());
  EXPECT_FALSE(parse_truth("false").value());
  for (const char* text : {"yes", "no", "on", "1", "True", ""}) EXPECT_FALSE(parse_truth(text));
}

}  // namespace
}  // namespace cgwarden::policy
