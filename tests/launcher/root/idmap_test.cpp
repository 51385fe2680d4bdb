#include "launcher/idmap.h"

#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <string>

#include "base/file.h"
#include "tests/launcher/root/in_child.h"

namespace cgwarden::launcher {
namespace {

constexpr unsigned kUser = 12345;  // of no name and without a line in /etc/subuid

// What write_id_maps says, as that user, about a process in a new user namespace; and its maps.
std::string map_as_user(const Spec& spec, const std::function<void()>& before = [] {}) {
  return in_child([&] {
    if (::setresgid(kUser, kUser, kUser) != 0 || ::setresuid(kUser, kUser, kUser) != 0) {
      return std::string("cannot change the user");
    }
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    before();
    clone_args arguments{};
    arguments.flags = CLONE_NEWUSER;
    arguments.exit_signal = SIGCHLD;
    const auto child = static_cast<pid_t>(::syscall(SYS_clone3, &arguments, sizeof(arguments)));
    if (child == 0) {
      for (;;) ::pause();
    }
    if (child < 0) return std::string("no user namespace");
    std::string result = said(write_id_maps(spec, child));
    const std::string directory = "/proc/" + std::to_string(child) + "/";
    for (const char* file : {"uid_map", "gid_map", "setgroups"}) {
      std::string text = read_file(directory + file, 4096).value_or("?");
      std::erase(text, ' ');
      result += "|" + text.substr(0, text.find('\n'));
    }
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return result;
  });
}

Spec mapped(std::vector<IdMapping> uids, std::vector<IdMapping> gids) {
  Spec spec;
  spec.uid_mappings = std::move(uids);
  spec.gid_mappings = std::move(gids);
  return spec;
}

TEST(IdMap, OnesOwnIdNeedsNoHelpAndDeniesSetgroups) {
  EXPECT_EQ(map_as_user(mapped({{0, kUser, 1}}, {{0, kUser, 1}})), "done|0123451|0123451|deny");
}

TEST(IdMap, MoreThanThatNeedsTheUidmapPrograms) {
  const Spec spec = mapped({{0, kUser, 1}, {1, 100000, 65536}}, {{0, kUser, 1}});
  EXPECT_EQ(map_as_user(spec, [] { ::setenv("PATH", "/nonexistent", 1); }),
            "cannot start: user: newuidmap is needed to map more than one's own id; install the "
            "package uidmap: No such file or directory|||allow");
}

TEST(IdMap, ARefusalNamesTheLineThatIsMissing) {
  if (::access("/usr/bin/newuidmap", X_OK) != 0) GTEST_SKIP() << "no newuidmap here";
  const Spec spec = mapped({{0, kUser, 1}, {1, 100000, 65536}}, {{0, kUser, 1}});
  EXPECT_EQ(map_as_user(spec),
            "cannot start: user: newuidmap refuses the host ids 12345:1, 100000:65536; each has to "
            "lie in a line USER:START:COUNT of /etc/subuid for uid 12345|||allow");
}

TEST(IdMap, ANamespaceForMountsHasItsMapsAndNoProcess) {
  const auto made = user_namespace_of({{0, 100000, 10}}, {{0, 200000, 20}});
  ASSERT_TRUE(made) << made.error().sentence();
  const int fd = made->get();
  EXPECT_EQ(in_child([fd] {
              if (::setns(fd, CLONE_NEWUSER) != 0) return std::string("setns");
              std::string maps = read_file("/proc/self/uid_map", 100).value() +
                                 read_file("/proc/self/gid_map", 100).value();
              std::erase(maps, ' ');
              return maps;
            }),
            "010000010\n020000020\n");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "the helper is left";
  EXPECT_FALSE(user_namespace_of({{0, 1, 1}, {0, 2, 1}}, {{0, 1, 1}}));
}

}  // namespace
}  // namespace cgwarden::launcher
