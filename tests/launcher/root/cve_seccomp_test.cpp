#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "launcher/capabilities.h"
#include "launcher/seccomp_config.h"
#include "tests/launcher/root/hostile.h"

// The filter that no CVE number stands for: applied last, so that it need not allow what the
// launcher does before execve(2), and closed to calls of other architectures.
namespace cgwarden::launcher {
namespace {

using testing::HasSubstr;

// What busybox needs from its execve(2) on; everything else kills.
Seccomp least_profile() {
  Seccomp config;
  config.default_action = "SCMP_ACT_KILL_PROCESS";
  config.architectures = {"SCMP_ARCH_X86_64"};
  config.syscalls = {
      {.names = {"execve", "rt_sigprocmask", "brk", "arch_prctl", "set_tid_address",
                 "set_robust_list", "rseq", "prlimit64", "readlink", "readlinkat", "getrandom",
                 "mprotect", "mmap", "munmap", "getuid", "newfstatat", "write", "exit_group"},
       .action = "SCMP_ACT_ALLOW",
       .errno_ret = {},
       .args = {}},
      {.names = {"prctl"},
       .action = "SCMP_ACT_ALLOW",
       .errno_ret = {},
       .args = {{.index = 0, .value = PR_GET_NAME, .value_two = 0, .op = "SCMP_CMP_EQ"}}}};
  return config;
}

Spec echo_spec(const Rootfs& rootfs) {
  Spec spec = shell_spec(rootfs, "");
  spec.process.args = {"/bin/echo", "done"};
  return spec;
}

TEST(SeccompLast, TheFilterNeedNotAllowWhatTheLauncherDoes) {
  const Rootfs rootfs;
  Spec spec = echo_spec(rootfs);
  spec.seccomp_config = least_profile();
  spec.process.user = {.uid = 0, .gid = 6, .additional_gids = {7}, .umask = 077};
  spec.process.rlimits = {{"RLIMIT_NOFILE", 77, 99}};
  spec.process.cwd = "/data";
  const auto run = launch(spec);
  ASSERT_TRUE(run.started) << run.error.sentence();
  EXPECT_EQ(run.output, "done\n");
  // It is there.
  spec.process.args = {"/bin/id"};
  EXPECT_EQ(launch(spec).exit_code, 128 + SIGSYS);
}

TEST(SeccompLast, ExecHasTheSameFilter) {
  const Rootfs rootfs;
  const OciContainer container(shell_spec(rootfs, "exec sleep 1000"));
  const auto done = container.exec(
      "grep -E '^(NoNewPrivs|Seccomp|Seccomp_filters):' /proc/self/status; unshare -m true");
  EXPECT_THAT(done.output, HasSubstr("NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n"));
  EXPECT_THAT(done.output, HasSubstr("Operation not permitted"));
}

// How a child ends that makes one call under the filter: its exit code, 1000+N for signal N.
int end_of(std::span<const sock_filter> program, const std::function<void()>& call) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);  // no core file
    if (!load_filter(program)) ::_exit(255);
    call();
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(SeccompLast, CallsOfX32AndOfI386Kill) {
  const auto x32 = [] { ::syscall(0x40000000 | SYS_getpid); };
  // getpid(2) by its i386 number: to the filter's eyes AUDIT_ARCH_I386.
  const auto i386 = [] {
    long number = 20;
    asm volatile("int $0x80" : "+a"(number) : : "r8", "r9", "r10", "r11", "memory");
  };
  const auto bounding = capability_sets(default_spec().process.capabilities)->bounding;
  const auto own = seccomp_filter(SeccompProfile::container_default, bounding);
  ASSERT_TRUE(own);
  EXPECT_EQ(end_of(own->program, [] { ::getpid(); }), 0);
  EXPECT_EQ(end_of(own->program, x32), 1000 + SIGSYS);
  EXPECT_EQ(end_of(own->program, i386), 1000 + SIGSYS);
  Seccomp config = least_profile();
  config.default_action = "SCMP_ACT_ALLOW";
  const auto given = compile_seccomp(config, "");
  ASSERT_TRUE(given) << given.error().sentence();
  EXPECT_EQ(end_of(given->program, [] { ::getpid(); }), 0);
  EXPECT_EQ(end_of(given->program, x32), 1000 + SIGSYS);
  EXPECT_EQ(end_of(given->program, i386), 1000 + SIGSYS);
}

}  // namespace
}  // namespace cgwarden::launcher
