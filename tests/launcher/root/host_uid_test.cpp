#include "launcher/host_uid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "launcher/cgroup_owner.h"
#include "launcher/idmap.h"
#include "tests/launcher/root/in_child.h"

namespace cgwarden::launcher {
namespace {

std::string path_of(const UniqueFd& fd) { return "/proc/self/fd/" + std::to_string(fd.get()); }

std::string text(const StepResult<std::optional<uid_t>>& result) {
  if (!result) return result.error().sentence();
  return *result ? std::to_string(**result) : "nobody";
}

TEST(HostUid, IsThatOfTheMappings) {
  const auto user = user_namespace_of({{0, 100000, 10}, {1000, 5000, 1}}, {{0, 1, 1}});
  ASSERT_TRUE(user) << user.error().sentence();
  EXPECT_EQ(text(host_uid(path_of(*user), 0)), "100000");
  EXPECT_EQ(text(host_uid(path_of(*user), 9)), "100009");
  EXPECT_EQ(text(host_uid(path_of(*user), 10)), "nobody");
  EXPECT_EQ(text(host_uid(path_of(*user), 1000)), "5000");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "the helper is left";
}

// Who is himself in a user namespace gives things to the ids of that.
TEST(HostUid, IsThatOfTheCallersUserNamespace) {
  const auto outer = user_namespace_of({{0, 100000, 65536}}, {{0, 100000, 65536}});
  ASSERT_TRUE(outer) << outer.error().sentence();
  EXPECT_EQ(in_child([&] {
              if (::setns(outer->get(), CLONE_NEWUSER) != 0 || ::setresgid(0, 0, 0) != 0 ||
                  ::setresuid(0, 0, 0) != 0 || ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) {
                return std::string("setns");
              }
              const auto inner = user_namespace_of({{0, 1000, 10}}, {{0, 1000, 10}});
              if (!inner) return inner.error().sentence();
              return text(host_uid(path_of(*inner), 3));
            }),
            "1003");
}

TEST(HostUid, WhatCannotBeJoinedIsNamed) {
  EXPECT_EQ(text(host_uid("/proc/self/ns/none", 0)),
            "cannot start: namespace: the user namespace /proc/self/ns/none cannot be opened: No "
            "such file or directory");
  EXPECT_EQ(text(host_uid("/proc/self/ns/uts", 0)),
            "cannot start: namespace: the user namespace /proc/self/ns/uts cannot be joined: "
            "Invalid argument");
  const auto user = user_namespace_of({{0, 100000, 10}}, {{0, 100000, 10}});
  ASSERT_TRUE(user) << user.error().sentence();
  EXPECT_THAT(in_child([&] {
                if (::setresuid(12345, 12345, 12345) != 0) return std::string("setresuid");
                return text(host_uid(path_of(*user), 0));
              }),
              testing::EndsWith("cannot be joined: Operation not permitted"));
}

TEST(CgroupOwner, IsTheUserOfAJoinedUserNamespace) {
  const auto user = user_namespace_of({{0, 100000, 10}}, {{0, 100000, 10}});
  ASSERT_TRUE(user) << user.error().sentence();
  Spec spec;
  spec.namespaces = {{NamespaceType::cgroup, ""}, {NamespaceType::user, path_of(*user)}};
  spec.mounts = {{"/sys/fs/cgroup", "cgroup", "cgroup", {}}};
  EXPECT_EQ(text(cgroup_owner(spec)), "100000");
  spec.process.user.uid = 7;
  // What an engine says of it is not asked.
  spec.uid_mappings = {{0, 200000, 10}};
  EXPECT_EQ(text(cgroup_owner(spec)), "100007");
  spec.process.user.uid = 10;
  EXPECT_EQ(text(cgroup_owner(spec)), "nobody");
}

}  // namespace
}  // namespace cgwarden::launcher
