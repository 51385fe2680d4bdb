#include <array>
#include <cstddef>

#include "diagnosis/audit/review.h"

namespace cgwarden::diagnosis::audit {
namespace {

struct NamespaceRule {
  NamespaceType type;
  Severity severity;
  const char* id;
  const char* why;
  const char* remedy;
};

constexpr std::array kNamespaceRules{
    NamespaceRule{
        NamespaceType::mnt, Severity::critical, "host-mount-namespace",
        "It sees and changes the host's mounts: every file of the host is in reach.",
        "Give it a mount namespace with a root file system of its own (OCI: a namespace of type "
        "mount)."},
    NamespaceRule{
        NamespaceType::pid, Severity::high, "host-pid-namespace",
        "It sees every process of the host with its arguments, may signal those of its user, and "
        "reaches their files through /proc/PID/root.",
        "Start it without --pid=host (Kubernetes: hostPID: false)."},
    NamespaceRule{
        NamespaceType::net, Severity::high, "host-network-namespace",
        "It reaches services that listen on the host's loopback and abstract sockets, among them "
        "those of container runtimes (CVE-2020-15257), and can listen on any port of the host.",
        "Start it without --network=host (Kubernetes: hostNetwork: false; cgwarden: network: "
        "none)."},
    NamespaceRule{
        NamespaceType::ipc, Severity::medium, "host-ipc-namespace",
        "It can open the shared memory, semaphores and message queues of the host's programs.",
        "Start it without --ipc=host (Kubernetes: hostIPC: false)."},
    NamespaceRule{NamespaceType::uts, Severity::low, "host-uts-namespace",
                  "It sees the host's name, and with CAP_SYS_ADMIN changes it.",
                  "Start it without --uts=host."},
    NamespaceRule{NamespaceType::cgroup, Severity::low, "host-cgroup-namespace",
                  "It sees the host's cgroup tree, which names its neighbours.",
                  "Start it with --cgroupns=private (OCI: a namespace of type cgroup)."},
    NamespaceRule{
        NamespaceType::user, Severity::low, "host-user-namespace",
        "Its user ids and capabilities are those of the host, so a hole in the other walls is used "
        "with them.",
        "Start it in a user namespace (podman: --userns=auto; docker: userns-remap; cgwarden: "
        "user_namespace)."},
};

}  // namespace

void review_namespaces(Review& review) {
  for (const NamespaceRule& rule : kNamespaceRules) {
    const auto& seen = review.posture().of(rule.type);
    const std::string name = kNamespaceNames.at(static_cast<std::size_t>(rule.type));
    if (!seen) {
      review.not_checked(name + " namespace", rule.severity, seen.reason());
    } else if (seen->shared()) {
      review.add({rule.id, rule.severity, seen->own + " is the namespace of process 1",
                  review.file("ns/" + name), rule.why, rule.remedy});
    }
  }
}

}  // namespace cgwarden::diagnosis::audit
