#include "launcher/process_attributes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "base/file.h"
#include "base/text.h"
#include "launcher/procfs.h"
#include "tests/launcher/root/in_child.h"
#include "tests/launcher/root/launched.h"

namespace cgwarden::launcher {
namespace {

std::string text_below(int procfs, const std::string& path) {
  const UniqueFd fd = open_in_procfs(procfs, path, O_RDONLY);
  return fd.valid() ? read_all(fd.get(), path, 4096).value_or("(unreadable)") : "(absent)";
}

Step make_time(const Spec& spec) {
  CGW_ASSIGN(const TimeOffsets offsets, TimeOffsets::open(spec, -1));
  return offsets.make_namespace();
}

TEST(ProcessAttributes, Scheduler) {
  EXPECT_EQ(in_child([] {
              Process process;
              process.scheduler = Scheduler{};
              process.scheduler->policy = "SCHED_BATCH";
              process.scheduler->nice = 7;
              process.scheduler->flags = {"SCHED_FLAG_RESET_ON_FORK"};
              const std::string result = said(set_scheduler(process));
              return result + " " + std::to_string(::sched_getscheduler(0)) + " " +
                     std::to_string(::getpriority(PRIO_PROCESS, 0));
            }),
            "done " + std::to_string(SCHED_BATCH | SCHED_RESET_ON_FORK) + " 7");
  EXPECT_EQ(in_child([] {
              Process process;
              process.scheduler = Scheduler{};
              process.scheduler->policy = "SCHED_FIFO";
              process.scheduler->priority = 1000;
              return said(set_scheduler(process));
            }),
            "cannot start: scheduler: SCHED_FIFO (the kernel refuses these values together): "
            "Invalid argument");
}

TEST(ProcessAttributes, IoPriorityPersonalityAndCpus) {
  EXPECT_EQ(in_child([] {
              Process process;
              process.io_priority = IoPriority{.io_class = "IOPRIO_CLASS_BE", .priority = 6};
              const std::string result = said(set_io_priority(process));
              return result + " " + std::to_string(::syscall(SYS_ioprio_get, 1, 0));
            }),
            "done " + std::to_string((2 << 13) | 6));
  EXPECT_EQ(in_child([] {
              Spec spec;
              spec.personality = Personality{.domain = "LINUX32"};
              const std::string result = said(set_personality(spec));
              utsname name{};
              ::uname(&name);
              return result + " " + static_cast<const char*>(name.machine);
            }),
            "done i686");
  EXPECT_EQ(in_child([] {
              const std::string result = said(set_cpu_affinity(" 0 "));
              cpu_set_t set;
              ::sched_getaffinity(0, sizeof(set), &set);
              return result + " " + std::to_string(CPU_COUNT(&set)) +
                     std::to_string(CPU_ISSET(0, &set) ? 1 : 0);
            }),
            "done 11");
  EXPECT_EQ(in_child([] { return said(set_cpu_affinity("8000-8191")); }),
            "cannot start: execCPUAffinity: 8000-8191 (none of them is online and in the cpuset): "
            "Invalid argument");
}

TEST(ProcessAttributes, TheCallersCpuAffinityIsNotTheContainers) {
  const Rootfs rootfs;
  const Spec spec = shell_spec(rootfs, "grep Cpus_allowed: /proc/self/status");
  const std::string free = launch(spec).output;
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof(before), &before), 0);
  cpu_set_t first;
  CPU_ZERO(&first);
  CPU_SET(0, &first);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(first), &first), 0);
  const std::string pinned = launch(spec).output;
  ::sched_setaffinity(0, sizeof(before), &before);
  EXPECT_THAT(free, testing::HasSubstr("Cpus_allowed:"));
  EXPECT_EQ(pinned, free);
}

