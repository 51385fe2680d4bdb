#include <gtest/gtest.h>
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
            "cannot start: prestart: the hook /bin/busybox was killed after its timeout of 1 s: "
            "waiting");
  // An orphan by now; a killed one may still be a zombie until its new parent looks.
  const std::string pid = read_file(rootfs.path("/pid"), 100).value();
  const std::string stat = "/proc/" + pid.substr(0, pid.find('\n')) + "/stat";
  const auto text = read_file(stat, 4096);
  EXPECT_TRUE(!text || text->find(") Z ") != std::string::npos ||
              text->find(") X ") != std::string::npos)
      << text.value_or("");
}

}  // namespace
}  // namespace cgwarden::launcher
