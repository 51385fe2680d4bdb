#include "launcher/network.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "launcher/json.h"
#include "launcher/network_json.h"

namespace cgwarden::launcher {
namespace {

using nlohmann::json;

constexpr unsigned kWidestPrefix = 8;
constexpr unsigned kNarrowestPrefix = 30;  // two addresses: the bridge's and one workload's

void read_mode(ObjectReader& reader, Network& network) {
  std::string mode;
  reader.require(reader.string("mode", mode), "mode");
  if (mode == "cni") {
    network.mode = NetworkMode::cni;
  } else if (mode != "bridge") {
    reader.complain("mode", "must be bridge or cni");
  }
}

void read_ports(ObjectReader& reader, Network& network) {
  std::vector<std::string> texts;
  reader.strings("ports", texts);
  for (const auto& text : texts) {
    const auto port = parse_published_port(text);
    if (!port) return reader.complain("ports", "has a bad one: " + port.error());
    network.ports.push_back(*port);
  }
}

void read_bridge(ObjectReader& reader, Network& network) {
  std::string subnet;
  reader.require(reader.string("bridge", network.bridge), "bridge");
  reader.require(reader.string("subnet", subnet), "subnet");
  reader.integer("mtu", network.mtu);
  if (!valid_bridge_name(network.bridge)) {
    reader.complain("bridge", "must be 1 to 15 letters, digits, _, . and -, a letter first");
  }
  const auto parsed = parse_ipv4_subnet(subnet);
  if (!parsed || parsed->prefix < kWidestPrefix || parsed->prefix > kNarrowestPrefix) {
    return reader.complain("subnet", "must be an IPv4 subnet with a prefix of 8 to 30");
  }
  network.subnet = *parsed;
}

void read_cni(ObjectReader& reader, Network& network) {
  reader.require(reader.string("cni", network.cni), "cni");
  reader.require(reader.string("cniConfigDir", network.cni_config_dir), "cniConfigDir");
  reader.require(reader.strings("cniPluginDirs", network.cni_plugin_dirs), "cniPluginDirs");
}

}  // namespace

json network_json(const Network& network) {
  json ports = json::array();
  for (const auto& port : network.ports) ports.push_back(to_string(port));
  json document{{"stateDir", network.state_dir}, {"ports", ports}};
  if (network.mode == NetworkMode::cni) {
    document["mode"] = "cni";
    document["cni"] = network.cni;
    document["cniConfigDir"] = network.cni_config_dir;
    document["cniPluginDirs"] = network.cni_plugin_dirs;
  } else {
    document["mode"] = "bridge";
    document["bridge"] = network.bridge;
    document["subnet"] = to_string(network.subnet);
    document["mtu"] = network.mtu;
  }
  return document;
}

void read_network(ObjectReader& reader, Network& network) {
  reader.require(reader.string("stateDir", network.state_dir), "stateDir");
  read_mode(reader, network);
  read_ports(reader, network);
  if (network.mode == NetworkMode::cni) {
    read_cni(reader, network);
  } else {
    read_bridge(reader, network);
  }
}

std::string to_json(const Network& network) {
  return network_json(network).dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<Network> parse_network(const std::string& text, const std::string& where) {
  CGW_ASSIGN(const json document, parse_json_object(text, "read", where));
  Findings findings;
  ObjectReader reader(document, "", findings);
  Network network;
  read_network(reader, network);
  if (!findings.fault.empty()) return fail(Error::malformed("read", where, findings.fault));
  return network;
}

bool valid_interface_name(const std::string& name) {
  return !name.empty() && name.size() < 16 && name != "." && name != ".." &&
         name.find('\0') == std::string::npos &&
         name.find_first_of("/: \t\n\v\f\r") == std::string::npos;
}

bool valid_bridge_name(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return valid_interface_name(name) && letter(name.front()) &&
         std::ranges::all_of(name, [&](char c) {
           return letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
         });
}

Ipv4Address gateway_of(const Ipv4Subnet& subnet) { return {subnet.base.number + 1}; }

}  // namespace cgwarden::launcher