// A service manager's adjustment is inherited as the least that an unprivileged process may set.
TEST(ProcessAttributes, OomScoreAdjBelowTheCallersInAUserNamespace) {
  const Rootfs rootfs;
  Spec spec = shell_spec(rootfs, "cat /proc/self/oom_score_adj");
  spec.namespaces.push_back({NamespaceType::user, ""});
  spec.uid_mappings = spec.gid_mappings = {{0, 100000, 65536}};
  spec.process.oom_score_adj = 100;
  EXPECT_EQ(in_child([&] {
              const UniqueFd own(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
              if (::write(own.get(), "500", 3) != 3) return std::string("own oom_score_adj");
              const Launched run = launch(spec);
              return run.started ? run.output : run.error.sentence();
            }),
            "100\n");
}

TEST(ProcessAttributes, SysctlsOfTheContainer) {
  const std::string host = read_file("/proc/sys/kernel/shmmni", 100).value();
  EXPECT_EQ(in_child([] {
              Spec spec;
              spec.namespaces = {{NamespaceType::network, ""}, {NamespaceType::ipc, ""}};
              spec.sysctl = {{"net.ipv4.ip_forward", "1"}, {"kernel.shmmni", "77"}};
              if (::unshare(CLONE_NEWNET | CLONE_NEWIPC) != 0) return std::string("unshare");
              const auto procfs = open_procfs();
              if (!procfs) return procfs.error().sentence();
              const std::string result = said(write_sysctls(procfs->get(), spec));
              return result + "\n" + text_below(procfs->get(), "sys/net/ipv4/ip_forward") +
                     text_below(procfs->get(), "sys/kernel/shmmni");
            }),
            "done\n1\n77\n");
  EXPECT_EQ(read_file("/proc/sys/kernel/shmmni", 100).value(), host);
  EXPECT_EQ(in_child([] {
              Spec spec;
              spec.namespaces = {{NamespaceType::network, ""}};
              spec.sysctl = {{"net.no_such", "1"}};
              const auto procfs = open_procfs();
              return said(write_sysctls(procfs->get(), spec));
            }),
            "cannot start: sysctl: net.no_such is not a sysctl of this kernel: No such file or "
            "directory");
}

// CVE-2025-52881: what is mounted on /proc must not take the writes.
TEST(ProcessAttributes, AForgedProcTakesNoWrites) {
  EXPECT_EQ(in_child([] {
              if (::unshare(CLONE_NEWNS | CLONE_NEWNET) != 0 ||
                  ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
                  ::mount("tmpfs", "/proc/sys/net", "tmpfs", 0, nullptr) != 0 ||
                  !make_directories("/proc/sys/net/ipv4") ||
                  !write_file_atomically("/proc/sys/net/ipv4/ip_forward", "forged")) {
                return std::string("cannot forge");
              }
              Spec spec;
              spec.namespaces = {{NamespaceType::network, ""}};
              spec.sysctl = {{"net.ipv4.ip_forward", "1"}};
              const UniqueFd seen(::open("/proc", O_PATH | O_DIRECTORY));
              const std::string redirected = said(write_sysctls(seen.get(), spec));
              const auto procfs = open_procfs();
              const std::string result = said(write_sysctls(procfs->get(), spec));
              return redirected + "\n" + result + "\n" +
                     read_file("/proc/sys/net/ipv4/ip_forward", 100).value() +
                     text_below(procfs->get(), "sys/net/ipv4/ip_forward");
            }),
            "cannot start: sysctl: net.ipv4.ip_forward cannot be opened: Invalid cross-device "
            "link\ndone\nforged1\n");
}

TEST(ProcessAttributes, ADirectoryIsNoProcfs) {
  EXPECT_EQ(in_child([] {
              // Without CAP_SYS_ADMIN there is no fresh one, and /proc is what somebody put there.
              if (::unshare(CLONE_NEWNS) != 0 ||
                  ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
                  ::mount("tmpfs", "/proc", "tmpfs", 0, nullptr) != 0 ||
                  ::setresuid(1, 1, 1) != 0) {
                return std::string("cannot forge");
              }
              const auto procfs = open_procfs();
              return procfs ? std::string("opened") : procfs.error().sentence();
            }),
            "cannot start: procfs: /proc is not a procfs");
}

TEST(ProcessAttributes, LabelsWithoutTheModuleAreRefused) {
  const auto procfs = open_procfs();
  ASSERT_TRUE(procfs) << procfs.error().sentence();
  Process process;
  process.apparmor_profile = "no-such-profile";
  const std::string refusal = said(set_exec_label(procfs->get(), process));
  const auto enabled = read_file("/sys/module/apparmor/parameters/enabled", 10);
  if (enabled && enabled->starts_with('Y')) {
    EXPECT_EQ(refusal,
              "cannot start: apparmorProfile: \"no-such-profile\" is not loaded in this kernel: No "
              "such file or directory");
  } else {
    EXPECT_EQ(refusal,
              "cannot start: apparmorProfile: \"no-such-profile\" is asked for, and this host has "
              "no AppArmor");
  }
  if (read_file("/proc/filesystems", 1U << 16U).value().find("selinuxfs") == std::string::npos) {
    process = {};
    process.selinux_label = "system_u:system_r:container_t:s0";
    EXPECT_EQ(said(set_exec_label(procfs->get(), process)),
              "cannot start: selinuxLabel: \"system_u:system_r:container_t:s0\" is asked for, and "
              "this host has no SELinux");
  }
}

// Their file is root's once the process may not be traced any more.
TEST(ProcessAttributes, TimeOffsetsOfAUser) {
  constexpr unsigned kUser = 12345;
  const Rootfs rootfs;
  ASSERT_EQ(::chmod(rootfs.path().c_str(), 0755), 0);
  Spec spec = shell_spec(rootfs, "test $(cut -d. -f1 /proc/uptime) -gt 1000000; echo $?");
  spec.namespaces.push_back({NamespaceType::user, ""});
  spec.namespaces.push_back({NamespaceType::time, ""});
  spec.uid_mappings = spec.gid_mappings = {{0, kUser, 1}};
  spec.time_offsets = {{"boottime", {.secs = 1'000'000, .nanosecs = 0}}};
  // Its gid is not mapped.
  std::erase_if(spec.mounts, [](const Mount& mount) { return mount.type == "devpts"; });
  EXPECT_EQ(in_child([&] {
              if (::setgroups(0, nullptr) != 0 || ::setresgid(kUser, kUser, kUser) != 0 ||
                  ::setresuid(kUser, kUser, kUser) != 0 ||
                  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) {
                return std::string("no user");
              }
              const Launched run = launch(spec);
              return run.started ? run.output : run.error.sentence();
            }),
            "0\n");
}

TEST(ProcessAttributes, TimeOffsets) {
  Spec spec;
  spec.namespaces = {{NamespaceType::time, {}}};
  spec.time_offsets = {{"boottime", {.secs = 1'000'000, .nanosecs = 5}},
                       {"monotonic", {.secs = -1, .nanosecs = 0}}};
  const auto in_namespace = [&spec] {
    timespec before{};
    ::clock_gettime(CLOCK_BOOTTIME, &before);
    const std::string result = said(make_time(spec));
    timespec after{};
    ::clock_gettime(CLOCK_BOOTTIME, &after);
    std::string offsets = read_file("/proc/self/timens_offsets", 4096).value();
    std::erase(offsets, ' ');
    return result + "\n" + offsets +
           (after.tv_sec - before.tv_sec >= 1'000'000 ? "inside" : "outside");
  };
  EXPECT_EQ(in_child(in_namespace), "done\nmonotonic-10\nboottime10000005\ninside");
  spec.time_offsets = {{"monotonic", {.secs = -1'000'000'000, .nanosecs = 0}}};
  EXPECT_EQ(in_child([&spec] { return said(make_time(spec)); }),
            "cannot start: timeOffsets: /proc/self/timens_offsets refuses the offsets (the clock "
            "would be negative or too far away): Numerical result out of range");
}

}  // namespace
}  // namespace cgwarden::launcher
