#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;

// The policy as the second field of numa_maps tells it.
std::string policy_of(const MemoryPolicy& policy) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "read address policy rest < /proc/self/numa_maps; echo $policy");
  spec.memory_policy = policy;
  const auto run = launch(spec);
  return run.started ? run.output : run.error.sentence();
}

TEST(MemoryPolicyTest, IsThatOfTheCommand) {
  EXPECT_EQ(policy_of({.mode = "MPOL_BIND", .nodes = "0", .flags = {}}), "bind:0\n");
  EXPECT_EQ(policy_of({.mode = "MPOL_INTERLEAVE", .nodes = " 0 ", .flags = {}}), "interleave:0\n");
  EXPECT_EQ(policy_of({.mode = "MPOL_LOCAL", .nodes = "", .flags = {}}), "local\n");
  EXPECT_EQ(policy_of({.mode = "MPOL_DEFAULT", .nodes = "", .flags = {}}), "default\n");
  EXPECT_EQ(policy_of({.mode = "MPOL_PREFERRED", .nodes = "0", .flags = {"MPOL_F_STATIC_NODES"}}),
            "prefer=static:0\n");
}

TEST(MemoryPolicyTest, WhatTheKernelRefusesIsTold) {
  EXPECT_EQ(policy_of({.mode = "MPOL_BIND", .nodes = "", .flags = {}}),
            "cannot start: memoryPolicy: MPOL_BIND without nodes (they do not fit, or no such node "
            "has memory): Invalid argument");
  EXPECT_THAT(policy_of({.mode = "MPOL_BIND", .nodes = "900", .flags = {}}),
              HasSubstr("MPOL_BIND with the nodes 900 (they do not fit"));
  EXPECT_EQ(policy_of({.mode = "MPOL_BIND", .nodes = "1024", .flags = {}}),
            "cannot start: memoryPolicy: \"1024\" is not a list of memory nodes below 1024");
  EXPECT_EQ(policy_of({.mode = "MPOL_X", .nodes = "0", .flags = {}}),
            "cannot start: memoryPolicy: MPOL_X is no mode");
  EXPECT_EQ(policy_of({.mode = "MPOL_BIND", .nodes = "0", .flags = {"MPOL_F_X"}}),
            "cannot start: memoryPolicy: MPOL_F_X is no flag");
}

}  // namespace
}  // namespace cgwarden::launcher
