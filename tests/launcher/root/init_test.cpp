#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/file.h"
#include "base/text.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

Launched launch_with_init(const Rootfs& rootfs, const std::string& script) {
  Spec spec = shell_spec(rootfs, script);
  spec.init = true;
  return launch(spec);
}

TEST(Init, IsPid1AndReapsOrphans) {
  const Rootfs rootfs;
  // The subshell's child outlives it, becomes init's, and must not stay a zombie.
  const auto run = launch_with_init(
      rootfs,
      "echo $$ $PPID; (setsid sh -c 'exit 5' & ) ; i=0; while [ $i -lt 200 ]; do "
      "grep -l 'State:.*Z' /proc/[0-9]*/status 2>/dev/null >/tmp/z || break; i=$((i+1)); done; "
      "wc -l < /tmp/z; cat /proc/1/comm");
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "2 1\n0\ncgwarden-init\n");
}

TEST(Init, PassesExitCodesAndSignalsThrough) {
  const Rootfs rootfs;
  auto run = launch_with_init(rootfs, "exit 42");
  EXPECT_EQ(run.exit_code, 42);
  EXPECT_EQ(run.command.code, CLD_EXITED);
  EXPECT_EQ(run.command.status, 42);
  run = launch_with_init(rootfs, "kill -SEGV $$");
  EXPECT_EQ(run.exit_code, 128 + SIGSEGV);
  EXPECT_EQ(run.command.status, SIGSEGV);
  EXPECT_TRUE(run.command.code == CLD_KILLED || run.command.code == CLD_DUMPED);
  // 137 written by the program itself is not a kill.
  run = launch_with_init(rootfs, "exit 137");
  EXPECT_EQ(run.command.code, CLD_EXITED);
  EXPECT_EQ(run.command.status, 137);
}

TEST(Init, WithoutItTheStatusIsTheChildsOwn) {
  const Rootfs rootfs;
  EXPECT_EQ(launch(rootfs, "exit 3").exit_code, 3);
  EXPECT_EQ(launch(rootfs, "exit 137").command.code, CLD_EXITED);
}

TEST(Init, ForwardsEverySignalThatCanBeForwarded) {
  const Rootfs rootfs;
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT, SIGWINCH, SIGALRM}) {
    const std::string script = "trap 'echo got; exit 9' " + std::to_string(number) +
                               "; echo ready; while :; do sleep 0.01; done";
    Spec spec = shell_spec(rootfs, script);
    spec.init = true;
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    const UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    auto spawned =
        spawn({.spec = &spec, .stdout_fd = write_end.get(), .stderr_fd = write_end.get()});
    ASSERT_TRUE(spawned) << spawned.error().sentence();
    write_end.reset();
    std::array<char, 6> ready{};
    ASSERT_EQ(::read(read_end.get(), ready.data(), ready.size()), 6);
    ASSERT_EQ(::kill(spawned->pid, number), 0);
    EXPECT_EQ(read_all(read_end.get(), "pipe", 1000).value(), "got\n") << number;
    EXPECT_EQ(read_status(*spawned)->status, 9);
    EXPECT_EQ(wait_for(spawned->pid).status, 9);
  }
}

TEST(Init, MainPidIsTheHostsAndAKilledInitReportsNothing) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "sleep 1000");
  spec.init = true;
  const auto spawned = spawn({.spec = &spec});
  ASSERT_TRUE(spawned) << spawned.error().sentence();
  EXPECT_NE(spawned->pid, spawned->main_pid);
  const std::string directory = "/proc/" + std::to_string(spawned->main_pid);
  const std::string status = read_file(directory + "/status", 1U << 16U).value();
  EXPECT_NE(status.find("PPid:\t" + std::to_string(spawned->pid) + "\n"), std::string::npos);
  ASSERT_EQ(::kill(spawned->pid, SIGKILL), 0);
  EXPECT_FALSE(read_status(*spawned));
  EXPECT_EQ(wait_for(spawned->pid).status, SIGKILL);
  EXPECT_FALSE(read_file(directory + "/status", 1U << 16U)) << "the command outlived its init";
}

TEST(Init, IgnoredSignalsAndBlockedOnesDoNotReachTheCommand) {
  const Rootfs rootfs;
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
  Spec spec = shell_spec(rootfs, "");  // a shell would set up signals of its own
  spec.process.args = {"/bin/grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"};
  const auto run = launch(spec);
  ::sigprocmask(SIG_UNBLOCK, &blocked, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  EXPECT_EQ(run.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

}  // namespace
}  // namespace cgwarden::launcher
