#include "launcher/cni_network.h"

#include <ranges>

#include "launcher/cni_config.h"
#include "launcher/cni_plugin.h"

namespace cgwarden::launcher {
namespace {

constexpr const char* kFirstInterface = "eth0";

CniCall call_for(const Lease& lease, const CniNetwork& network, const CniPlugin& plugin,
                 CniCommand command) {
  CniCall call;
  call.command = command;
  call.type = plugin.type;
  call.directories = lease.network.cni_plugin_dirs;
  call.container_id = "cgwarden-" + lease.name;
  call.interface = kFirstInterface;
  if (is_alive(lease.inhabitant)) {
    call.network_namespace = "/proc/" + std::to_string(lease.inhabitant.pid) + "/ns/net";
  }
  call.input = plugin_input(network, plugin, lease.cni_result, lease.network.ports);
  return call;
}

Step add_all(LeaseBook& book, Lease& lease, const CniNetwork& network) {
  for (const auto& plugin : network.plugins) {
    CGW_ASSIGN(lease.cni_result,
               call_cni_plugin(call_for(lease, network, plugin, CniCommand::add)));
    const auto result = parse_cni_result(lease.cni_result, "the result of " + plugin.type);
    if (!result) return refused("network", result.error().sentence());
  }
  return book.keep(lease);
}

StepResult<CniNetwork> network_of(const NetworkRequest& request) {
  CGW_ASSIGN(CniNetwork network,
             find_cni_network(request.network.cni_config_dir, request.network.cni));
  if (!request.network.ports.empty() && !publishes_ports(network)) {
    return refused("network", "no plugin of the CNI network " + network.name +
                                  " publishes ports (capability portMappings); add the plugin "
                                  "portmap to it");
  }
  // Before any of them has made something that a missing one would have to undo.
  for (const auto& plugin : network.plugins) {
    CGW_TRY(find_cni_plugin(plugin.type, request.network.cni_plugin_dirs));
  }
  return network;
}

StepResult<NetworkAnswer> answer_of(const Lease& lease) {
  NetworkAnswer answer;
  answer.interface = kFirstInterface;
  const auto result = parse_cni_result(lease.cni_result, "the result of " + lease.network.cni);
  if (!result) return refused("network", result.error().sentence());
  answer.address = result->address;
  answer.gateway = result->gateway;
  answer.nameservers = result->nameservers;
  return answer;
}

}  // namespace

StepResult<NetworkAnswer> connect_to_cni(LeaseBook& book, const NetworkRequest& request) {
  CGW_ASSIGN(const CniNetwork network, network_of(request));
  if (const auto clash = find_clash(request.network.ports, book.leases())) {
    return refused("network", "the port " + host_side(clash->port) +
                                  " is published by the workload " + clash->holder);
  }
  Lease lease{.name = request.name,
              .network = request.network,
              .holder = request.holder,
              .inhabitant = request.inhabitant,
              .address = {},
              .cni_config = network.text,
              .cni_result = {}};
  CGW_TRY(book.keep(lease));
  Step added = add_all(book, lease, network);
  StepResult<NetworkAnswer> answer =
      added ? answer_of(lease) : std::unexpected(std::move(added).error());
  if (!answer) (void)disconnect_from_cni(book, lease);
  return answer;
}

Step check_cni(const Lease& lease) {
  const auto network = parse_cni_network(lease.cni_config, "the configuration of " + lease.name);
  if (!network) return refused("network", network.error().sentence());
  if (!network->check) return {};
  for (const auto& plugin : network->plugins) {
    CGW_TRY(call_cni_plugin(call_for(lease, *network, plugin, CniCommand::check)));
  }
  return {};
}

Step disconnect_from_cni(LeaseBook& book, const Lease& lease) {
  const auto network = parse_cni_network(lease.cni_config, "the configuration of " + lease.name);
  if (!network) return refused("network", network.error().sentence());
  Step first;
  for (const auto& plugin : std::views::reverse(network->plugins)) {
    auto done = call_cni_plugin(call_for(lease, *network, plugin, CniCommand::del));
    if (!done && first) first = std::unexpected(std::move(done).error());
  }
  CGW_TRY(first);
  return book.erase(lease.name);
}

}  // namespace cgwarden::launcher
