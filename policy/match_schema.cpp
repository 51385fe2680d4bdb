#include "policy/match_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "policy/match.h"

namespace cgwarden::policy {
namespace {

constexpr const char* kMatchExample = "match: {cgroups: [/cgwarden.slice/*.scope/payload]}";

// The place inside of a scalar, where the text stands in the file as it is.
Place inside(const Node& node, std::size_t offset, const SourceText& source) {
  const std::string_view line = source.line(node.place.line);
  const std::size_t start = node.place.byte + (node.quoted ? 1 : 0);
  if (start > line.size() || !line.substr(start).starts_with(node.scalar)) return node.place;
  return {node.place.line, start + offset};
}

void read_path_glob(const Node& node, Policy& policy, Findings& findings) {
  const auto glob = read_text(node, "match.cgroups", findings);
  if (!glob) return;
  if (const auto fault = find_glob_fault(*glob)) {
    findings.error(inside(node, fault->offset, findings.source()),
                   fmt::format("this is not a cgroup glob: {}", fault->message),
                   "for example: /cgwarden.slice/*.scope/payload or /cgwarden.slice/**");
    return;
  }
  policy.cgroups.push_back(*glob);
  policy.cgroup_positions.push_back(findings.source().position(node.place));
}

std::optional<std::string> read_name_glob(const Node& node, const std::string& name,
                                          Findings& findings) {
  auto glob = read_text(node, name, findings);
  if (!glob) return std::nullopt;
  const auto fault = find_name_glob_fault(*glob);
  if (!fault) return glob;
  findings.error(inside(node, fault->offset, findings.source()),
                 fmt::format("{} is not a glob over a name: {}", name, fault->message),
                 "for example: web-*");
  return std::nullopt;
}

// One value or a list of them, each by `read`.
template <typename Read>
void read_each(const Node& node, const std::string& name, const std::string& example,
               Findings& findings, Read read) {
  if (node.kind != NodeKind::sequence) return read(node);
  for (const Node& child : node.children) read(child);
  if (node.children.empty()) {
    findings.error(node.place, fmt::format("{} is an empty list", name), example);
  }
}

void read_names(MapReader& match, std::string_view key, const char* example,
                std::vector<std::string>& out, Findings& findings,
                std::vector<SourcePosition>* positions = nullptr) {
  const Node* node = match.find(key);
  if (node == nullptr) return;
  const std::string name = match.name(key);
  read_each(*node, name, example, findings, [&](const Node& value) {
    auto glob = read_name_glob(value, name, findings);
    if (!glob) return;
    out.push_back(*std::move(glob));
    if (positions != nullptr) positions->push_back(findings.source().position(value.place));
  });
}

void read_attributes(MapReader& match, std::string_view key, const char* example,
                     std::map<std::string, std::string>& out, Findings& findings) {
  const Node* node = match.find(key);
  if (node == nullptr) return;
  const std::string name = match.name(key);
  if (node->kind != NodeKind::map) return report_kind(*node, name, "a map", example, findings);
  for (const Node& child : node->children) {
    if (auto glob = read_name_glob(child, name + "." + child.key, findings)) {
      out[child.key] = *std::move(glob);
    }
  }
  if (node->children.empty()) {
    findings.error(node->place, fmt::format("{} is an empty map", name), example);
  }
}

// The kernel keeps these two name spaces on cgroups (fs/kernfs/inode.c).
void check_xattrs(const Node& match, Findings& findings) {
  const auto xattrs = std::ranges::find(match.children, "xattrs", &Node::key);
  if (xattrs == match.children.end()) return;
  for (const Node& child : xattrs->children) {
    const std::string& name = child.key;
    if (name.starts_with("user.") || name.starts_with("trusted.")) continue;
    findings.error(child.key_place,
                   fmt::format("match.xattrs.{}: a cgroup has extended attributes of user. and "
                               "trusted. alone",
                               name),
                   "xattrs: {user.tier: gold}");
  }
}

}  // namespace

void read_match(const Node& node, Policy& policy, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "match", "a map", kMatchExample, findings);
  }
  MapReader match(node, "match.", findings);
  if (const Node* globs = match.find("cgroups")) {
    read_each(*globs, "match.cgroups", kMatchExample, findings,
              [&](const Node& value) { read_path_glob(value, policy, findings); });
  }
  Selector& selector = policy.selector;
  read_names(match, "units", "units: [web-*.service]", selector.units, findings,
             &selector.unit_positions);
  read_names(match, "workloads", "workloads: [web-*]", selector.workloads, findings);
  read_names(match, "pods", "pods: [web-*]", selector.pods, findings);
  read_names(match, "namespaces", "namespaces: [shop]", selector.namespaces, findings);
  read_names(match, "containers", "containers: [server]", selector.containers, findings);
  read_attributes(match, "labels", "labels: {tier: gold}", selector.labels, findings);
  read_attributes(match, "xattrs", "xattrs: {user.tier: gold}", selector.xattrs, findings);
  match.refuse_unknown();
  check_xattrs(node, findings);
  if (node.children.empty()) findings.error(node.place, "match selects nothing", kMatchExample);
}

}  // namespace cgwarden::policy
