#pragma once

#include <string>
#include <vector>

#include "base/ipv4.h"
#include "base/published_port.h"
#include "base/result.h"

namespace cgwarden::launcher {

enum class NetworkMode {
  bridge,  // a veth pair to a bridge of ours (network_bridge.h)
  cni,     // what the plugins of a CNI network do (cni_network.h)
};

// What the new network namespace of a native workload is connected to. It travels as annotation
// io.github.cgwarden.network of the spec; only the shim acts on it.
struct Network {
  NetworkMode mode = NetworkMode::bridge;
  std::string state_dir;  // absolute: where the leases are
  std::string bridge;     // interface name; the nftables table is called the same
  Ipv4Subnet subnet;      // of the bridge, which has its first address; prefix 8 to 30
  unsigned mtu = 0;       // 0: that of the interface with the default route, else 1500
  std::string cni;        // "name" of the network configuration list
  std::string cni_config_dir;
  std::vector<std::string> cni_plugin_dirs;
  std::vector<PublishedPort> ports;
  bool operator==(const Network&) const = default;
};

inline constexpr const char* kNetworkAnnotation = "io.github.cgwarden.network";

[[nodiscard]] std::string to_json(const Network& network);
// The error's detail names the member.
[[nodiscard]] Result<Network> parse_network(const std::string& json, const std::string& where);

// dev_valid_name() of net/core/dev.c: 1 to 15 bytes without "/", ":" and blanks, not "." and "..".
[[nodiscard]] bool valid_interface_name(const std::string& name);

// Also the name of an nftables table, without quotes: letters, digits, "_", "." and "-" after a
// letter.
[[nodiscard]] bool valid_bridge_name(const std::string& name);

// The address of the bridge in its subnet: the gateway of its workloads.
[[nodiscard]] Ipv4Address gateway_of(const Ipv4Subnet& subnet);

}  // namespace cgwarden::launcher
