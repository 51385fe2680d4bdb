#include "launcher/seccomp.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <set>
#include <string>

#include "launcher/capabilities.h"
#include "launcher/seccomp_table.h"

namespace cgwarden::launcher {
namespace {

std::set<std::string> always_allowed() {
  std::set<std::string> names;
  for (const auto& group : allowed_syscalls()) {
    for (const auto name : group.names) names.emplace(name);
  }
  return names;
}

TEST(SeccompTableTest, EveryNameIsASystemCallOfSomeArchitecture) {
  for (const auto& name : always_allowed()) {
    EXPECT_NE(::seccomp_syscall_resolve_name(name.c_str()), __NR_SCMP_ERROR) << name;
  }
  for (const auto& group : capability_syscalls()) {
    EXPECT_GE(capability_number(std::string(group.capability)), 0) << group.capability;
    for (const auto name : group.names) {
      EXPECT_NE(::seccomp_syscall_resolve_name(std::string(name).c_str()), __NR_SCMP_ERROR) << name;
    }
  }
}

TEST(SeccompTableTest, NoNameStandsTwiceAndNoneIsBothFreeAndConditional) {
  std::size_t count = 0;
  for (const auto& group : allowed_syscalls()) count += group.names.size();
  const auto names = always_allowed();
  EXPECT_EQ(names.size(), count);
  for (const auto& group : capability_syscalls()) {
    for (const auto name : group.names) EXPECT_FALSE(names.contains(std::string(name))) << name;
  }
}

TEST(SeccompTableTest, DangerousCallsAreNotFree) {
  const auto names = always_allowed();
  for (const char* name : {"keyctl",
                           "add_key",
                           "request_key",
                           "mount",
                           "umount2",
                           "unshare",
                           "setns",
                           "pivot_root",
                           "bpf",
                           "perf_event_open",
                           "init_module",
                           "finit_module",
                           "delete_module",
                           "kexec_load",
                           "kexec_file_load",
                           "reboot",
                           "swapon",
                           "swapoff",
                           "open_by_handle_at",
                           "userfaultfd",
                           "io_uring_setup",
                           "io_uring_enter",
                           "io_uring_register",
                           "clone",
                           "clone3",
                           "personality",
                           "socket",
                           "iopl",
                           "ioperm",
                           "settimeofday",
                           "clock_settime",
                           "acct",
                           "syslog",
                           "quotactl",
                           "fsopen",
                           "move_mount",
                           "mount_setattr",
                           "open_tree",
                           "kcmp",
                           "pidfd_getfd",
                           "chroot",
                           "sethostname",
                           "lookup_dcookie",
                           "nfsservctl",
                           "vhangup",
                           "fanotify_init"}) {
    EXPECT_FALSE(names.contains(name)) << name;
  }
  for (const char* name : {"read", "execve", "futex", "rseq", "openat", "statx", "prctl"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST(SeccompTableTest, NewCallsLieBetweenTheLibraryAndTheHighestKnown) {
  for (const auto& call : allowed_new_syscalls()) {
    EXPECT_GT(call.number, 450) << call.name;
    EXPECT_LE(call.number, kHighestKnownSyscall) << call.name;
    const int known = ::seccomp_syscall_resolve_name(std::string(call.name).c_str());
    EXPECT_TRUE(known == __NR_SCMP_ERROR || known == call.number) << call.name;
  }
}

bool same(std::span<const sock_filter> a, std::span<const sock_filter> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.code == y.code && x.jt == y.jt && x.jf == y.jf && x.k == y.k;
  });
}

TEST(SeccompTest, TheCompiledProfilesAreWhatLibseccompMakesNow) {
  const auto defaults = capability_sets({.bounding = default_capabilities(),
                                         .effective = {},
                                         .inheritable = {},
                                         .permitted = {},
                                         .ambient = {}});
  ASSERT_TRUE(defaults);
  for (const std::uint64_t bounding : {defaults->bounding, std::uint64_t{0}}) {
    const auto chosen = seccomp_filter(SeccompProfile::container_default, bounding);
    ASSERT_TRUE(chosen);
    EXPECT_TRUE(chosen->compiled.empty()) << "compiled at run time";
    const auto fresh = compile_default_profile(bounding);
    ASSERT_TRUE(fresh) << fresh.error().sentence();
    EXPECT_TRUE(same(chosen->program, *fresh));
    EXPECT_LT(chosen->program.size(), static_cast<std::size_t>(BPF_MAXINSNS));
  }
}

TEST(SeccompTest, OtherCapabilitySetsAreCompiledWhenNeeded) {
  const auto chosen =
      seccomp_filter(SeccompProfile::container_default,
                     1ULL << static_cast<unsigned>(capability_number("CAP_SYS_TIME")));
  ASSERT_TRUE(chosen);
  EXPECT_FALSE(chosen->compiled.empty());
  EXPECT_EQ(chosen->program.size(), chosen->compiled.size());
}

// Makes one system call under the filter in a child: its errno, 0 for success, 1000+N for signal N.
int result_of(std::uint64_t bounding, long number, long a = 0, long b = 0, long c = 0) {
  const auto filter = seccomp_filter(SeccompProfile::container_default, bounding);
  EXPECT_TRUE(filter);
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!load_filter(filter->program)) ::_exit(255);
    const long result = ::syscall(number, a, b, c, 0L, 0L);
    ::_exit(result < 0 ? errno : 0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(SeccompTest, TheKernelAnswersAsTheTableSays) {
  for (const long number : {SYS_keyctl, SYS_add_key, SYS_mount, SYS_unshare, SYS_setns, SYS_bpf,
                            SYS_perf_event_open, SYS_reboot, SYS_io_uring_setup, SYS_userfaultfd,
                            SYS_chroot, SYS_open_by_handle_at, SYS_init_module, SYS_pivot_root}) {
    EXPECT_EQ(result_of(0, number), EPERM) << number;
  }
  EXPECT_EQ(result_of(0, SYS_getpid), 0);
  EXPECT_EQ(result_of(0, SYS_clone3), ENOSYS);
  EXPECT_EQ(result_of(0, SYS_clone, CLONE_NEWUSER | SIGCHLD), EPERM);
  EXPECT_EQ(result_of(0, SYS_personality, 0xFFFFFFFF), 0);
  EXPECT_EQ(result_of(0, SYS_personality, READ_IMPLIES_EXEC), EPERM);
  EXPECT_EQ(result_of(0, SYS_socket, AF_VSOCK, SOCK_STREAM), EPERM);
  EXPECT_EQ(result_of(0, SYS_socket, AF_UNIX, SOCK_STREAM), 0);
  EXPECT_EQ(result_of(0, kHighestKnownSyscall + 1), ENOSYS);
  EXPECT_EQ(result_of(0, 9999), ENOSYS);
  // x32 (bit 30) is another architecture to the kernel.
  EXPECT_EQ(result_of(0, 0x40000000 | SYS_getpid), 1000 + SIGSYS);
}

TEST(SeccompTest, ACapabilityOpensItsCalls) {
  const auto bit = [](const char* name) {
    return std::uint64_t{1} << static_cast<unsigned>(capability_number(name));
  };
  EXPECT_NE(result_of(bit("CAP_SYS_CHROOT"), SYS_chroot), EPERM);  // EFAULT: it reached the kernel
  EXPECT_NE(result_of(bit("CAP_SYS_ADMIN"), SYS_clone3), ENOSYS);
  EXPECT_EQ(result_of(bit("CAP_SYS_ADMIN"), SYS_keyctl), EPERM);
}

TEST(SeccompTest, UnconfinedHasNoProgram) {
  const auto chosen = seccomp_filter(SeccompProfile::unconfined, 0);
  ASSERT_TRUE(chosen);
  EXPECT_TRUE(chosen->program.empty());
}

}  // namespace
}  // namespace cgwarden::launcher
