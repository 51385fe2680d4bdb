#include "diagnosis/audit/review.h"

namespace cgwarden::diagnosis::audit {
namespace {

// AppArmor: "unconfined". SELinux: user:role:type[:level] with one of the types that bind nothing.
bool is_unconfined(const SecurityLabel& entry) {
  if (entry.module == "AppArmor") return entry.label.starts_with("unconfined");
  for (const auto* type :
       {":unconfined_t", ":unconfined_service_t", ":spc_t", ":initrc_t", ":init_t", ":kernel_t"}) {
    if (entry.label.contains(type)) return true;
  }
  return false;
}

void review_labels(Review& review) {
  const auto& labels = review.posture().labels;
  if (!labels) {
    review.not_checked("security module", Severity::medium, labels.reason());
    return;
  }
  for (const SecurityLabel& entry : *labels) {
    if (!is_unconfined(entry)) continue;
    const bool apparmor = entry.module == "AppArmor";
    review.add({apparmor ? "apparmor-unconfined" : "selinux-unconfined", Severity::medium,
                entry.module + " is on, and its label is \"" + entry.label + "\"",
                review.file("attr/current"),
                "The host's security module would refuse mounts, writes to /proc and signals that "
                "get past the other walls; it does not watch this process.",
                apparmor ? "Give it a profile (--security-opt=apparmor=NAME; OCI: "
                           "process.apparmorProfile)."
                         : "Give it the type container_t (--security-opt=label=type:container_t; "
                           "OCI: process.selinuxLabel)."});
  }
}

}  // namespace

void review_confinement(Review& review) {
  review_labels(review);
  const auto& status = review.posture().status;
  if (!status) {
    review.not_checked("seccomp and no_new_privs", Severity::high, status.reason());
    return;
  }
  if (status->seccomp == 0) {
    review.add({"no-seccomp", Severity::high, "Seccomp: 0", review.file("status"),
                "Every system call of the kernel is open to it, the rare and faulty ones too.",
                "Start it with the default profile: without --security-opt=seccomp=unconfined "
                "(Kubernetes: seccompProfile: RuntimeDefault)."});
  }
  if (!status->no_new_privs) {
    review.add({"no-new-privs-off", Severity::medium, "NoNewPrivs: 0", review.file("status"),
                "A set-uid program in it gives a user more rights than the container was started "
                "with.",
                "Start it with --security-opt=no-new-privileges (OCI: process.noNewPrivileges; "
                "Kubernetes: allowPrivilegeEscalation: false)."});
  }
}

}  // namespace cgwarden::diagnosis::audit
