// Every control file of real 6.1 and 6.12 kernels, as captured by tests/vm/capture_fixtures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "cgroup/mount.h"
#include "cgroup/sample_reader.h"
#include "cgroup/tree.h"
#include "tests/cgroup/facts.h"

namespace cgwarden::cgroup {
namespace {

using testing::Facts;
using testing::facts;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GoldenTest : public ::testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] static std::string directory() { return std::string(FIXTURES) + "/" + GetParam(); }
  [[nodiscard]] static Sample sample(const std::string& path) {
    return Tree::open(directory(), false)->read_sample(path).value();
  }
  [[nodiscard]] static std::string text(const std::string& path, const std::string& file) {
    return Tree::open(directory(), false)->read(path, file).value();
  }
  [[nodiscard]] static bool is_6_1() { return std::string_view(GetParam()) == "6.1"; }
};

TEST_P(GoldenTest, EveryFileIsReadableAndEveryValueIsInItsFile) {
  for (const std::string path : {"/root", "/parent", "/leaf"}) {
    const Sample found = sample(path);
    for (const auto& [file, reason, off] : found.unreadable) ADD_FAILURE() << path << " " << reason;
    const Facts said = facts(found);
    for (const auto& entry : std::filesystem::directory_iterator(directory() + path)) {
      const std::string file = entry.path().filename();
      EXPECT_EQ(said.contains(file), is_sampled(file)) << path << "/" << file;
    }
    for (const auto& [key, value] : said) {
      const std::size_t bar = key.find('|');
      if (bar == std::string::npos) continue;
      EXPECT_THAT(text(path, key.substr(0, bar)), HasSubstr(value)) << path << " " << key;
    }
  }
}

// What the capture did to the leaf: throttled, burst, killed by its own memory.max, refused a fork.
TEST_P(GoldenTest, TheLeafTellsItsStory) {
  const bool old = is_6_1();
  const Sample leaf = sample("/leaf");
  EXPECT_EQ(leaf.cpu_max, (CpuMax{Usec{20000}, Usec{100000}}));
  EXPECT_EQ(leaf.cpu_max_burst, Usec{10000});
  EXPECT_EQ(leaf.cpu_stat->nr_periods, old ? 327U : 275U);
  EXPECT_EQ(leaf.cpu_stat->nr_throttled, old ? 288U : 236U);
  EXPECT_EQ(leaf.cpu_stat->throttled_usec, old ? 35548991U : 29421451U);
  EXPECT_EQ(leaf.cpu_stat->nr_bursts, old ? 9U : 7U);
  EXPECT_EQ(leaf.cpu_stat->burst_usec, old ? 83556U : 54720U);
  EXPECT_EQ(leaf.cpu_pressure->some->avg10, old ? 35.08 : 26.13);
  EXPECT_EQ(leaf.cpu_pressure->full->total_usec, old ? 21424208U : 17790147U);
  EXPECT_EQ(leaf.memory_max, LimitOf<Bytes>(Bytes{50331648}));
  EXPECT_EQ(leaf.memory_high, LimitOf<Bytes>(Bytes{41943040}));
  EXPECT_EQ(leaf.memory_peak, Bytes{50331648});
  EXPECT_EQ(leaf.memory_events->oom, old ? 2U : 3U);
  EXPECT_EQ(leaf.memory_events->oom_kill, 1U);
  EXPECT_EQ(leaf.memory_events_local->oom_kill, 1U);
  EXPECT_EQ(leaf.memory_swap_events->fail, old ? 8791U : 572U);
  EXPECT_EQ(leaf.pids_events->max, 1U);
  EXPECT_EQ(leaf.pids_peak, 12U);
  EXPECT_EQ(leaf.cgroup_type, CgroupType::domain);
  EXPECT_THAT(*leaf.subtree_control, IsEmpty());
  ASSERT_EQ(leaf.io_max->size(), 1U);
  EXPECT_EQ(leaf.io_max->front().wbps, LimitOf<std::uint64_t>(2097152U));
  EXPECT_EQ(leaf.io_max->front().rbps, LimitOf<std::uint64_t>(Max{}));
  ASSERT_EQ(leaf.io_stat->size(), 2U);
  EXPECT_EQ(leaf.io_stat->back().wios, 64U);

  const Sample parent = sample("/parent");
  EXPECT_EQ(parent.memory_events->oom_kill, 1U);
  EXPECT_EQ(parent.memory_events_local->oom_kill, 0U);
  EXPECT_THAT(*parent.io_max, IsEmpty());
}

TEST_P(GoldenTest, WhatTheKernelDoesNotHaveIsAbsentNotZero) {
  const bool old = is_6_1();
  const Sample leaf = sample("/leaf");
  EXPECT_EQ(leaf.cpu_stat->nice_usec.has_value(), !old);
  EXPECT_EQ(leaf.cpu_stat_local.has_value(), !old);
  EXPECT_EQ(leaf.memory_swap_peak.has_value(), !old);
  EXPECT_EQ(leaf.pids_events_local.has_value(), !old);
  const Sample root = sample("/root");
  EXPECT_TRUE(root.cpu_stat.has_value());
  EXPECT_FALSE(root.cpu_max.has_value());
  EXPECT_FALSE(root.memory_max.has_value());
  EXPECT_FALSE(root.memory_events.has_value());
  EXPECT_FALSE(root.cgroup_type.has_value());
  EXPECT_FALSE(root.cgroup_events.has_value());
}

// All keys of the table but the two of CONFIG_ZSWAP, which Debian's cloud kernels are built
// without.
TEST_P(GoldenTest, MemoryStatHasTheKeysOfTheTable) {
  const MemoryStat stat = *sample("/leaf").memory_stat;
  EXPECT_EQ(facts(stat).size(), 26U);
  EXPECT_FALSE(stat.zswap.has_value());
  EXPECT_FALSE(stat.zswapped.has_value());
}

TEST_P(GoldenTest, TheMachineIsUsable) {
  const std::string mountinfo = read_file(directory() + "/mountinfo", 1 << 20).value();
  EXPECT_EQ(find_cgroup2_mount(mountinfo), "/sys/fs/cgroup");
  const MountReport report =
      interpret_mounts(mountinfo, text("/root", "cgroup.controllers"), true).value();
  EXPECT_EQ(report.hierarchy, Hierarchy::unified);
  EXPECT_TRUE(report.usable()) << report.explanation;
}

INSTANTIATE_TEST_SUITE_P(Kernel, GoldenTest, ::testing::Values("6.1", "6.12"),
                         [](const auto& kernel) {
                           return std::string(kernel.param) == "6.1" ? "v6_1" : "v6_12";
                         });

}  // namespace
}  // namespace cgwarden::cgroup
