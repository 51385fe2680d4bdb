#include "launcher/process_attributes.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

namespace cgwarden::launcher {
namespace {

std::string said(const Step& step) {
  return step ? "done" : step.error().stage + ": " + step.error().text;
}

Step make_time(const Spec& spec) {
  CGW_ASSIGN(const TimeOffsets offsets, TimeOffsets::open(spec, -1));
  return offsets.make_namespace();
}

TEST(ProcessAttributesTest, NothingAskedForIsNothingDone) {
  const Process process;
  const Spec spec;
  EXPECT_EQ(said(set_scheduler(process)), "done");
  EXPECT_EQ(said(set_io_priority(process)), "done");
  EXPECT_EQ(said(set_personality(spec)), "done");
  EXPECT_EQ(said(set_cpu_affinity("")), "done");
  EXPECT_EQ(said(set_exec_label(-1, process)), "done");
  EXPECT_EQ(said(write_sysctls(-1, spec)), "done");
  EXPECT_EQ(said(make_time(spec)), "done");
}

TEST(ProcessAttributesTest, UnknownWordsAreNamed) {
  Process process;
  process.scheduler = Scheduler{};
  process.scheduler->policy = "SCHED_FAST";
  EXPECT_EQ(said(set_scheduler(process)), "scheduler: \"SCHED_FAST\" is not a scheduling policy");
  process.scheduler->policy = "SCHED_OTHER";
  process.scheduler->flags = {"SCHED_FLAG_FAST"};
  EXPECT_EQ(said(set_scheduler(process)),
            "scheduler: \"SCHED_FLAG_FAST\" is not a flag of sched_setattr");
  process.scheduler->flags.clear();
  process.scheduler->nice = 20;
  EXPECT_EQ(said(set_scheduler(process)), "scheduler: nice 20 is not in -20 to 19");
  process.io_priority = IoPriority{.io_class = "IOPRIO_CLASS_X", .priority = 0};
  EXPECT_EQ(said(set_io_priority(process)),
            "ioPriority: \"IOPRIO_CLASS_X\" is not an I/O scheduling class");
  process.io_priority = IoPriority{.io_class = "IOPRIO_CLASS_BE", .priority = 8};
  EXPECT_EQ(said(set_io_priority(process)), "ioPriority: the priority 8 is not in 0 to 7");
  Spec spec;
  spec.personality = Personality{.domain = "BSD"};
  EXPECT_EQ(said(set_personality(spec)), "personality: \"BSD\" is not an execution domain");
  spec.time_offsets["realtime"] = {};
  EXPECT_EQ(said(make_time(spec)), "timeOffsets: linux.timeOffsets needs a new time namespace");
  spec.namespaces = {{NamespaceType::time, {}}};
  EXPECT_EQ(said(make_time(spec)), "timeOffsets: \"realtime\" is not a clock of a time namespace");
}

TEST(ProcessAttributesTest, ListsOfCpusAreReadStrictly) {
  for (const std::string bad : {"a", "1-", "-1", "3-1", "0,,1", "0,", "8192", "0-99999999999"}) {
    EXPECT_EQ(said(set_cpu_affinity(bad)),
              "execCPUAffinity: \"" + bad + "\" is not a list of CPUs below 8192");
  }
}

std::string sysctl_said(const std::string& name, std::vector<Namespace> namespaces) {
  Spec spec;
  spec.sysctl[name] = "1";
  spec.namespaces = std::move(namespaces);
  return said(check_sysctls(spec));
}

TEST(SysctlTest, OnlyWhatIsTheContainersOwn) {
  const Namespace ipc{NamespaceType::ipc, ""};
  const Namespace net{NamespaceType::network, ""};
  const Namespace uts{NamespaceType::uts, ""};
  EXPECT_EQ(sysctl_said("net.ipv4.ip_forward", {net}), "done");
  EXPECT_EQ(sysctl_said("net/ipv4/conf/eth0.1/forwarding", {net}), "done");
  EXPECT_EQ(sysctl_said("kernel.shmmax", {ipc}), "done");
  EXPECT_EQ(sysctl_said("fs.mqueue.msg_max", {ipc}), "done");
  EXPECT_EQ(sysctl_said("kernel.domainname", {uts}), "done");
  EXPECT_EQ(sysctl_said("net.ipv4.ip_forward", {ipc}),
            "sysctl: net.ipv4.ip_forward needs the container's own network namespace");
  EXPECT_EQ(sysctl_said("kernel.hostname", {uts}),
            "sysctl: kernel.hostname is given by \"hostname\"");
  EXPECT_EQ(sysctl_said("net.ipv4.ip_forward", {{NamespaceType::network, "/proc/self/ns/net"}}),
            "sysctl: net.ipv4.ip_forward would change the host: /proc/self/ns/net is its own "
            "network namespace");
}

TEST(SysctlTest, TheDomainnameIsSaidOnceOrTwiceTheSame) {
  Spec spec;
  spec.namespaces = {{NamespaceType::uts, ""}};
  spec.domainname = "example";
  spec.sysctl = {{"kernel.domainname", "example"}};
  EXPECT_TRUE(check_sysctls(spec));
  spec.sysctl = {{"kernel.domainname", "other"}};
  const Step refused = check_sysctls(spec);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text, "kernel.domainname is not what \"domainname\" says");
}

TEST(SysctlTest, TheHostsAreRefused) {
  const std::vector<Namespace> all{
      {NamespaceType::ipc, ""}, {NamespaceType::network, ""}, {NamespaceType::uts, ""}};
  for (const std::string name :
       {"kernel.core_pattern", "vm.swappiness", "net/../kernel/core_pattern", "net..x", "net.",
        "kernel/shmmax/../core_pattern", "/net/ipv4/ip_forward", ""}) {
    EXPECT_EQ(sysctl_said(name, all),
              "sysctl: " + name +
                  " belongs to no namespace; it would change the host, where it has to be set "
                  "instead");
  }
}

}  // namespace
}  // namespace cgwarden::launcher
