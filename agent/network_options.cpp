#include "agent/network_options.h"

#include "base/ipv4.h"
#include "launcher/network.h"

namespace cgwarden::agent {
namespace {

launcher::Network bridge_of(const Options& options) {
  launcher::Network network;
  network.state_dir = network_directory(options);
  network.bridge = options.network_bridge;
  network.subnet = parse_ipv4_subnet(options.network_subnet).value_or(Ipv4Subnet{});
  network.mtu = options.network_mtu;
  return network;
}

}  // namespace

std::string network_directory(const Options& options) { return options.runtime_dir + "/network"; }

std::string network_program(const Options& options) {
  return options.shim.substr(0, options.shim.rfind('/') + 1) + "cgwarden-network";
}

// The reader of the annotation has the rules: what it would refuse later is refused now.
Status check_network_options(const Options& options) {
  if (!parse_ipv4_subnet(options.network_subnet)) {
    return fail(Error::invalid("use", "--network-subnet " + options.network_subnet,
                               "it is not an IPv4 subnet like 10.77.0.0/16"));
  }
  // IPv4 needs 68 bytes (RFC 791); IFF_MAX_MTU of a veth is 65535.
  if (options.network_mtu != 0 && (options.network_mtu < 68 || options.network_mtu > 65535)) {
    return fail(Error::invalid("use", "--network-mtu " + std::to_string(options.network_mtu),
                               "it is not 68 to 65535, or 0 for that of the default route"));
  }
  const auto read = launcher::parse_network(launcher::to_json(bridge_of(options)), "");
  if (read) return {};
  return fail(Error::invalid(
      "use",
      "--network-bridge " + options.network_bridge + " --network-subnet " + options.network_subnet,
      read.error().detail));
}

std::string network_annotation(const policy::WorkloadNetwork& network, const Options& options) {
  using Mode = policy::WorkloadNetwork::Mode;
  if (network.mode != Mode::bridge && network.mode != Mode::cni) return {};
  launcher::Network chosen = bridge_of(options);
  chosen.ports = network.ports;
  if (network.mode == Mode::cni) {
    chosen.mode = launcher::NetworkMode::cni;
    chosen.cni = network.cni;
    chosen.cni_config_dir = options.cni_config_dir;
    chosen.cni_plugin_dirs = options.cni_plugin_dirs;
  }
  return launcher::to_json(chosen);
}

}  // namespace cgwarden::agent
