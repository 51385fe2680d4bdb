// Workload documents: the network.
#include <fmt/format.h>

#include <algorithm>

#include "policy/workload_schema.h"

namespace cgwarden::policy {
namespace {

constexpr const char* kNetworkHint = "network: bridge, {path: /run/netns/NAME} or {cni: NAME}";
constexpr const char* kPortsHint = "ports: [\"127.0.0.1:8080:80/tcp\"]";

// CNI specification 1.0, "Configuration format": a letter or digit, then also "_", "." and "-".
Parsed<std::string> parse_cni_name(std::string_view text) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const bool valid =
      !text.empty() && letter(text.front()) && std::ranges::all_of(text, [&](char c) {
        return letter(c) || c == '_' || c == '.' || c == '-';
      });
  if (valid) return std::string(text);
  return std::unexpected(
      ValueFault{"the name of a CNI network has letters, digits, \"_\", \".\" and \"-\"",
                 "it is \"name\" in its file below /etc/cni/net.d"});
}

void read_network_map(const Node& node, WorkloadNetwork& network, Findings& findings) {
  MapReader map(node, "network.", findings);
  const Node* path = map.find("path");
  const Node* cni = map.find("cni");
  map.refuse_unknown();
  if (findings.has_errors()) return;
  if ((path == nullptr) == (cni == nullptr)) {
    return findings.error(node.place, "network needs either path or cni", kNetworkHint);
  }
  if (path != nullptr) {
    network.mode = WorkloadNetwork::Mode::path;
    network.path = read_value(*path, map.name("path"), findings, parse_absolute_path).value_or("");
  } else {
    network.mode = WorkloadNetwork::Mode::cni;
    network.cni = read_value(*cni, map.name("cni"), findings, parse_cni_name).value_or("");
  }
}

void read_mode(const Node& node, WorkloadNetwork& network, Findings& findings) {
  if (node.kind == NodeKind::map) return read_network_map(node, network, findings);
  const auto word = read_word(node, "network", {"none", "host", "bridge"}, findings);
  if (word == "host") network.mode = WorkloadNetwork::Mode::host;
  if (word == "bridge") network.mode = WorkloadNetwork::Mode::bridge;
}

void read_port(const Node& node, const std::string& name, WorkloadNetwork& network,
               Findings& findings) {
  const auto port =
      read_value(node, name, findings, [](std::string_view text) -> Parsed<PublishedPort> {
        auto parsed = parse_published_port(text);
        if (parsed) return *parsed;
        return std::unexpected(ValueFault{parsed.error(), kPortsHint});
      });
  if (!port) return;
  const auto clash = std::ranges::find_if(
      network.ports, [&](const PublishedPort& other) { return other.clashes(*port); });
  if (clash != network.ports.end()) {
    return report_fault(node, name,
                        {fmt::format("ports[{}] publishes that port of the host already",
                                     clash - network.ports.begin()),
                         ""},
                        findings);
  }
  network.ports.push_back(*port);
}

}  // namespace

void read_network(MapReader& document, Workload& workload, Findings& findings) {
  WorkloadNetwork& network = workload.network;
  if (const Node* node = document.find("network")) read_mode(*node, network, findings);
  const Node* ports = document.find("ports");
  if (ports == nullptr) return;
  if (ports->kind != NodeKind::sequence) {
    return report_kind(*ports, "ports", "a list", kPortsHint, findings);
  }
  for (std::size_t i = 0; i < ports->children.size(); ++i) {
    read_port(ports->children[i], fmt::format("ports[{}]", i), network, findings);
  }
  if (network.mode != WorkloadNetwork::Mode::bridge && network.mode != WorkloadNetwork::Mode::cni &&
      !findings.has_errors()) {
    findings.error(ports->place, "ports can be published with network: bridge or {cni: NAME} only",
                   kNetworkHint);
  }
}

}  // namespace cgwarden::policy
