#include "agent/ownership.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

#include "agent/running_agent.h"
#include "base/file.h"
#include "base/text.h"
#include "tests/temporary_directory.h"

namespace cgwarden::agent {
namespace {

using policy::Through;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Ownership, OurOwnScopesAreWrittenByUs) {
  for (const auto* path :
       {"/cgwarden.slice/web.scope/payload", "/cgwarden.slice/web.scope/payload/sub"}) {
    const auto access = owner_of(path, true);
    EXPECT_THAT(access.refusal, IsEmpty()) << path;
    EXPECT_EQ(access.through, Through::cgroupfs) << path;
  }
}

TEST(Ownership, UnitsAreWrittenBySystemd) {
  for (const auto* path :
       {"/cgwarden.slice", "/cgwarden.slice/web.scope", "/system.slice/x.service",
        "/user.slice/user-1000.slice", "/system.slice/dbus.socket", "/dev-hugepages.mount"}) {
    const auto access = owner_of(path, true);
    EXPECT_THAT(access.refusal, IsEmpty()) << path;
    EXPECT_EQ(access.through, Through::systemd) << path;
  }
}

TEST(Ownership, WhatIsBelowAUnitOrInNoneIsAnotherManagers) {
  for (const auto* path :
       {"/system.slice/docker.service/abc", "/docker/abc", "/cgwarden.slice/web.service/payload",
        "/user.slice/user-1.slice/user@1.service/app.slice/x.service"}) {
    const auto access = owner_of(path, true);
    EXPECT_THAT(access.refusal, HasSubstr("owner: adopt")) << path;
    EXPECT_TRUE(access.adoptable) << path;
    EXPECT_EQ(access.rule, "L31") << path;
    EXPECT_EQ(access.through, Through::cgroupfs) << path;
  }
}

TEST(Ownership, WithoutSystemdAllIsOurs) {
  for (const auto* path : {"/system.slice/x.service", "/docker/abc"}) {
    EXPECT_THAT(owner_of(path, false).refusal, IsEmpty()) << path;
  }
  EXPECT_THAT(owner_of("/", false).refusal, HasSubstr("no limits"));
}

TEST(Ownership, NobodyWritesWhatIsProtected) {
  const std::vector<std::string> globs{"/system.slice/ssh*.service",
                                       "/cgwarden.slice/vital.scope/**"};
  for (const bool systemd : {false, true}) {
    const auto access = owner_of("/system.slice/sshd.service", systemd, globs);
    EXPECT_THAT(access.refusal, HasSubstr("protected (/system.slice/ssh*.service)"));
    EXPECT_FALSE(access.adoptable);
    EXPECT_THAT(owner_of("/cgwarden.slice/vital.scope/payload", systemd, globs).refusal,
                HasSubstr("protected"));
  }
}

TEST(Ownership, WhatIsBelowAProtectedUnitIsProtectedAsItIs) {
  const auto globs = protected_globs({}, std::nullopt);
  for (const bool systemd : {false, true}) {
    for (const auto* path : {"/system.slice/ssh.service/x", "/system.slice/ssh.service/x/y",
                             "/system.slice/sshd@1-2.service/x", "/init.scope/x"}) {
      const auto access = owner_of(path, systemd, globs);
      EXPECT_THAT(access.refusal, HasSubstr("protected")) << path;
      EXPECT_FALSE(access.adoptable) << path;  // whatever its policy says
    }
  }
  EXPECT_THAT(owner_of("/system.slice/ssh2.service", true, globs).refusal, IsEmpty());
}

TEST(Ownership, InitAndSshdAreProtectedByDefault) {
  const auto globs = protected_globs({}, std::nullopt);
  for (const auto* path : {"/init.scope", "/system.slice/ssh.service", "/system.slice/sshd.service",
                           "/system.slice/cgwarden.service"}) {
    EXPECT_THAT(owner_of(path, true, globs).refusal, HasSubstr("protected")) << path;
  }
  // The configuration's list takes the place of the default, but for init and the agent.
  const auto own = protected_globs({.protected_cgroups = {"/a"}}, std::nullopt);
  EXPECT_THAT(owner_of("/init.scope", true, own).refusal, HasSubstr("protected"));
  EXPECT_THAT(owner_of("/system.slice/ssh.service", true, own).refusal, IsEmpty());
}

TEST(Ownership, WhatHoldsSomethingProtectedMayBeWrittenAndSaysSo) {
  const auto globs = protected_globs({}, std::nullopt);
  const auto access = owner_of("/system.slice", true, globs);
  EXPECT_THAT(access.refusal, IsEmpty());
  EXPECT_EQ(access.holds, "/system.slice/ssh.service");
  EXPECT_THAT(owner_of("/system.slic", false, globs).holds, IsEmpty());
  EXPECT_THAT(owner_of("/user.slice", true, globs).holds, IsEmpty());
  EXPECT_EQ(owner_of("/a", false, {"/a/*/x"}).holds, "/a/*/x");
}

TEST(Ownership, TheAgentThatRunsIsProtectedWhoeverAsks) {
  const auto own = read_file("/proc/self/cgroup", 4096);
  ASSERT_TRUE(own);
  const std::string_view path = trim(*own);
  const bool somewhere = path.starts_with("0::/") && path.size() > 4;
  const auto without = protected_globs({}, std::nullopt);
  const auto with = protected_globs({}, ::getpid());
  EXPECT_EQ(with.size(), without.size() + (somewhere ? 1 : 0));
  // One that has ended is nowhere.
  EXPECT_EQ(protected_globs({}, std::numeric_limits<pid_t>::max()), without);
}

TEST(Ownership, TheAgentIsWhoHoldsTheLock) {
  const TemporaryDirectory temporary;
  const std::string& directory = temporary.path();
  EXPECT_EQ(agent_pid(directory), std::nullopt);
  const auto lock = open_at(AT_FDCWD, directory + "/agent.lock", O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(lock);
  EXPECT_EQ(agent_pid(directory), std::nullopt);
  ASSERT_EQ(::flock(lock->get(), LOCK_SH), 0);  // somebody who looks whether one runs
  EXPECT_EQ(agent_pid(directory), std::nullopt);
  ASSERT_EQ(::flock(lock->get(), LOCK_EX), 0);
  EXPECT_EQ(agent_pid(directory), ::getpid());
}

TEST(Ownership, KnowsGlobsThatAreNeverEnforcedWhereSystemdRuns) {
  const auto warnings_of = [](const std::string& glob, bool adopt = false) {
    policy::Policy policy;
    policy.name = "p";
    policy.cgroups = {glob};
    policy.adopt = adopt;
    return never_enforced({policy}).size();
  };
  for (const auto* glob : {"/docker/abc", "/system.slice/docker.service/*",
                           "/cgwarden.slice/*.service/payload", "/*/*.slice/x", "/a", "/pods/*x"}) {
    EXPECT_EQ(warnings_of(glob), 1U) << glob;
    EXPECT_EQ(warnings_of(glob, true), 0U) << glob;
  }
  for (const auto* glob : {"/**", "/cgwarden.slice/**", "/cgwarden.slice/*/payload", "/*/*.scope/*",
                           "/cgwarden.slice/web.scope/payload", "/cg*.slice/w[a-e]b.scope/**",
                           "/cgwarden.slice/**/payload", "/system.slice/*.service",
                           "/system.slice/*", "/a*", "/system.slice"}) {
    EXPECT_EQ(warnings_of(glob), 0U) << glob;
  }
}

}  // namespace
}  // namespace cgwarden::agent
