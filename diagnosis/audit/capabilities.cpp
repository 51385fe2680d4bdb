#include <fmt/format.h>
#include <linux/capability.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "diagnosis/audit/review.h"

namespace cgwarden::diagnosis::audit {
namespace {

struct Rule {
  int number;
  Severity severity;
  const char* id;
  const char* name;
  const char* why;
};

// Those that lead out of a container, or to its neighbours.
constexpr std::array kRules{
    Rule{
        CAP_SYS_ADMIN, Severity::critical, "capability-sys-admin", "CAP_SYS_ADMIN",
        "It may mount file systems and block devices, enter namespaces and set a cgroup v1 release "
        "agent (CVE-2022-0492): it owns the host."},
    Rule{CAP_SYS_MODULE, Severity::critical, "capability-sys-module", "CAP_SYS_MODULE",
         "It may load a kernel module: it owns the host."},
    Rule{CAP_SYS_RAWIO, Severity::critical, "capability-sys-rawio", "CAP_SYS_RAWIO",
         "It may use I/O ports and read /dev/mem and /proc/kcore: the kernel's memory is open."},
    Rule{CAP_DAC_READ_SEARCH, Severity::critical, "capability-dac-read-search",
         "CAP_DAC_READ_SEARCH",
         "open_by_handle_at(2) opens any file of the file system that holds one of its mounts, the "
         "host's shadow file among them."},
    Rule{CAP_SYS_PTRACE, Severity::high, "capability-sys-ptrace", "CAP_SYS_PTRACE",
         "It may control every process that it sees, of whichever user; with the host's process "
         "ids these are the host's."},
    Rule{CAP_BPF, Severity::high, "capability-bpf", "CAP_BPF",
         "It may load BPF programs: the verifier has been a way into the kernel again and again."},
    Rule{CAP_PERFMON, Severity::high, "capability-perfmon", "CAP_PERFMON",
         "It may trace the kernel, and with CAP_BPF read its memory."},
    Rule{CAP_SYS_BOOT, Severity::high, "capability-sys-boot", "CAP_SYS_BOOT",
         "kexec_load(2) starts another kernel; in the host's pid namespace it may reboot."},
    Rule{CAP_MAC_ADMIN, Severity::high, "capability-mac-admin", "CAP_MAC_ADMIN",
         "It may change the policy of AppArmor or Smack."},
    Rule{CAP_MAC_OVERRIDE, Severity::high, "capability-mac-override", "CAP_MAC_OVERRIDE",
         "The security module does not bind it."},
    Rule{CAP_NET_ADMIN, Severity::medium, "capability-net-admin", "CAP_NET_ADMIN",
         "It may change interfaces, routes and filters of its network namespace, and reaches much "
         "of the kernel's network code."},
    Rule{CAP_CHECKPOINT_RESTORE, Severity::medium, "capability-checkpoint-restore",
         "CAP_CHECKPOINT_RESTORE",
         "It reads other processes' mappings through /proc/PID/map_files."},
    Rule{CAP_SYSLOG, Severity::medium, "capability-syslog", "CAP_SYSLOG",
         "It reads the kernel's log and addresses, which an exploit needs."},
    Rule{CAP_SYS_TIME, Severity::medium, "capability-sys-time", "CAP_SYS_TIME",
         "The clock it sets is the host's: certificates and logs depend on it."},
    Rule{CAP_NET_RAW, Severity::low, "capability-net-raw", "CAP_NET_RAW",
         "It may forge packets, as for ARP spoofing of its neighbours on the same bridge."},
    Rule{CAP_MKNOD, Severity::low, "capability-mknod", "CAP_MKNOD",
         "It may make device nodes; only the device cgroup, which /proc does not show, keeps it "
         "from the host's disks."},
};

constexpr bool has(std::uint64_t set, int number) { return ((set >> number) & 1U) != 0; }

// Capabilities over a user namespace of its own: attack surface of the kernel, no power over the
// host.
std::optional<Severity> weakened(Severity severity) {
  switch (severity) {
    case Severity::critical:
      return Severity::medium;
    case Severity::high:
    case Severity::medium:
      return Severity::low;
    default:
      return std::nullopt;
  }
}

Severity severity_in(const Review& review, const Rule& rule) {
  if (rule.number == CAP_SYS_PTRACE && review.posture().shares(NamespaceType::pid)) {
    return Severity::critical;
  }
  if (rule.number == CAP_NET_ADMIN && review.posture().shares(NamespaceType::net)) {
    return Severity::high;
  }
  if (rule.number == CAP_MKNOD && review.posture().devices &&
      std::ranges::any_of(*review.posture().devices, &DeviceNode::block)) {
    return Severity::high;
  }
  return rule.severity;
}

std::string sets(const ProcessStatus& status) {
  return fmt::format("CapPrm {:016x}, CapEff {:016x}", status.permitted, status.effective);
}

void review_privileged(Review& review, const ProcessStatus& status) {
  review.add(
      {"privileged", review.own_user_namespace() ? Severity::medium : Severity::critical,
       "it has every capability of this kernel, CAP_SYS_ADMIN among them: " + sets(status),
       review.file("status"),
       review.own_user_namespace()
           ? "They count in its own user namespace only, yet open code of the kernel that is "
             "closed to others."
           : "It may load modules, mount disks and control every process: it owns the host.",
       "Start it without --privileged; drop all capabilities and add the few that it needs "
       "(--cap-drop=ALL --cap-add=NAME; cgwarden: capabilities)."});
}

void review_single(Review& review, const ProcessStatus& status) {
  for (const Rule& rule : kRules) {
    if (!has(status.permitted | status.effective, rule.number)) continue;
    std::optional<Severity> severity = severity_in(review, rule);
    if (review.own_user_namespace()) severity = weakened(rule.severity);
    if (!severity) continue;
    review.add({rule.id, *severity, fmt::format("it has {}: {}", rule.name, sets(status)),
                review.file("status"), rule.why,
                fmt::format("Drop it: --cap-drop={} (OCI: process.capabilities).", rule.name + 4)});
  }
}

// What it does not hold now, but an execve(2) of a set-uid program gives it.
void review_bounding(Review& review, const ProcessStatus& status) {
  if (status.no_new_privs || review.own_user_namespace()) return;
  std::string names;
  for (const Rule& rule : kRules) {
    if (rule.severity < Severity::high || !has(status.bounding, rule.number) ||
        has(status.permitted | status.effective, rule.number)) {
      continue;
    }
    names += (names.empty() ? "" : ", ") + std::string(rule.name);
  }
  if (names.empty()) return;
  review.add({"wide-bounding-set", Severity::medium,
              fmt::format("CapBnd {:016x} has {}, and no_new_privs is off", status.bounding, names),
              review.file("status"),
              "A set-uid program, or one with file capabilities, gives these back to it.",
              "Drop them from the bounding set too, or set no_new_privs "
              "(--security-opt=no-new-privileges)."});
}

}  // namespace

void review_capabilities(Review& review) {
  const Posture& posture = review.posture();
  if (!posture.status || !posture.all_capabilities) {
    review.not_checked(
        "capabilities", Severity::critical,
        posture.status ? posture.all_capabilities.reason() : posture.status.reason());
    if (!posture.status) return;
  }
  const ProcessStatus& status = *posture.status;
  if (posture.all_capabilities &&
      (status.effective & *posture.all_capabilities) == *posture.all_capabilities) {
    review_privileged(review, status);  // says more than its parts
  } else {
    review_single(review, status);
  }
  review_bounding(review, status);
  if (status.inheritable != 0) {
    review.add({"inheritable-capabilities", Severity::low,
                fmt::format("CapInh {:016x}", status.inheritable), review.file("status"),
                "A program with inheritable file capabilities gains them (CVE-2022-29162).",
                "Leave process.capabilities.inheritable empty."});
  }
}

}  // namespace cgwarden::diagnosis::audit
