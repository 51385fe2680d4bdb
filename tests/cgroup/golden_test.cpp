// Every control file of real 6.1 and 6.12 kernels, as captured by tests/vm/capture_fixtures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.h"
#include "base/text.h"
#include "cgroup/mount.h"
#include "cgroup/sample_reader.h"
#include "cgroup/tree.h"
#include "tests/cgroup/facts.h"
#include "tests/paths.h"

namespace cgwarden::cgroup {
namespace {

using testing::Facts;
using testing::facts;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GoldenTest : public ::testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] static std::string directory() { return in_source("tests/fixtures/") + GetParam(); }
  [[nodiscard]] static Sample sample(const std::string& path) {
    return Tree::open(directory(), false)->read_sample(path, FileGroups::all()).value();
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

// A key that a kernel prints and nobody reads would be a value that cannot be exported.
TEST_P(GoldenTest, EveryKeyOfMemoryStatAndNumaStatIsKnown) {
  for (const std::string path : {"/root", "/parent", "/leaf"}) {
    const Facts said = facts(sample(path));
    for (const char* file : {"memory.stat", "memory.numa_stat"}) {
      const std::string printed = text(path, file);
      for (const std::string_view line : split(printed, '\n')) {
        if (line.empty()) continue;
        const std::string key(line.substr(0, line.find(' ')));
        const std::string prefix = file == std::string_view("memory.stat") ? "|" : "|N0 ";
        EXPECT_TRUE(said.contains(file + prefix + key)) << path << "/" << file << " " << key;
      }
    }
  }
}

TEST_P(GoldenTest, GroupsOfFilesTellWhatTheCaptureHas) {
  const bool old = is_6_1();
  const Sample leaf = sample("/leaf");
  ASSERT_TRUE(leaf.grouped);
  const GroupedFiles& files = *leaf.grouped;
  EXPECT_EQ(files.cpuset_cpus->count, 0U);
  EXPECT_EQ(files.cpuset_cpus_effective, (IdList{"0-1", 2}));
  EXPECT_EQ(files.cpuset_mems_effective, (IdList{"0", 1}));
  EXPECT_EQ(files.cpuset_cpus_partition, "member");
  EXPECT_EQ(files.cpuset_cpus_exclusive.has_value(), !old);
  EXPECT_FALSE(files.cpuset_cpus_isolated);
  ASSERT_EQ(files.hugetlb.size(), 2U);
  for (const HugetlbSize& size : files.hugetlb) {
    EXPECT_EQ(size.current, Bytes{0});
    EXPECT_EQ(size.max, LimitOf<Bytes>(Max{}));
    EXPECT_EQ(size.rsvd_current, Bytes{0});
    EXPECT_EQ(size.events_max, 0U);
    EXPECT_EQ(size.events_local_max, 0U);
  }
  // No such hardware in the guest: the files are there, and empty.
  EXPECT_THAT(*files.rdma_current, IsEmpty());
  EXPECT_THAT(*files.rdma_max, IsEmpty());
  EXPECT_THAT(*files.misc_current, IsEmpty());
  EXPECT_EQ(files.misc_peak.has_value(), !old);
  EXPECT_EQ(files.cgroup_max_depth, LimitOf<std::uint64_t>(Max{}));
  EXPECT_EQ(files.cgroup_subsystems->size(), old ? 0U : 9U);
  EXPECT_EQ(files.memory_numa_stat->size(), 1U);
  EXPECT_EQ(files.memory_numa_stat->front().stat.file, old ? 4194304U : 0U);
  EXPECT_FALSE(files.memory_zswap_current);
  EXPECT_FALSE(files.io_latency);
  EXPECT_FALSE(files.cpu_uclamp_min);
  const Sample root = sample("/root");
  EXPECT_EQ(root.grouped->cpuset_cpus_isolated.has_value(), !old);
  EXPECT_THAT(*root.grouped->io_cost_qos, IsEmpty());
  EXPECT_THAT(*root.grouped->misc_capacity, IsEmpty());
  EXPECT_THAT(root.grouped->hugetlb, IsEmpty());
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
