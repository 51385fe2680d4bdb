#include "agent/cgroup_traits.h"

#include <sys/xattr.h>

#include <array>
#include <string_view>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

std::string_view last_component_of(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

// The unit whose own cgroup this is. Inside a unit a cgroup has that unit's identity, and a slice
// that holds a unit is not the unit.
std::string own_unit(const std::string& path, const identity::Identity& identity) {
  const std::string_view name = last_component_of(path);
  if (!identity.unit.empty() && identity.unit == name) return identity.unit;
  return identity.kind == identity::Kind::slice ? std::string(name) : std::string();
}

}  // namespace

LabelsOfPayloads labels_of(const std::vector<Supervisor::Running>& running) {
  LabelsOfPayloads labels;
  for (const auto& each : running) {
    if (each.workload != nullptr) labels.emplace(each.payload, each.workload->labels);
  }
  return labels;
}

policy::CgroupTraits traits_of(const std::string& path, const identity::Identity& identity,
                               const LabelsOfPayloads& labels) {
  using identity::Kind;
  policy::CgroupTraits traits;
  traits.unit = own_unit(path, identity);
  if (identity.kind == Kind::workload) traits.workload = identity.container;
  if (const auto found = labels.find(path); found != labels.end()) traits.labels = found->second;
  const bool is_container = identity.kind == Kind::container || identity.kind == Kind::machine;
  if (is_container) {
    traits.container = identity.container;
    traits.container_id = identity.container_id;
  }
  if (is_container || identity.kind == Kind::pod) {
    traits.pod = identity.pod;
    traits.pod_namespace = identity.pod_namespace;
  }
  return traits;
}

std::optional<std::string> xattr_of(const cgroup::Tree& tree, const std::string& path,
                                    const std::string& name) {
  const auto directory = tree.open_cgroup(path);
  if (!directory) return std::nullopt;
  // A path of its own for getxattr(2), which takes no O_PATH fd.
  const std::string file = "/proc/self/fd/" + std::to_string(directory->get());
  std::array<char, limits::kXattrBytes> value{};
  const ssize_t size = ::getxattr(file.c_str(), name.c_str(), value.data(), value.size());
  if (size < 0) return std::nullopt;
  return std::string(value.data(), static_cast<std::size_t>(size));
}

}  // namespace cgwarden::agent
