#include "agent/cgroup_traits.h"

#include <gtest/gtest.h>
#include <sys/xattr.h>

#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

policy::CgroupTraits traits(const std::string& path, const LabelsOfPayloads& labels = {}) {
  return traits_of(path, identity::of_path(path), labels);
}

TEST(CgroupTraits, AUnitIsItsOwnCgroupAlone) {
  EXPECT_EQ(traits("/system.slice/web.service").unit, "web.service");
  EXPECT_EQ(traits("/system.slice").unit, "system.slice");
  EXPECT_EQ(traits("/system.slice/web.service/inner").unit, "");
  EXPECT_EQ(traits("/user.slice/user-5.slice/session-3.scope").unit, "session-3.scope");
  EXPECT_EQ(traits("/user.slice/user-5.slice/user@5.service/app.slice/a.service").unit,
            "a.service");
}

TEST(CgroupTraits, AWorkloadIsItsPayload) {
  const auto web = traits("/cgwarden.slice/web.scope/payload",
                          {{"/cgwarden.slice/web.scope/payload", {{"tier", "gold"}}}});
  EXPECT_EQ(web.workload, "web");
  EXPECT_EQ(web.labels.at("tier"), "gold");
  EXPECT_EQ(web.container, "");
  EXPECT_EQ(traits("/cgwarden.slice/web.scope").workload, "");
  EXPECT_EQ(traits("/cgwarden.slice/web.scope/payload/inner").workload, "");
}

TEST(CgroupTraits, APodAndItsContainers) {
  identity::Identity pod = {.kind = identity::Kind::pod, .pod = "cart", .pod_namespace = "shop"};
  EXPECT_EQ(traits_of("/kubepods/pod1", pod, {}).pod, "cart");
  EXPECT_EQ(traits_of("/kubepods/pod1", pod, {}).container, "");
  identity::Identity server = pod;
  server.kind = identity::Kind::container;
  server.container = "server";
  server.container_id = "abc";
  const auto of = traits_of("/kubepods/pod1/abc", server, {});
  EXPECT_EQ(of.container, "server");
  EXPECT_EQ(of.container_id, "abc");
  EXPECT_EQ(of.pod_namespace, "shop");
  // Who holds the pod's namespaces, and what a container made inside of itself, is neither.
  server.kind = identity::Kind::sandbox;
  EXPECT_EQ(traits_of("/kubepods/pod1/abc", server, {}).pod, "");
  server.kind = identity::Kind::group;
  EXPECT_EQ(traits_of("/kubepods/pod1/abc/x", server, {}).container, "");
}

TEST(CgroupTraits, AnAttributeOfTheDirectory) {
  const TemporaryDirectory root;
  const auto tree = cgroup::Tree::open(root.path(), false);
  ASSERT_TRUE(tree);
  if (::setxattr(root.path().c_str(), "user.tier", "gold", 4, 0) != 0) {
    GTEST_SKIP() << "the file system has no attributes";
  }
  EXPECT_EQ(xattr_of(*tree, "/", "user.tier"), "gold");
  EXPECT_EQ(xattr_of(*tree, "/", "user.other"), std::nullopt);
  EXPECT_EQ(xattr_of(*tree, "/gone", "user.tier"), std::nullopt);
  ASSERT_EQ(::setxattr(root.path().c_str(), "user.long", std::string(300, 'x').c_str(), 300, 0), 0);
  EXPECT_EQ(xattr_of(*tree, "/", "user.long"), std::nullopt);
}

}  // namespace
}  // namespace cgwarden::agent
