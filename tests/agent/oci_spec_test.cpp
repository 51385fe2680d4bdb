#include "agent/oci_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/ownership.h"
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

TEST(OwnershipTest, SystemdOwnsAllButOurOwnScopes) {
  EXPECT_FALSE(may_not_write("/cgwarden.slice/web.scope/payload", true));
  EXPECT_FALSE(may_not_write("/cgwarden.slice/web.scope/payload/sub", true));
  for (const auto* path : {"/", "/cgwarden.slice", "/cgwarden.slice/web.scope",
                           "/system.slice/x.service", "/cgwarden.slice/web.service/payload"}) {
    EXPECT_TRUE(may_not_write(path, true)) << path;
  }
  EXPECT_FALSE(may_not_write("/system.slice/x.service", false));
  EXPECT_TRUE(may_not_write("/", false));
}

TEST(OwnershipTest, KnowsGlobsThatAreNeverEnforcedWhereSystemdRuns) {
  const auto warnings_of = [](const std::string& glob) {
    policy::Policy policy;
    policy.name = "p";
    policy.cgroups = {glob};
    return never_enforced({policy}).size();
  };
  for (const auto* glob :
       {"/system.slice/*.service", "/system.slice/**", "/cgwarden.slice", "/cgwarden.slice/*",
        "/cgwarden.slice/web.scope", "/cgwarden.slice/*.service/payload", "/*/*.slice/x", "/a"}) {
    EXPECT_EQ(warnings_of(glob), 1U) << glob;
  }
  for (const auto* glob : {"/**", "/cgwarden.slice/**", "/cgwarden.slice/*/payload",
                           "/cgwarden.slice/web.scope/payload", "/*/*.scope/*",
                           "/cg*.slice/w[a-e]b.scope/**", "/cgwarden.slice/**/payload"}) {
    EXPECT_EQ(warnings_of(glob), 0U) << glob;
  }
}

}  // namespace
}  // namespace cgwarden::agent
