#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "identity/identity.h"

#include "agent/supervisor.h"
#include "cgroup/tree.h"
#include "policy/selector.h"

namespace cgwarden::agent {

// Labels of the workload whose payload is a cgroup, by path.
using LabelsOfPayloads = std::map<std::string, std::map<std::string, std::string>, std::less<>>;
[[nodiscard]] LabelsOfPayloads labels_of(const std::vector<Supervisor::Running>& running);

// What the selectors of policies see of a cgroup.
[[nodiscard]] policy::CgroupTraits traits_of(const std::string& path,
                                             const identity::Identity& identity,
                                             const LabelsOfPayloads& labels);

// One extended attribute of a cgroup's directory; nullopt when it has none of that name, or it is
// longer than limits::kXattrBytes.
[[nodiscard]] std::optional<std::string> xattr_of(const cgroup::Tree& tree, const std::string& path,
                                                  const std::string& name);

}  // namespace cgwarden::agent
