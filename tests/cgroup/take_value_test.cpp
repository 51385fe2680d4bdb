#include "cgroup/take_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "cgroup/sampled_files.h"
#include "tests/cgroup/facts.h"

namespace cgwarden::cgroup {
namespace {

using ::testing::Contains;
using testing::Facts;
using testing::facts;
using ::testing::Key;
using ::testing::Not;

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

std::size_t file(std::string_view name) { return sampled_file(name); }

CgroupValues all_files() {
  CgroupValues values{};
  values.files = kValuesCpuStat | kValuesMemory | kValuesCpuPressure | kValuesMemoryPressure |
                 kValuesIoPressure | kValuesPids | kValuesEvents;
  return values;
}

// What every file of the values says.
Facts taken(const CgroupValues& values) {
  Sample sample;
  for (std::size_t i = 0; i < kSampledFiles; ++i) static_cast<void>(take_value(values, i, sample));
  return facts(sample);
}

TEST(TakeValue, SaysWhatTheFilesWouldPrint) {
  CgroupValues values = all_files();
  values.keys = kValuesNice | kValuesForceIdle | kValuesBandwidth;
  values.runtime_nsec = 10'000'999;
  values.user_nsec = 12'000'000;
  values.system_nsec = 4'000'000;
  values.nice_nsec = 17'999;
  values.force_idle_nsec = 19'001;
  values.nr_periods = 41;
  values.nr_throttled = 31;
  values.throttled_nsec = 2'801'234'567;
  values.nr_bursts = 5;
  values.burst_nsec = 60'123'999;
  values.memory_bytes = 31457280;
  for (std::uint64_t i = 0; i < kValuesMemoryEvents; ++i) values.memory_events[i] = i + 1;
  values.pids = 7;
  values.populated = 2;  // cgroups and tasks below, counted
  values.frozen = 1;
  for (std::uint64_t i = 0; i < kValuesPressureStates; ++i) {
    values.stalled_nsec[i] = (i + 1) * 1'000'000 + 999;
  }
  // 100 %, 61.53 % and the least that is not 0: 2048 is one percent.
  values.averages[4][0] = 204800;
  values.averages[4][1] = 126023;
  values.averages[4][2] = 21;
  EXPECT_EQ(taken(values), (Facts{
                               {"cpu.stat", "present"},
                               {"cpu.stat|usage_usec", "10000"},
                               {"cpu.stat|user_usec", "7500"},
                               {"cpu.stat|system_usec", "2500"},
                               {"cpu.stat|nice_usec", "17"},
                               {"cpu.stat|core_sched.force_idle_usec", "19"},
                               {"cpu.stat|nr_periods", "41"},
                               {"cpu.stat|nr_throttled", "31"},
                               {"cpu.stat|throttled_usec", "2801234"},
                               {"cpu.stat|nr_bursts", "5"},
                               {"cpu.stat|burst_usec", "60123"},
                               {"memory.current", "present"},
                               {"memory.current|", "31457280"},
                               {"memory.events", "present"},
                               {"memory.events|low", "1"},
                               {"memory.events|high", "2"},
                               {"memory.events|max", "3"},
                               {"memory.events|oom", "4"},
                               {"memory.events|oom_kill", "5"},
                               {"memory.events|oom_group_kill", "6"},
                               {"io.pressure", "present"},
                               {"io.pressure|some.avg10", "0.00"},
                               {"io.pressure|some.avg60", "0.00"},
                               {"io.pressure|some.avg300", "0.00"},
                               {"io.pressure|some.total", "1000"},
                               {"io.pressure|full.avg10", "0.00"},
                               {"io.pressure|full.avg60", "0.00"},
                               {"io.pressure|full.avg300", "0.00"},
                               {"io.pressure|full.total", "2000"},
                               {"memory.pressure", "present"},
                               {"memory.pressure|some.avg10", "0.00"},
                               {"memory.pressure|some.avg60", "0.00"},
                               {"memory.pressure|some.avg300", "0.00"},
                               {"memory.pressure|some.total", "3000"},
                               {"memory.pressure|full.avg10", "0.00"},
                               {"memory.pressure|full.avg60", "0.00"},
                               {"memory.pressure|full.avg300", "0.00"},
                               {"memory.pressure|full.total", "4000"},
                               {"cpu.pressure", "present"},
                               {"cpu.pressure|some.avg10", "100.00"},
                               {"cpu.pressure|some.avg60", "61.53"},
                               {"cpu.pressure|some.avg300", "0.01"},
                               {"cpu.pressure|some.total", "5000"},
                               {"cpu.pressure|full.avg10", "0.00"},
                               {"cpu.pressure|full.avg60", "0.00"},
                               {"cpu.pressure|full.avg300", "0.00"},
                               {"cpu.pressure|full.total", "6000"},
                               {"pids.current", "present"},
                               {"pids.current|", "7"},
                               {"cgroup.events", "present"},
                               {"cgroup.events|populated", "1"},
                               {"cgroup.events|frozen", "1"},
                           }));
}

TEST(TakeValue, WhatIsNotOfferedIsLeftAsItWas) {
  Sample sample;
  sample.memory_current = Bytes{4096};
  const CgroupValues nothing{};
  for (std::size_t i = 0; i < kSampledFiles; ++i) EXPECT_FALSE(take_value(nothing, i, sample));
  EXPECT_EQ(facts(sample), (Facts{{"memory.current", "present"}, {"memory.current|", "4096"}}));
  CgroupValues one{};
  one.files = kValuesMemory;
  EXPECT_FALSE(take_value(one, file("cpu.stat"), sample));
  EXPECT_FALSE(take_value(one, file("memory.stat"), sample));
  EXPECT_TRUE(take_value(one, file("memory.current"), sample));
  EXPECT_EQ(sample.memory_current, Bytes{0});
}

TEST(TakeValue, KeysThatTheKernelHasNotAreAbsent) {
  CgroupValues values{};
  values.files = kValuesCpuStat;
  EXPECT_EQ(taken(values), (Facts{{"cpu.stat", "present"},
                                  {"cpu.stat|usage_usec", "0"},
                                  {"cpu.stat|user_usec", "0"},
                                  {"cpu.stat|system_usec", "0"}}));
  values.keys = kValuesBandwidth;
  EXPECT_THAT(taken(values), Contains(Key("cpu.stat|nr_bursts")));
  EXPECT_THAT(taken(values), Not(Contains(Key("cpu.stat|nice_usec"))));
}

TEST(TakeValue, NumbersThatNoKernelPrintsAreLeftToTheFile) {
  CgroupValues values = all_files();
  values.averages[1][2] = 101U << 11U;
  values.nr_throttled = 0x80000000U;
  Sample sample;
  EXPECT_FALSE(take_value(values, file("io.pressure"), sample));
  EXPECT_FALSE(take_value(values, file("cpu.stat"), sample));
  EXPECT_FALSE(sample.io_pressure.has_value());
  EXPECT_FALSE(sample.cpu_stat.has_value());
  EXPECT_TRUE(take_value(values, file("cpu.pressure"), sample));
}

struct SplitCase {
  const char* name;
  std::uint64_t runtime, user, system, shown_user, shown_system;  // nsec
  std::uint64_t expected_user, expected_system;                   // usec
};

class CpuSplitTest : public ::testing::TestWithParam<SplitCase> {};

// kernel/sched/cputime.c cputime_adjust, branch by branch.
TEST_P(CpuSplitTest, DividesTheRunTimeAsTheKernelDoes) {
  const SplitCase& given = GetParam();
  CgroupValues values{};
  values.files = kValuesCpuStat;
  values.runtime_nsec = given.runtime;
  values.user_nsec = given.user;
  values.system_nsec = given.system;
  values.shown_user_nsec = given.shown_user;
  values.shown_system_nsec = given.shown_system;
  Sample sample;
  ASSERT_TRUE(take_value(values, file("cpu.stat"), sample));
  EXPECT_EQ(sample.cpu_stat->user_usec, given.expected_user);
  EXPECT_EQ(sample.cpu_stat->system_usec, given.expected_system);
}

INSTANTIATE_TEST_SUITE_P(
    All, CpuSplitTest,
    ::testing::Values(SplitCase{"in_the_ratio_of_ticks", 8'000'000, 3'000'000, 1'000'000, 0, 0,
                                6000, 2000},
                      SplitCase{"no_system_ticks_yet", 8'000'000, 4'000'000, 0, 0, 0, 8000, 0},
                      SplitCase{"no_user_ticks_yet", 8'000'000, 0, 4'000'000, 0, 0, 0, 8000},
                      SplitCase{"no_ticks_at_all", 8'000'000, 0, 0, 0, 0, 8000, 0},
                      SplitCase{"system_does_not_fall", 8'000'000, 3'000'000, 1'000'000, 1'000'000,
                                4'000'000, 4000, 4000},
                      SplitCase{"user_does_not_fall", 8'000'000, 1'000'000, 3'000'000, 5'000'000,
                                1'000'000, 5000, 3000},
                      SplitCase{"the_run_time_is_behind_what_was_shown", 8'000'000, 1'000'000,
                                3'000'000, 5'000'000, 3'000'000, 5000, 3000},
                      SplitCase{"products_over_64_bits", 1ULL << 62U, 1ULL << 61U, 1ULL << 61U, 0,
                                0, (1ULL << 61U) / 1000, (1ULL << 61U) / 1000},
                      SplitCase{"sums_over_64_bits", kMost, kMost, kMost, 0, 0,
                                (kMost - kMost / 2) / 1000, kMost / 2 / 1000}),
    [](const auto& test) { return test.param.name; });

CpuStat split_of(std::uint64_t user, std::uint64_t system) {
  CpuStat stat;
  stat.user_usec = user;
  stat.system_usec = system;
  return stat;
}

TEST(KeepRising, NeitherPartFallsAndTheSumStays) {
  const auto kept = [](std::uint64_t user, std::uint64_t system) {
    CpuStat now = split_of(user, system);
    keep_rising(split_of(100, 50), now);
    return std::pair(*now.user_usec, *now.system_usec);
  };
  EXPECT_EQ(kept(110, 60), std::pair(110UL, 60UL));
  EXPECT_EQ(kept(90, 70), std::pair(100UL, 60UL));
  EXPECT_EQ(kept(130, 40), std::pair(120UL, 50UL));
  // The whole fell: nothing can be kept.
  EXPECT_EQ(kept(80, 50), std::pair(80UL, 50UL));
  CpuStat incomplete;
  incomplete.user_usec = 3;
  keep_rising(split_of(100, 50), incomplete);
  EXPECT_EQ(incomplete.user_usec, 3U);
}

TEST(KeepRising, IsDoneWithTheSampleOfBefore) {
  CgroupValues values{};
  values.files = kValuesCpuStat;
  values.runtime_nsec = 8'000'000;
  values.user_nsec = 3'000'000;
  values.system_nsec = 1'000'000;
  Sample sample;
  sample.cpu_stat = split_of(5000, 2500);
  ASSERT_TRUE(take_value(values, file("cpu.stat"), sample));
  EXPECT_EQ(sample.cpu_stat->user_usec, 5500U);
  EXPECT_EQ(sample.cpu_stat->system_usec, 2500U);
}

}  // namespace
}  // namespace cgwarden::cgroup
