#include "launcher/cgroup_owner.h"

#include <gtest/gtest.h>

namespace cgwarden::launcher {
namespace {

Spec with_writable_cgroup() {
  Spec spec;
  spec.namespaces = {{NamespaceType::cgroup, ""}, {NamespaceType::user, ""}};
  spec.uid_mappings = {{.container_id = 0, .host_id = 100000, .size = 10},
                       {.container_id = 1000, .host_id = 5000, .size = 1}};
  Mount mount;
  mount.destination = "/sys/fs/cgroup/";
  mount.type = "cgroup";
  mount.source = "cgroup";
  mount.options = {"nosuid", "rw"};
  spec.mounts.push_back(mount);
  return spec;
}

TEST(CgroupOwner, IsTheUserOfTheContainerAsTheHostKnowsIt) {
  Spec spec = with_writable_cgroup();
  EXPECT_EQ(cgroup_owner(spec), 100000U);
  spec.process.user.uid = 9;
  EXPECT_EQ(cgroup_owner(spec), 100009U);
  spec.process.user.uid = 1000;
  EXPECT_EQ(cgroup_owner(spec), 5000U);
  spec.process.user.uid = 10;
  EXPECT_EQ(cgroup_owner(spec), std::nullopt);
  spec.namespaces.pop_back();
  EXPECT_EQ(cgroup_owner(spec), 10U);
}

TEST(CgroupOwner, NobodyWithoutAWayToIt) {
  for (const auto& options : std::vector<std::vector<std::string>>{{"ro"}, {"rw", "ro"}, {"rro"}}) {
    Spec spec = with_writable_cgroup();
    spec.mounts.front().options = options;
    EXPECT_EQ(cgroup_owner(spec), std::nullopt);
  }
  Spec spec = with_writable_cgroup();
  spec.mounts.front().source = "/sys/fs/cgroup";
  EXPECT_EQ(cgroup_owner(spec), std::nullopt);
  spec = with_writable_cgroup();
  spec.mounts.front().destination = "/cgroup";
  EXPECT_EQ(cgroup_owner(spec), std::nullopt);
  spec = with_writable_cgroup();
  spec.namespaces.push_back({NamespaceType::mount, "/proc/1/ns/mnt"});
  EXPECT_EQ(cgroup_owner(spec), std::nullopt);
  spec = with_writable_cgroup();
  spec.namespaces.front().path = "/proc/1/ns/cgroup";
  EXPECT_EQ(cgroup_owner(spec), std::nullopt);
  spec.namespaces.erase(spec.namespaces.begin());
  EXPECT_EQ(cgroup_owner(spec), std::nullopt);
}

}  // namespace
}  // namespace cgwarden::launcher
