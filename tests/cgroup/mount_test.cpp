#include "cgroup/mount.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cgroup/mountinfo.h"

namespace cgwarden::cgroup {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kRoot = "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n";
constexpr const char* kUnified =
    "26 22 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 "
    "rw,nsdelegate,memory_recursiveprot\n";
constexpr const char* kHybrid =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "38 31 0:35 / /sys/fs/cgroup/blkio rw,relatime - cgroup cgroup rw,blkio\n"
    "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n";
constexpr const char* kHybridV2 =
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

TEST(InterpretMountsTest, UnifiedIsUsable) {
  const auto report =
      interpret_mounts(std::string(kRoot) + kUnified, "cpuset cpu io memory pids\n", true).value();
  EXPECT_EQ(report.hierarchy, Hierarchy::unified);
  EXPECT_EQ(report.cgroup2_mount_point, "/sys/fs/cgroup");
  EXPECT_THAT(report.mount_options, ElementsAre("rw", "nsdelegate", "memory_recursiveprot"));
  EXPECT_TRUE(report.usable());
  EXPECT_TRUE(report.psi);
  EXPECT_THAT(report.missing, IsEmpty());
  EXPECT_THAT(report.explanation, IsEmpty());
}

TEST(InterpretMountsTest, HybridNamesWhereEachControllerIs) {
  const auto report = interpret_mounts(std::string(kHybrid) + kHybridV2, "", false).value();
  EXPECT_EQ(report.hierarchy, Hierarchy::hybrid);
  EXPECT_EQ(report.cgroup2_mount_point, "/sys/fs/cgroup/unified");
  EXPECT_FALSE(report.usable());
  EXPECT_THAT(report.v1_controllers, ElementsAre("blkio", "cpu", "cpuacct", "memory", "pids"));
  EXPECT_THAT(report.missing, ElementsAre("cpu", "memory", "io", "pids"));
  EXPECT_EQ(report.explanation,
            "The cgroup v2 tree at /sys/fs/cgroup/unified has no controllers: controller cpu is "
            "missing because it is bound to v1 at /sys/fs/cgroup/cpu, controller memory is missing "
            "because it is bound to v1 at /sys/fs/cgroup/memory, controller io is missing because "
            "it is bound to v1 at /sys/fs/cgroup/blkio (as blkio), controller pids is missing "
            "because it is bound to v1 at /sys/fs/cgroup/pids. Boot with "
            "systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=all psi=1.");
}

TEST(InterpretMountsTest, HybridWithPartOfTheControllers) {
  const std::string mounts =
      std::string(kUnified) + "40 22 0:37 / /mnt/memory rw - cgroup none rw,memory\n";
  const auto report = interpret_mounts(mounts, "cpu io pids\n", true).value();
  EXPECT_EQ(report.hierarchy, Hierarchy::hybrid);
  EXPECT_THAT(report.missing, ElementsAre("memory"));
  EXPECT_EQ(
      report.explanation,
      "The cgroup v2 tree at /sys/fs/cgroup lacks memory: controller memory is missing because "
      "it is bound to v1 at /mnt/memory. Boot with systemd.unified_cgroup_hierarchy=1 "
      "cgroup_no_v1=all.");
}

TEST(InterpretMountsTest, LegacyAndNone) {
  const auto legacy = interpret_mounts(kHybrid, "", true).value();
  EXPECT_EQ(legacy.hierarchy, Hierarchy::legacy);
  EXPECT_THAT(legacy.explanation, HasSubstr("Only cgroup v1 is mounted: controller cpu"));
  EXPECT_THAT(legacy.explanation, HasSubstr("systemd.unified_cgroup_hierarchy=1"));
  const auto none = interpret_mounts(kRoot, "", true).value();
  EXPECT_EQ(none.hierarchy, Hierarchy::none);
  EXPECT_FALSE(none.usable());
  EXPECT_THAT(none.explanation, HasSubstr("mount -t cgroup2"));
}

TEST(InterpretMountsTest, NamedV1HierarchyAloneLeavesV2Usable) {
  const std::string mounts =
      std::string(kUnified) + "40 22 0:37 / /mnt/systemd rw - cgroup none rw,xattr,name=systemd\n";
  const auto report = interpret_mounts(mounts, "cpu io memory pids\n", true).value();
  EXPECT_EQ(report.hierarchy, Hierarchy::unified);
  EXPECT_TRUE(report.usable());
}

TEST(InterpretMountsTest, ControllerDisabledAtBoot) {
  const auto report = interpret_mounts(kUnified, "cpu io pids\n", true).value();
  EXPECT_EQ(report.hierarchy, Hierarchy::unified);
  EXPECT_FALSE(report.usable());
  EXPECT_THAT(report.explanation, HasSubstr("lacks memory"));
  EXPECT_THAT(report.explanation, HasSubstr("cgroup_disable="));
}

TEST(InterpretMountsTest, WithoutIoAloneItIsUsableAndSaysSo) {
  const auto report = interpret_mounts(kUnified, "cpu memory pids\n", true).value();
  EXPECT_TRUE(report.usable());
  EXPECT_THAT(report.missing, ElementsAre("io"));
  EXPECT_THAT(report.explanation, IsEmpty());
  EXPECT_THAT(report.limitation, HasSubstr("lacks io"));
  for (const char* controllers : {"memory pids\n", "cpu pids\n", "cpu memory\n"}) {
    const auto refused = interpret_mounts(kUnified, controllers, true).value();
    EXPECT_FALSE(refused.usable()) << controllers;
    EXPECT_THAT(refused.limitation, IsEmpty());
  }
}

TEST(InterpretMountsTest, DamagedTextIsMalformed) {
  const std::string whole = std::string(kRoot) + kUnified;
  for (std::size_t length = 1; length < whole.size(); ++length) {
    if (whole[length - 1] == '\n') continue;
    EXPECT_FALSE(interpret_mounts(whole.substr(0, length), "cpu\n", true).has_value()) << length;
  }
  EXPECT_FALSE(interpret_mounts(whole, "cpu", true).has_value());
}

TEST(FindCgroup2MountTest, PrefersTheUsualPlaceAndDecodesEscapes) {
  const std::string odd = R"(50 22 0:40 / /mnt/a\040b\134c rw - cgroup2 none rw)"
                          "\n";
  EXPECT_EQ(find_cgroup2_mount(odd), "/mnt/a b\\c");
  EXPECT_EQ(find_cgroup2_mount(odd + kUnified), "/sys/fs/cgroup");
  EXPECT_EQ(find_cgroup2_mount(kRoot), "");
  EXPECT_EQ(find_cgroup2_mount("garbage"), "");
}

TEST(FindCgroup2MountTest, ALaterMountHidesAnEarlierOne) {
  const std::string over = "60 26 0:50 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n";
  EXPECT_EQ(find_cgroup2_mount(std::string(kUnified) + over), "");
}

TEST(ParseMountinfoTest, OptionalFieldsAndEmptySource) {
  const auto lines =
      parse_mountinfo(
          "1 0 0:1 / /a rw - tmpfs  rw\n"
          "2 0 0:1 / /b rw shared:1 master:2 propagate_from:3 - tmpfs none rw,a\\054b\n")
          .value();
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].mount_point, "/a");
  EXPECT_EQ(lines[1].fs_type, "tmpfs");
  EXPECT_THAT(lines[1].super_options, ElementsAre("rw", "a,b"));
}

TEST(DetectMountsTest, ReadsThisMachine) {
  const auto report = detect_mounts();
  ASSERT_TRUE(report.has_value()) << report.error().sentence();
  EXPECT_EQ(report->usable(), report->explanation.empty());
}

}  // namespace
}  // namespace cgwarden::cgroup
