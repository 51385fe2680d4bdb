#include "launcher/network_ruleset.h"

#include <string_view>

namespace cgwarden::launcher {
namespace {

std::string dnat_rules(const Lease& lease) {
  std::string rules;
  for (const auto& port : lease.network.ports) {
    rules += port.host_address ? "    ip daddr " + to_string(*port.host_address)
                               : "    meta nfproto ipv4 fib daddr type local";
    rules += " " + std::string(to_string(port.protocol)) + " dport ";
    rules += std::to_string(port.host_port) + " dnat ip to ";
    rules += to_string(lease.address) + ":" + std::to_string(port.port) + "\n";
  }
  return rules;
}

std::string with(std::string text, std::string_view word, const std::string& value) {
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += value.size()) {
    text.replace(at, word.size(), value);
  }
  return text;
}

// route_localnet lets packets to 127.0.0.0/8 in from the bridge: only answers may come
// (CVE-2020-8558), and those have another destination until they are translated back.
constexpr const char* kTable = R"(table inet BRIDGE {
  chain loopback-guard {
    type filter hook prerouting priority -300; policy accept;
    iifname "BRIDGE" ip daddr 127.0.0.0/8 drop
  }
  chain ports {
PORTS  }
  chain from-outside {
    type nat hook prerouting priority -100; policy accept;
    jump ports
  }
  chain from-host {
    type nat hook output priority -100; policy accept;
    jump ports
  }
  chain to-outside {
    type nat hook postrouting priority 100; policy accept;
    oifname "BRIDGE" ct status dnat ip saddr { 127.0.0.0/8, SUBNET } masquerade
    oifname != "BRIDGE" ip saddr SUBNET masquerade
  }
  chain guard {
    type filter hook forward priority 0; policy accept;
    oifname "BRIDGE" iifname != "BRIDGE" ct state established,related accept
    oifname "BRIDGE" iifname != "BRIDGE" ct status dnat accept
    oifname "BRIDGE" iifname != "BRIDGE" drop
  }
}
)";

}  // namespace

std::string ruleset(const std::string& bridge, const std::vector<Lease>& leases) {
  std::string ports;
  const Lease* any = nullptr;
  for (const auto& lease : leases) {
    if (lease.network.mode != NetworkMode::bridge || lease.network.bridge != bridge) continue;
    any = &lease;
    ports += dnat_rules(lease);
  }
  // "add" first: deleting a table that is not there is an error.
  const std::string removal = "add table inet BRIDGE\ndelete table inet BRIDGE\n";
  if (any == nullptr) return with(removal, "BRIDGE", bridge);
  const std::string table =
      with(with(kTable, "PORTS", ports), "SUBNET", to_string(any->network.subnet));
  return with(removal + table, "BRIDGE", bridge);
}

}  // namespace cgwarden::launcher
