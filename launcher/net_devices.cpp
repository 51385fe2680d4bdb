#include "launcher/net_devices.h"

#include <algorithm>

#include "launcher/network_request.h"

namespace cgwarden::launcher {

Step check_net_devices(const Spec& spec) {
  if (spec.net_devices.empty() || spec.has_namespace(NamespaceType::network)) return {};
  return refused("network", "linux.netDevices needs a network namespace that is not the host's");
}

Step move_net_devices(const Spec& spec, pid_t child) {
  if (spec.net_devices.empty()) return {};
  NetworkRequest request;
  request.verb = NetworkVerb::move;
  for (const auto& [device, there] : spec.net_devices) request.devices[device] = there.name;
  const auto entry = std::ranges::find(spec.namespaces, NamespaceType::network, &Namespace::type);
  request.network_namespace =
      entry->path.empty() ? "/proc/" + std::to_string(child) + "/ns/net" : entry->path;
  CGW_TRY(ask_network(request));
  return {};
}

}  // namespace cgwarden::launcher
