// Workload documents: what the workload sees of the machine.
#include <fmt/format.h>
#include <sys/capability.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "base/text.h"
#include "policy/suggestion.h"
#include "policy/workload_schema.h"

namespace cgwarden::policy {
namespace {

void read_mount(const Node& node, std::size_t index, Workload& workload, Findings& findings) {
  static constexpr const char* kExample =
      "mounts: [{source: /srv/data, destination: /data, readonly: true}]";
  const std::string name = fmt::format("mounts[{}]", index);
  if (node.kind != NodeKind::map) return report_kind(node, name, "a map", kExample, findings);
  MapReader map(node, name + ".", findings);
  WorkloadMount mount;
  if (const Node* source = map.require("source", kExample)) {
    const auto path = read_value(*source, map.name("source"), findings, parse_absolute_path);
    if (path) mount.source = *path;
  }
  if (const Node* destination = map.require("destination", kExample)) {
    const auto path =
        read_value(*destination, map.name("destination"), findings, parse_absolute_path);
    if (path && *path == "/") {
      report_fault(*destination, map.name("destination"),
                   {"the root of the workload is its rootfs", "use rootfs"}, findings);
    } else if (path) {
      mount.destination = *path;
    }
  }
  if (const Node* readonly = map.find("readonly")) {
    mount.readonly =
        read_value(*readonly, map.name("readonly"), findings, parse_truth).value_or(false);
  }
  map.refuse_unknown();
  workload.mounts.push_back(std::move(mount));
}

void read_mounts(const Node& node, Workload& workload, Findings& findings) {
  if (node.kind != NodeKind::sequence) {
    return report_kind(node, "mounts", "a list",
                       "mounts: [{source: /srv/data, destination: /data}]", findings);
  }
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    read_mount(node.children[i], i, workload, findings);
  }
}

void read_user_namespace(const Node& node, Workload& workload, Findings& findings) {
  static constexpr const char* kExample = "userNamespace: {hostId: 100000, size: 65536}";
  // user_namespaces(7): ids are 32 bits and the last one is no id.
  constexpr std::uint64_t kIds = std::numeric_limits<std::uint32_t>::max();
  if (node.kind != NodeKind::map) {
    return report_kind(node, "userNamespace", "a map", kExample, findings);
  }
  MapReader map(node, "userNamespace.", findings);
  workload.user_namespace = true;
  const auto read_count = [&](const Node& value, std::string_view key, std::uint64_t low) {
    return read_value(value, map.name(key), findings,
                      [low](std::string_view text) { return parse_count(text, low, kIds - 1); });
  };
  if (const Node* host_id = map.require("hostId", kExample)) {
    const auto value = read_count(*host_id, "hostId", 0);
    if (value) workload.user_host_id = static_cast<std::uint32_t>(*value);
  }
  if (const Node* size = map.find("size")) {
    const auto value = read_count(*size, "size", 1);
    if (value) workload.user_size = static_cast<std::uint32_t>(*value);
  }
  if (std::uint64_t{workload.user_host_id} + workload.user_size > kIds) {
    findings.error(node.place, "userNamespace ends beyond the last id, 4294967294");
  }
  if (workload.uid >= workload.user_size || workload.gid >= workload.user_size) {
    findings.error(
        node.place,
        fmt::format("user.uid {} or user.gid {} is not among the {} ids of userNamespace",
                    workload.uid, workload.gid, workload.user_size),
        "raise userNamespace.size");
  }
  map.refuse_unknown();
}

// "CAP_KILL" and all others that libcap knows, by number.
const std::vector<std::string>& capability_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (cap_value_t number = 0; number <= CAP_LAST_CAP; ++number) {
      const std::unique_ptr<char, int (*)(void*)> name(::cap_to_name(number), &::cap_free);
      if (!name) continue;
      list.emplace_back(name.get());
      std::ranges::transform(list.back(), list.back().begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      });
    }
    return list;
  }();
  return names;
}

std::vector<std::string> read_capability_names(const Node& node, std::string_view name,
                                               Findings& findings) {
  std::vector<std::string> names = read_texts(
      node, name, fmt::format("{}: [CAP_NET_BIND_SERVICE]", name.substr(name.find('.') + 1)),
      findings);
  const auto& known = capability_names();
  for (auto& given : names) {
    // As people write it, with or without the prefix.
    const std::string full = given.starts_with("CAP_") ? given : "CAP_" + given;
    if (given != "ALL" && std::ranges::find(known, full) != known.end()) given = full;
  }
  for (const Node& child : node.children) {
    if (child.kind != NodeKind::scalar || child.scalar == "ALL") continue;
    const std::string full =
        child.scalar.starts_with("CAP_") ? child.scalar : "CAP_" + child.scalar;
    if (std::ranges::find(known, full) != known.end()) continue;
    const std::vector<std::string_view> words(known.begin(), known.end());
    std::string_view near = closest_word(child.scalar, words);
    if (near.empty()) near = closest_word(full, words);
    report_fault(child, name,
                 {"it is not a capability (capabilities(7))",
                  near.empty() ? "for example: CAP_NET_RAW, or ALL"
                               : fmt::format("did you mean \"{}\"?", near)},
                 findings);
  }
  return names;
}

void read_capabilities(const Node& node, Workload& workload, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "capabilities", "a map",
                       "capabilities: {drop: [ALL], add: [CAP_NET_BIND_SERVICE]}", findings);
  }
  MapReader map(node, "capabilities.", findings);
  if (const Node* add = map.find("add")) {
    workload.capabilities_add = read_capability_names(*add, "capabilities.add", findings);
  }
  if (const Node* drop = map.find("drop")) {
    workload.capabilities_drop = read_capability_names(*drop, "capabilities.drop", findings);
  }
  map.refuse_unknown();
}

}  // namespace

Parsed<std::string> parse_absolute_path(std::string_view text) {
  if (!text.starts_with('/')) return std::unexpected(ValueFault{"it is not an absolute path", ""});
  if (text == "/") return std::string(text);
  for (const std::string_view component : split(text.substr(1), '/')) {
    if (component.empty() || component == "." || component == "..") {
      return std::unexpected(
          ValueFault{"the path has an empty, \".\" or \"..\" component", "write it out"});
    }
  }
  return std::string(text);
}

void read_isolation(MapReader& document, Workload& workload, Findings& findings) {
  read_root(document, workload, findings);
  if (const Node* mounts = document.find("mounts")) read_mounts(*mounts, workload, findings);
  if (const Node* node = document.find("userNamespace")) {
    read_user_namespace(*node, workload, findings);
  }
  if (const Node* node = document.find("capabilities")) {
    read_capabilities(*node, workload, findings);
  }
  if (const Node* seccomp = document.find("seccomp")) {
    workload.seccomp_unconfined =
        read_word(*seccomp, "seccomp", {"default", "unconfined"}, findings) == "unconfined";
  }
}

}  // namespace cgwarden::policy
