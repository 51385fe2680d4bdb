#include "policy/policy_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "policy/adapt_schema.h"
#include "policy/document.h"
#include "policy/match_schema.h"
#include "policy/policy_lint.h"
#include "policy/pressure_schema.h"
#include "policy/resource_keys.h"
#include "policy/resource_schema.h"
#include "policy/suggestion.h"

namespace cgwarden::policy {
namespace {

constexpr int kMostPriority = 1000000;

Parsed<int> parse_priority(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < -kMostPriority ||
      value > kMostPriority) {
    return std::unexpected(ValueFault{
        fmt::format("it must be a whole number from {} to {}", -kMostPriority, kMostPriority),
        "the higher priority wins; 0 is the default"});
  }
  return value;
}

void read_policy_name(const Node& node, Part part, Policy& policy, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "metadata", "a map", "metadata: {name: web}", findings);
  }
  MapReader metadata(node, "metadata.", findings);
  const bool named = std::ranges::find(node.children, "name", &Node::key) != node.children.end();
  if (part == Part::whole || named) policy.name = read_name(metadata, findings);
  metadata.refuse_unknown();
}

// Properties of systemd's units that people look for here.
void refuse_unit_properties(const Node& node, MapReader& document, Findings& findings) {
  for (const char* key : {"Delegate", "OOMPolicy"}) {
    const auto child = std::ranges::find(node.children, key, &Node::key);
    if (child == node.children.end()) continue;
    static_cast<void>(document.find(key));
    findings.error(child->key_place,
                   fmt::format("{}= is a property of systemd's units, which takes it only when a "
                               "unit is made",
                               key),
                   "set it in the unit", "L32");
  }
}

// Keys beside the resources that decide how the policy is carried out.
void read_manner(MapReader& document, Policy& policy, Findings& findings) {
  if (const Node* priority = document.find("priority")) {
    policy.priority = read_value(*priority, "priority", findings, parse_priority).value_or(0);
  }
  if (const Node* mode = document.find("mode")) {
    const auto word = read_word(*mode, "mode", {"enforce", "plan"}, findings);
    if (word && *word == "plan") policy.mode = Mode::plan;
  }
  if (const Node* drift = document.find("drift")) {
    const auto word = read_word(*drift, "drift", {"repair", "report"}, findings);
    if (word && *word == "report") policy.drift = OnDrift::report;
  }
  if (const Node* allowed = document.find("allowOom")) {
    policy.allow_oom = read_value(*allowed, "allowOom", findings, parse_truth).value_or(false);
  }
  if (const Node* allowed = document.find("allowUnmanagedKnobs")) {
    policy.allow_unmanaged_knobs =
        read_value(*allowed, "allowUnmanagedKnobs", findings, parse_truth).value_or(false);
  }
  if (const Node* owner = document.find("owner")) {
    const auto word = read_word(*owner, "owner", {"respect", "adopt"}, findings);
    policy.adopt = word && *word == "adopt";
  }
}

constexpr std::array<std::string_view, 6> kOtherUnset{"watch.pressure",   "adapt.cpu",
                                                      "adapt.memoryHigh", "adapt.stall",
                                                      "adapt.timeToOom",  "adapt.kill"};

// A knob by its control file, or as its keys are: "cpu.burst" and "cpu.max.burst".
std::optional<std::string> unset_key(const std::string& text) {
  for (const ResourceKey& row : resource_keys()) {
    const std::string keys = std::string(row.block) + "." + std::string(row.key);
    if (text == row.file || text == keys) return std::string(row.file);
  }
  if (std::ranges::find(kOtherUnset, text) != kOtherUnset.end()) return text;
  return std::nullopt;
}

std::vector<std::string> read_unset(const Node& node, Findings& findings) {
  std::vector<std::string> keys;
  if (node.kind != NodeKind::sequence) {
    report_kind(node, "unset", "a list", "unset: [memory.high]", findings);
    return keys;
  }
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    const Node& child = node.children[i];
    const auto text = read_text(child, fmt::format("unset[{}]", i), findings);
    if (!text) continue;
    if (auto key = unset_key(*text)) {
      keys.push_back(*std::move(key));
      continue;
    }
    std::vector<std::string_view> known(kOtherUnset.begin(), kOtherUnset.end());
    for (const ResourceKey& row : resource_keys()) known.push_back(row.file);
    const std::string_view near = closest_word(*text, known);
    findings.error(child.place, fmt::format("unset: {} is not the name of a knob", *text),
                   near.empty() ? "for example: memory.high, adapt.cpu"
                                : fmt::format("did you mean \"{}\"?", near));
  }
  return keys;
}

}  // namespace

std::optional<PolicyDocument> read_policy_document(const Node& node, Part part,
                                                   const TemplateScope& templates,
                                                   Findings& findings) {
  if (node.kind != NodeKind::map) {
    report_kind(node, "a policy", "a map", "kind: Policy", findings);
    return std::nullopt;
  }
  MapReader document(node, "", findings);
  if (!check_header(document, "Policy", findings)) return std::nullopt;
  PolicyDocument made;
  Policy& policy = made.policy;
  for (const Node& child : node.children) made.given.insert(child.key);
  const auto find = [&](const char* key, const char* example) {
    return part == Part::whole ? document.require(key, example) : document.find(key);
  };
  policy.position = findings.source().position(node.place);
  if (const Node* metadata = find("metadata", "metadata: {name: web}")) {
    read_policy_name(*metadata, part, policy, findings);
  }
  if (const Node* match = find("match", "match: {cgroups: [/cgwarden.slice/*.scope/payload]}")) {
    read_match(*match, policy, findings);
  }
  read_manner(document, policy, findings);
  policy.resources = read_resources(document, findings);
  if (const Node* names = document.find("templates")) {
    add_templates(*names, templates, policy, findings);
  }
  lint_resources(policy.resources, findings);
  if (const Node* adapt = document.find("adapt")) policy.adapt = read_adapt(*adapt, findings);
  refuse_unit_properties(node, document, findings);
  if (const Node* watch = document.find("watch")) policy.pressure = read_watch(*watch, findings);
  if (part == Part::drop_in) {
    if (const Node* unset = document.find("unset")) made.unset = read_unset(*unset, findings);
  }
  lint_adapt(policy.adapt, policy.resources, findings);
  document.refuse_unknown();
  if (part == Part::whole && !findings.has_errors()) {
    const bool idle = policy.resources.empty() && policy.pressure.empty() && policy.adapt.empty();
    if (idle) {
      findings.warning(policy.position, "this policy sets nothing and watches nothing",
                       "add cpu, memory, pids, adapt or watch, for example: cpu: {weight: 200}");
    }
    lint_policy(policy, findings);
  }
  return made;
}

void lint_whole(const Policy& policy, Findings& findings) {
  lint_resources(policy.resources, findings);
  lint_adapt(policy.adapt, policy.resources, findings);
  if (!findings.has_errors()) lint_policy(policy, findings);
}

}  // namespace cgwarden::policy
