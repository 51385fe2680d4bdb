#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "diagnosis/audit/finding.h"
#include "diagnosis/audit/posture.h"

// The groups of rules, one .cpp each, and what they write into.
namespace cgwarden::diagnosis::audit {

class Review {
 public:
  explicit Review(const Posture& posture) : posture_(posture) {}

  [[nodiscard]] const Posture& posture() const { return posture_; }
  // "/proc/42/status"
  [[nodiscard]] std::string file(std::string_view name) const {
    return "/proc/" + std::to_string(posture_.pid) + "/" + std::string(name);
  }
  // Capabilities and uid 0 of the process count only in a user namespace of its own. Not known: no.
  [[nodiscard]] bool own_user_namespace() const {
    const auto& user = posture_.of(NamespaceType::user);
    return user && !user->shared();
  }
  // Files of the host's root obey it: effective uid 0 on the host. Not known: yes.
  [[nodiscard]] bool host_root() const {
    return !posture_.status || posture_.status->effective_uid == 0;
  }

  void add(Finding finding) { result_.findings.push_back(std::move(finding)); }
  void not_checked(std::string check, Severity worst, std::string reason) {
    result_.not_checked.push_back({std::move(check), worst, std::move(reason)});
  }
  [[nodiscard]] Audit result() && { return std::move(result_); }

 private:
  const Posture& posture_;
  Audit result_;
};

void review_namespaces(Review& review);
void review_users(Review& review);
void review_capabilities(Review& review);
void review_confinement(Review& review);  // seccomp, no_new_privs, AppArmor, SELinux
void review_host_mounts(Review& review);
void review_proc_paths(Review& review);  // what of /proc and /sys can be read or written
void review_devices(Review& review);
void review_directories(Review& review);
void review_limits(Review& review);

}  // namespace cgwarden::diagnosis::audit
