#include "agent/oci_spec.h"

#include <algorithm>
#include <string>
#include <vector>

#include "launcher/capabilities.h"

namespace cgwarden::agent {
namespace {

constexpr const char* kDefaultPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::vector<std::string> all_but(const std::vector<std::string>& drop) {
  std::vector<std::string> names = launcher::capability_names();
  std::erase_if(
      names, [&](const std::string& name) { return std::ranges::find(drop, name) != drop.end(); });
  return names;
}

std::vector<std::string> capabilities_of(const policy::Workload& workload) {
  std::vector<std::string> names = launcher::default_capabilities();
  const auto& drop = workload.capabilities_drop;
  const auto& add = workload.capabilities_add;
  const bool all = std::ranges::find(add, "ALL") != add.end();
  // As docker and podman have it: "add ALL" is all but what is dropped by name.
  if (all) return all_but(drop);
  if (std::ranges::find(drop, "ALL") != drop.end()) names.clear();
  std::erase_if(
      names, [&](const std::string& name) { return std::ranges::find(drop, name) != drop.end(); });
  for (const auto& name : add) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

std::vector<std::string> environment_of(const policy::Workload& workload) {
  std::vector<std::string> env;
  if (!workload.env.contains("PATH")) env.emplace_back(kDefaultPath);
  for (const auto& [key, value] : workload.env) env.push_back(key + "=" + value);
  return env;
}

void choose_network_namespace(const policy::WorkloadNetwork& network, launcher::Spec& spec) {
  const auto is_network = [](const launcher::Namespace& entry) {
    return entry.type == launcher::NamespaceType::network;
  };
  if (network.mode == policy::WorkloadNetwork::Mode::host) {
    std::erase_if(spec.namespaces, is_network);
  }
  if (network.mode == policy::WorkloadNetwork::Mode::path) {
    std::ranges::find_if(spec.namespaces, is_network)->path = network.path;
  }
}

}  // namespace

launcher::Spec compile(const policy::Workload& workload) {
  launcher::Spec spec = launcher::default_spec();
  spec.process.args = workload.command;
  spec.process.env = environment_of(workload);
  spec.process.cwd = workload.cwd;
  spec.process.user.uid = workload.uid;
  spec.process.user.gid = workload.gid;
  spec.process.user.additional_gids = {workload.additional_gids.begin(),
                                       workload.additional_gids.end()};
  const std::vector<std::string> capabilities = capabilities_of(workload);
  spec.process.capabilities.bounding = capabilities;
  spec.process.capabilities.permitted = capabilities;
  spec.process.capabilities.effective = capabilities;
  // The shim itself is protected from the OOM killer; its child must not inherit that.
  spec.process.oom_score_adj = 0;
  spec.root_path = workload.rootfs;
  if (!workload.layers.empty()) spec.overlay = launcher::Overlay{workload.layers, {}};
  spec.root_readonly = workload.readonly_rootfs;
  spec.hostname = workload.hostname.empty() ? workload.name : workload.hostname;
  spec.init = workload.init;
  if (workload.seccomp_unconfined) spec.seccomp = launcher::SeccompProfile::unconfined;
  choose_network_namespace(workload.network, spec);
  if (workload.user_namespace) {
    spec.namespaces.push_back({launcher::NamespaceType::user, ""});
    spec.uid_mappings = {{0, workload.user_host_id, workload.user_size}};
    spec.gid_mappings = spec.uid_mappings;
  }
  for (const auto& mount : workload.mounts) {
    spec.mounts.push_back(launcher::Mount{
        .destination = mount.destination,
        .type = "bind",
        .source = mount.source,
        .options = {"rbind", "rprivate", mount.readonly ? "ro" : "rw", "nosuid", "nodev"}});
  }
  return spec;
}

}  // namespace cgwarden::agent
