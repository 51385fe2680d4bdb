#include "launcher/cni_config.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "launcher/json.h"
#include "launcher/object_reader.h"

namespace cgwarden::launcher {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 4> kVersions{"0.3.0", "0.3.1", "0.4.0", "1.0.0"};
constexpr const char* kPortMappings = "portMappings";

// It is searched in the plugin directories and must not lead out of them.
bool valid_type(const std::string& type) {
  return !type.empty() && !type.starts_with('.') && type.find('/') == std::string::npos;
}

void read_plugin(ObjectReader& reader, const json& object, CniPlugin& plugin) {
  reader.require(reader.string("type", plugin.type), "type");
  if (!valid_type(plugin.type)) reader.complain("type", "is not the name of a plugin");
  plugin.config = dump(object);
  reader.members("capabilities",
                 [&](const std::string& name, const json& value, const std::string&) {
                   if (value == true) plugin.capabilities.push_back(name);
                 });
}

void read_plugins(ObjectReader& reader, const json& document, CniNetwork& network) {
  if (!reader.has("plugins")) return read_plugin(reader, document, network.plugins.emplace_back());
  reader.each("plugins", [&](const json& value, const std::string& path) {
    ObjectReader part = reader.element(value, path);
    read_plugin(part, value, network.plugins.emplace_back());
  });
  if (network.plugins.empty()) reader.complain("plugins", "is empty");
}

json port_mapping(const PublishedPort& port) {
  json mapping{{"hostPort", port.host_port},
               {"containerPort", port.port},
               {"protocol", std::string(to_string(port.protocol))}};
  if (port.host_address) mapping["hostIP"] = to_string(*port.host_address);
  return mapping;
}

bool has_capability(const CniPlugin& plugin, const char* name) {
  return std::ranges::find(plugin.capabilities, name) != plugin.capabilities.end();
}

std::vector<std::filesystem::path> config_files(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const auto ending = entry.path().extension();
    if (ending == ".conflist" || ending == ".conf" || ending == ".json") {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

Result<CniNetwork> parse_cni_network(const std::string& text, const std::string& where) {
  CGW_ASSIGN(const json document, parse_json_object(text, "read", where));
  Findings findings;
  ObjectReader reader(document, "", findings);
  CniNetwork network;
  network.text = text;
  reader.require(reader.string("name", network.name), "name");
  reader.require(reader.string("cniVersion", network.version), "cniVersion");
  if (std::ranges::find(kVersions, network.version) == kVersions.end()) {
    reader.complain("cniVersion", "must be one of 0.3.0, 0.3.1, 0.4.0, 1.0.0");
  }
  bool disabled = false;
  reader.boolean("disableCheck", disabled);
  network.check = !disabled && !network.version.starts_with("0.3.");
  read_plugins(reader, document, network);
  if (findings.fault.empty()) return network;
  return fail(Error::malformed("read", where, findings.fault));
}

StepResult<CniNetwork> find_cni_network(const std::string& directory, const std::string& name) {
  std::string unreadable;
  for (const auto& path : config_files(directory)) {
    const auto text = read_file(path, limits::kStateFileBytes);
    auto network = text ? parse_cni_network(*text, path) : Result<CniNetwork>(fail(text.error()));
    if (network && network->name == name) return *std::move(network);
    if (!network) unreadable += "; " + network.error().sentence();
  }
  return refused("network",
                 "no CNI network in " + directory + " has the name " + name + unreadable);
}

std::string plugin_input(const CniNetwork& network, const CniPlugin& plugin,
                         const std::string& previous_result,
                         const std::vector<PublishedPort>& ports) {
  json config = json::parse(plugin.config);
  config.erase("capabilities");
  config["name"] = network.name;
  config["cniVersion"] = network.version;
  if (json previous = json::parse(previous_result, nullptr, false); previous.is_object()) {
    config["prevResult"] = std::move(previous);
  }
  if (has_capability(plugin, kPortMappings) && !ports.empty()) {
    json mappings = json::array();
    for (const auto& port : ports) mappings.push_back(port_mapping(port));
    config["runtimeConfig"] = {{kPortMappings, std::move(mappings)}};
  }
  return dump(config);
}

bool publishes_ports(const CniNetwork& network) {
  return std::ranges::any_of(network.plugins, [](const CniPlugin& plugin) {
    return has_capability(plugin, kPortMappings);
  });
}

Result<CniResult> parse_cni_result(const std::string& text, const std::string& where) {
  CGW_ASSIGN(const json document, parse_json_object(text, "read", where));
  Findings findings;
  ObjectReader reader(document, "", findings);
  CniResult result;
  const auto is_ipv4 = [](const std::string& address) {
    return !address.empty() && address.find(':') == std::string::npos;
  };
  reader.each("ips", [&](const json& value, const std::string& path) {
    ObjectReader part = reader.element(value, path);
    CniResult one;
    part.require(part.string("address", one.address), "address");
    part.string("gateway", one.gateway);
    if (!result.address.empty() && (is_ipv4(result.address) || !is_ipv4(one.address))) return;
    result.address = one.address;
    result.gateway = one.gateway;
  });
  reader.object("dns",
                [&](ObjectReader& part) { part.strings("nameservers", result.nameservers); });
  if (findings.fault.empty()) return result;
  return fail(Error::malformed("read", where, findings.fault));
}

std::string cni_error_text(const std::string& text) {
  const auto document = parse_json_object(text, "read", "the answer");
  if (!document) return {};
  Findings findings;
  ObjectReader reader(*document, "", findings);
  std::string message;
  std::string details;
  reader.string("msg", message);
  reader.string("details", details);
  return details.empty() ? message : message + ": " + details;
}

}  // namespace cgwarden::launcher
