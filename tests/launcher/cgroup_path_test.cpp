#include "launcher/cgroup_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "launcher/cgroup_host.h"

namespace cgwarden::launcher {
namespace {

using ::testing::HasSubstr;

std::string path_of(const std::string& cgroups_path, const std::string& base = "/") {
  const auto path = cgroupfs_path(cgroups_path, "box", base);
  return path ? *path : path.error().stage + ": " + path.error().text;
}

TEST(CgroupfsPath, AbsoluteIsFromTheRootAndRelativeFromTheBase) {
  EXPECT_EQ(path_of("/a/b"), "/a/b");
  EXPECT_EQ(path_of("/a/b", "/user.slice/mine"), "/a/b");
  EXPECT_EQ(path_of("a/b"), "/a/b");
  EXPECT_EQ(path_of("a", "/user.slice/mine"), "/user.slice/mine/a");
  EXPECT_EQ(path_of(""), "/box");
  EXPECT_EQ(path_of("", "/user.slice/mine"), "/user.slice/mine/box");
  EXPECT_EQ(path_of("//a//b/"), "/a/b");
}

TEST(CgroupfsPath, NothingLeadsOut) {
  for (const std::string path : {"/a/../..", "../a", "/a/.", ".."}) {
    EXPECT_THAT(path_of(path), HasSubstr("cgroup: linux.cgroupsPath")) << path;
  }
  EXPECT_THAT(path_of("/"), HasSubstr("root of the hierarchy"));
  EXPECT_THAT(path_of(std::string("/a\0b", 4)), HasSubstr("zero byte"));
}

std::string scope_of(const std::string& cgroups_path, bool rootless = false) {
  const auto name = scope_name(cgroups_path, "box", rootless);
  return name ? name->slice + " " + name->unit : name.error().stage + ": " + name.error().text;
}

TEST(ScopeName, ThreePartsAndTheirDefaults) {
  EXPECT_EQ(scope_of("machine.slice:libpod:abc"), "machine.slice libpod-abc.scope");
  EXPECT_EQ(scope_of("a-b.slice:x:y"), "a-b.slice x-y.scope");
  EXPECT_EQ(scope_of(":crun:abc"), "system.slice crun-abc.scope");
  EXPECT_EQ(scope_of(":crun:abc", true), "user.slice crun-abc.scope");
  EXPECT_EQ(scope_of("machine.slice::abc"), "machine.slice abc.scope");
  EXPECT_EQ(scope_of(""), "system.slice cgwarden-box.scope");
  EXPECT_EQ(scope_of("", true), "user.slice cgwarden-box.scope");
  EXPECT_EQ(scope_of("-.slice:x:y"), "-.slice x-y.scope");
}

TEST(ScopeName, OtherFormsAreRefused) {
  for (const std::string path : {"/a/b", "a:b", "a.slice:b:", "a.slice:b:c:d", "a:b:c",
                                 "a/b.slice:c:d", "a.slice:b:c/d", "a.slice:b c:d"}) {
    EXPECT_THAT(scope_of(path), HasSubstr("cgroup: linux.cgroupsPath")) << path;
  }
  EXPECT_THAT(scope_of("/a/b"), HasSubstr("slice:prefix:name"));
  EXPECT_THAT(scope_of("a.slice:b:" + std::string(300, 'x')), HasSubstr("name of a unit"));
}

TEST(UnifiedPath, OfAProcCgroupText) {
  EXPECT_EQ(*unified_path("0::/a/b\n"), "/a/b");
  EXPECT_EQ(*unified_path("4:memory:/x\n0::/\n"), "/");
  EXPECT_FALSE(unified_path("4:memory:/x\n"));
  EXPECT_FALSE(unified_path(""));
}

}  // namespace
}  // namespace cgwarden::launcher
