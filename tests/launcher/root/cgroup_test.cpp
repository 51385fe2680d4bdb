// A host without a cgroup v2 tree: containers start, limits are refused instead of forgotten.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "launcher/cgroup_host.h"
#include "launcher/container_cgroup.h"

namespace cgwarden::launcher {
namespace {

using ::testing::HasSubstr;

class WithoutCgroups : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto tree = host_tree();
    ASSERT_TRUE(tree);
    if (*tree) GTEST_SKIP() << "this host has a cgroup v2 tree";
    spec_ = default_spec();
  }
  [[nodiscard]] StepResult<ContainerCgroup> make(CgroupDriver driver) const {
    return make_container_cgroup(spec_, "box", driver, ::getpid());
  }
  Spec spec_;
};

TEST_F(WithoutCgroups, AContainerWithoutLimitsHasNone) {
  for (const auto driver : {CgroupDriver::cgroupfs, CgroupDriver::systemd}) {
    const auto made = make(driver);
    ASSERT_TRUE(made) << made.error().text;
    EXPECT_EQ(made->path, "");
    EXPECT_TRUE(remove(*made));
    EXPECT_FALSE(is_frozen(*made));
    EXPECT_FALSE(freeze(*made));
    EXPECT_FALSE(kill_all(*made));
    EXPECT_FALSE(stats_json(*made, "box"));
    EXPECT_TRUE(update_resources(*made, {}));
    Resources limited;
    limited.pids_limit = 5;
    EXPECT_FALSE(update_resources(*made, limited));
  }
}

TEST_F(WithoutCgroups, ALimitIsRefusedByName) {
  spec_.resources.pids_limit = 5;
  const auto made = make(CgroupDriver::cgroupfs);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().stage, "cgroup");
  EXPECT_THAT(made.error().text, HasSubstr("pids.max"));
}

// With or without a tree.
class DisabledCgroups : public ::testing::Test {
 protected:
  [[nodiscard]] StepResult<ContainerCgroup> make() const {
    return make_container_cgroup(spec_, "box", CgroupDriver::disabled, ::getpid());
  }
  Spec spec_ = default_spec();
};

TEST_F(DisabledCgroups, NoneIsMade) {
  spec_.process.capabilities.bounding = {"CAP_KILL"};
  spec_.cgroups_path = "/box";
  const auto planned = plan_container_cgroup(spec_, "box", CgroupDriver::disabled);
  ASSERT_TRUE(planned) << planned.error().text;
  EXPECT_EQ(planned->path + planned->unit, "");
  const auto made = make();
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(made->driver, CgroupDriver::disabled);
  EXPECT_EQ(made->path + made->unit, "");
  EXPECT_FALSE(freeze(*made));
  EXPECT_TRUE(remove(*made));
}

TEST_F(DisabledCgroups, WhatNeedsOneIsRefusedByName) {
  spec_.process.capabilities.bounding = {"CAP_MKNOD"};
  spec_.resources.devices = {{false, 'a', {}, {}, "rwm"}};
  const auto devices = make();
  ASSERT_FALSE(devices);
  EXPECT_EQ(devices.error().stage, "cgroup");
  EXPECT_THAT(devices.error().text, HasSubstr("linux.resources.devices"));
  // A privileged container: there is nothing to keep it from.
  spec_.resources.devices.push_back({true, 'a', {}, {}, "rwm"});
  EXPECT_TRUE(make());
  spec_.resources.pids_limit = 5;
  const auto limited = make();
  ASSERT_FALSE(limited);
  EXPECT_THAT(limited.error().text, HasSubstr("linux.resources (pids.max)"));
}

TEST_F(WithoutCgroups, DeviceRulesMatterToWhoCanMakeDevices) {
  spec_.resources.devices = {{false, 'a', {}, {}, "rwm"}};
  spec_.process.capabilities.bounding = {"CAP_KILL"};
  EXPECT_TRUE(make(CgroupDriver::cgroupfs));
  spec_.process.capabilities.bounding = {"CAP_KILL", "CAP_MKNOD"};
  const auto made = make(CgroupDriver::cgroupfs);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().text, HasSubstr("linux.resources.devices"));
}

}  // namespace
}  // namespace cgwarden::launcher
