#include "agent/oci_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/capabilities.h"

namespace cgwarden::agent {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

policy::Workload workload() {
  policy::Workload workload;
  workload.name = "web";
  workload.command = {"/bin/server"};
  workload.rootfs = "/srv/web";
  return workload;
}

TEST(OciSpecTest, TheDefaultIsIsolatedInEveryWay) {
  const auto spec = compile(workload());
  for (const auto type : {launcher::NamespaceType::pid, launcher::NamespaceType::network,
                          launcher::NamespaceType::mount, launcher::NamespaceType::ipc,
                          launcher::NamespaceType::uts, launcher::NamespaceType::cgroup}) {
    EXPECT_TRUE(spec.has_namespace(type));
  }
  EXPECT_TRUE(spec.process.no_new_privileges);
  EXPECT_EQ(spec.seccomp, launcher::SeccompProfile::container_default);
  EXPECT_EQ(spec.process.capabilities.bounding, launcher::default_capabilities());
  EXPECT_THAT(spec.process.capabilities.inheritable, IsEmpty());
  EXPECT_THAT(spec.process.capabilities.ambient, IsEmpty());
  EXPECT_EQ(spec.hostname, "web");
  EXPECT_TRUE(spec.init);
  // The shim is protected from the OOM killer; the command must not be.
  EXPECT_EQ(spec.process.oom_score_adj, 0);
}

TEST(OciSpecTest, AllCapabilitiesAreAllButTheDroppedOnes) {
  policy::Workload changed = workload();
  changed.capabilities_add = {"ALL"};
  EXPECT_EQ(compile(changed).process.capabilities.bounding, launcher::capability_names());
  changed.capabilities_drop = {"CAP_SYS_ADMIN"};
  const auto names = compile(changed).process.capabilities.permitted;
  EXPECT_EQ(names.size() + 1, launcher::capability_names().size());
  EXPECT_THAT(names, Not(Contains("CAP_SYS_ADMIN")));
}

TEST(OciSpecTest, CapabilitiesAreDroppedBeforeTheyAreAdded) {
  auto changed = workload();
  changed.capabilities_drop = {"ALL"};
  changed.capabilities_add = {"CAP_NET_RAW"};
  EXPECT_THAT(compile(changed).process.capabilities.bounding, ElementsAre("CAP_NET_RAW"));
  changed.capabilities_drop = {"CAP_CHOWN"};
  EXPECT_THAT(compile(changed).process.capabilities.bounding, Not(Contains("CAP_CHOWN")));
}

TEST(OciSpecTest, HostNetworkAndUserNamespaceChangeTheNamespaces) {
  auto changed = workload();
  changed.network.mode = policy::WorkloadNetwork::Mode::host;
  changed.user_namespace = true;
  changed.user_host_id = 100000;
  const auto spec = compile(changed);
  EXPECT_FALSE(spec.has_namespace(launcher::NamespaceType::network));
  EXPECT_TRUE(spec.has_namespace(launcher::NamespaceType::user));
  ASSERT_EQ(spec.uid_mappings.size(), 1U);
  EXPECT_EQ(spec.uid_mappings[0].host_id, 100000U);
  EXPECT_EQ(spec.gid_mappings[0].size, 65536U);
}

TEST(OciSpecTest, ANetworkGivenByPathIsJoined) {
  auto changed = workload();
  changed.network.mode = policy::WorkloadNetwork::Mode::path;
  changed.network.path = "/run/netns/a";
  EXPECT_THAT(compile(changed).namespaces,
              Contains(launcher::Namespace{launcher::NamespaceType::network, "/run/netns/a"}));
}

TEST(OciSpecTest, PathIsSetUnlessTheWorkloadSetsIt) {
  auto changed = workload();
  EXPECT_THAT(compile(changed).process.env, Contains(testing::StartsWith("PATH=/usr/local")));
  changed.env = {{"PATH", "/opt"}};
  EXPECT_THAT(compile(changed).process.env, ElementsAre("PATH=/opt"));
}

}  // namespace
}  // namespace cgwarden::agent
