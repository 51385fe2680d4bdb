#pragma once

#include <cstdint>

#include "base/unique_fd.h"
#include "launcher/launch_step.h"
#include "launcher/spec.h"

namespace cgwarden::launcher {

// The CLONE_NEW* flag of one namespace type.
[[nodiscard]] std::uint64_t clone_flag(NamespaceType type);
// "pid", "network", ...: the names of OCI runtime-spec 1.2 config-linux.md.
[[nodiscard]] const char* namespace_name(NamespaceType type);

// Flags for clone3(2): every new namespace but the cgroup one, which is rooted where the caller
// is and therefore has to be made by the child once it stands in its cgroup.
[[nodiscard]] std::uint64_t clone_flags(const Spec& spec);

// setns(2) into the namespaces given by path, except pid (it counts for children only: PidJoin).
[[nodiscard]] Step join_namespaces(const Spec& spec);
// unshare(2) of the cgroup namespace when the spec asks for a new one.
[[nodiscard]] Step make_cgroup_namespace(const Spec& spec);

// While alive, children of this process are born in the pid namespace that the spec joins.
class PidJoin {
 public:
  [[nodiscard]] static StepResult<PidJoin> enter(const Spec& spec);
  PidJoin(PidJoin&&) noexcept = default;
  PidJoin& operator=(PidJoin&&) = delete;
  PidJoin(const PidJoin&) = delete;
  PidJoin& operator=(const PidJoin&) = delete;
  ~PidJoin();

 private:
  PidJoin() = default;
  UniqueFd own_;
};

// sethostname(2) when the spec has one.
[[nodiscard]] Step set_hostname(const Spec& spec);
// Brings `lo` up in a new network namespace.
[[nodiscard]] Step bring_up_loopback(const Spec& spec);

}  // namespace cgwarden::launcher
