#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "cgroup/format.h"
#include "tests/cgroup/facts.h"
#include "tests/cgroup/fixture_tree.h"

namespace cgwarden::cgroup {
namespace {

using testing::control_files;
using testing::facts;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

const std::string& text_of(const std::string& file) { return control_files().at(file); }

TEST(CpuFilesTest, StatWithBandwidth) {
  EXPECT_THAT(
      facts(parse_cpu_stat(text_of("cpu.stat")).value()),
      UnorderedElementsAre(Pair("usage_usec", "476123"), Pair("user_usec", "400001"),
                           Pair("system_usec", "76122"), Pair("nice_usec", "17"),
                           Pair("core_sched.force_idle_usec", "19"), Pair("nr_periods", "41"),
                           Pair("nr_throttled", "31"), Pair("throttled_usec", "2801234"),
                           Pair("nr_bursts", "5"), Pair("burst_usec", "60123")));
}

TEST(CpuFilesTest, StatWithoutTheController) {
  const CpuStat stat = parse_cpu_stat("usage_usec 3\nuser_usec 2\nsystem_usec 1\n").value();
  EXPECT_EQ(stat.usage_usec, 3U);
  EXPECT_FALSE(stat.nr_periods.has_value());
  EXPECT_FALSE(stat.nr_throttled.has_value());
  EXPECT_FALSE(stat.nice_usec.has_value());
}

TEST(CpuFilesTest, KeysInAnotherOrderAndOnlyUnknownOnes) {
  const CpuStat stat = parse_cpu_stat("nr_throttled 2\nx y\nusage_usec 3\n").value();
  EXPECT_EQ(stat.nr_throttled, 2U);
  EXPECT_EQ(stat.usage_usec, 3U);
  EXPECT_TRUE(facts(parse_cpu_stat("x 1\n").value()).empty());
  EXPECT_TRUE(facts(parse_cpu_stat("").value()).empty());
}

TEST(CpuFilesTest, MaxTakesQuotaAndPeriod) {
  EXPECT_EQ(parse_cpu_max("max 100000\n").value(), (CpuMax{Max{}, Usec{100000}}));
  EXPECT_EQ(parse_cpu_max("50000 200000\n").value(), (CpuMax{Usec{50000}, Usec{200000}}));
  for (const char* bad :
       {"", "max\n", "50000\n", "max 100000", "max 100000\n\n", "50000 100000 1\n",
        "50000  100000\n", "-1 100000\n", "50000 max\n", "50000 0\n", " 50000 100000\n",
        "50000 100000 \n", "50000\n100000\n", "18446744073709551616 100000\n"}) {
    EXPECT_FALSE(parse_cpu_max(bad).has_value()) << bad;
  }
}

TEST(MemoryFilesTest, StatReadsEveryKeyOfTheTable) {
  const auto found = facts(parse_memory_stat(text_of("memory.stat")).value());
  EXPECT_EQ(found.size(), 28U);
  for (const auto& [key, value] : found) {
    EXPECT_THAT("\n" + text_of("memory.stat"),
                ::testing::HasSubstr("\n" + key + " " + value + "\n"));
  }
}

TEST(MemoryFilesTest, EventsSkipWhatNewerKernelsAdd) {
  EXPECT_THAT(
      facts(parse_memory_events(text_of("memory.events")).value()),
      UnorderedElementsAre(Pair("low", "1"), Pair("high", "1802"), Pair("max", "23"),
                           Pair("oom", "4"), Pair("oom_kill", "3"), Pair("oom_group_kill", "2")));
  EXPECT_FALSE(parse_memory_events("low 0\noom_kill 1\n")->oom.has_value());
  EXPECT_FALSE(parse_memory_events("low 0\nlow 0\n").has_value());
  EXPECT_FALSE(parse_memory_events("sock_throttled 1\nsock_throttled 1\n").has_value());
  EXPECT_FALSE(parse_memory_events("low -1\n").has_value());
}

TEST(MemoryFilesTest, SwapEvents) {
  EXPECT_THAT(facts(parse_swap_events(text_of("memory.swap.events")).value()),
              UnorderedElementsAre(Pair("high", "61"), Pair("max", "62"), Pair("fail", "63")));
}

TEST(IoFilesTest, StatWithPolicyKeysAndIdleDevices) {
  EXPECT_THAT(facts(parse_io_stat(text_of("io.stat")).value()),
              UnorderedElementsAre(Pair("254:0", ""), Pair("254:0 rbytes", "1459200"),
                                   Pair("254:0 wbytes", "314773504"), Pair("254:0 rios", "192"),
                                   Pair("254:0 wios", "353"), Pair("254:0 dbytes", "11"),
                                   Pair("254:0 dios", "12"), Pair("254:16", "")));
  EXPECT_TRUE(parse_io_stat("")->empty());
  EXPECT_TRUE(parse_io_stat("254:0  cost.vrate=100.00\n").has_value());
  for (const char* bad : {"sda rbytes=1\n", "8: rbytes=1\n", ":0 rbytes=1\n", "08:0 rbytes=1\n",
                          "8:0 rbytes=\n", "8:0 rbytes=-1\n", "8:0 rbytes=max\n", "8:0 rbytes=1",
                          "8:0 rbytes=1\n8:0 wbytes=1\n", "4294967296:0 rbytes=1\n"}) {
    EXPECT_FALSE(parse_io_stat(bad).has_value()) << bad;
  }
}

TEST(IoFilesTest, MaxOfSomeKeys) {
  EXPECT_THAT(facts(parse_io_max(text_of("io.max")).value()),
              UnorderedElementsAre(Pair("254:0", ""), Pair("254:0 rbps", "2097152"),
                                   Pair("254:0 wbps", "max"), Pair("254:0 riops", "max"),
                                   Pair("254:0 wiops", "120")));
  EXPECT_FALSE(parse_io_max("8:0 rbps=1M\n").has_value());
  EXPECT_FALSE(parse_io_max("8:0 rbps=1\n")->front().wbps.has_value());
}

TEST(IoFilesTest, WeightHasDefaultAndDevices) {
  EXPECT_THAT(facts(parse_io_weight(text_of("io.weight")).value()),
              UnorderedElementsAre(Pair("default", "100"), Pair("254:0", "200")));
  for (const char* bad : {"default 0\n", "default 10001\n", "default\n", "default 100",
                          "default 100\ndefault 100\n", "8:0 x\n"}) {
    EXPECT_FALSE(parse_io_weight(bad).has_value()) << bad;
  }
}

TEST(CgroupFilesTest, EventsStatTypeAndPids) {
  EXPECT_THAT(facts(parse_cgroup_events("populated 1\nfrozen 0\nnew 7\n").value()),
              UnorderedElementsAre(Pair("populated", "1"), Pair("frozen", "0")));
  EXPECT_FALSE(parse_cgroup_events("populated 2\n").has_value());
  EXPECT_FALSE(parse_cgroup_events("populated\n").has_value());
  EXPECT_THAT(facts(parse_cgroup_stat(text_of("cgroup.stat")).value()),
              UnorderedElementsAre(Pair("nr_descendants", "3"), Pair("nr_dying_descendants", "1")));
  EXPECT_THAT(facts(parse_pids_events("max 71\n").value()),
              UnorderedElementsAre(Pair("max", "71")));
  EXPECT_EQ(parse_cgroup_type("domain\n").value(), CgroupType::domain);
  EXPECT_EQ(parse_cgroup_type("domain threaded\n").value(), CgroupType::domain_threaded);
  EXPECT_EQ(parse_cgroup_type("domain invalid\n").value(), CgroupType::domain_invalid);
  EXPECT_EQ(parse_cgroup_type("threaded\n").value(), CgroupType::threaded);
  for (const char* bad : {"", "domain", "domain threaded", "domain\n\n", "other\n"}) {
    EXPECT_FALSE(parse_cgroup_type(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace cgwarden::cgroup
