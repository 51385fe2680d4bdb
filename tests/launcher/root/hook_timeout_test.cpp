#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "base/file.h"
#include "launcher/hooks.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

// Here and not among the unit tests: one second is the shortest timeout there is.
TEST(HookTimeout, KillsTheWholeGroup) {
  const Rootfs rootfs;
  Hook hook;
  hook.path = "/bin/busybox";
  hook.args = {"sh", "-c",
               "echo waiting >&2; sleep 1000 & echo $! > " + rootfs.path("/pid") + "; wait"};
  hook.env = {"PATH=/bin:/usr/bin"};
  hook.timeout_sec = 1;
  const Step step = run_hooks({hook}, "prestart", "{}");
  ASSERT_FALSE(step);
  EXPECT_EQ(step.error().sentence(),
            "cannot start: prestart: error running prestart hook #0: /bin/busybox was killed after "
            "its timeout of 1 s: "
            "waiting");
  // An orphan by now, dying or dead; far below the 1000 s that it would live.
  const auto pid =
      static_cast<pid_t>(std::atol(read_file(rootfs.path("/pid"), 100).value_or("0").c_str()));
  ASSERT_GT(pid, 1);
  const UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) {
    EXPECT_EQ(errno, ESRCH);
    return;
  }
  pollfd watched{pidfd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&watched, 1, 10000), 1) << "the sleep of the hook lives on";
}

}  // namespace
}  // namespace cgwarden::launcher
