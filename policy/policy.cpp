#include "policy/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "policy/adapt_schema.h"
#include "policy/document.h"
#include "policy/match_schema.h"
#include "policy/policy_lint.h"
#include "policy/pressure_schema.h"
#include "policy/resource_schema.h"
#include "policy/template.h"

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

void read_metadata(const Node& node, Policy& policy, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "metadata", "a map", "metadata: {name: web}", findings);
  }
  MapReader metadata(node, "metadata.", findings);
  policy.name = read_name(metadata, findings);
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

void read_policy(const Node& node, const Templates& templates, LoadedPolicies& out,
                 Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "a policy", "a map", "kind: Policy", findings);
  }
  MapReader document(node, "", findings);
  if (!check_header(document, "Policy", findings)) return;
  Policy policy;
  policy.position = findings.source().position(node.place);
  if (const Node* metadata = document.require("metadata", "metadata: {name: web}")) {
    read_metadata(*metadata, policy, findings);
  }
  if (const Node* match =
          document.require("match", "match: {cgroups: [/cgwarden.slice/*.scope/payload]}")) {
    read_match(*match, policy, findings);
  }
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
  if (const Node* owner = document.find("owner")) {
    const auto word = read_word(*owner, "owner", {"respect", "adopt"}, findings);
    policy.adopt = word && *word == "adopt";
  }
  policy.resources = read_resources(document, findings);
  if (const Node* names = document.find("templates")) {
    add_templates(*names, templates, policy, findings);
  }
  if (const Node* adapt = document.find("adapt")) policy.adapt = read_adapt(*adapt, findings);
  lint_adapt(policy.adapt, policy.resources, findings);
  refuse_unit_properties(node, document, findings);
  if (const Node* watch = document.find("watch")) policy.pressure = read_watch(*watch, findings);
  document.refuse_unknown();
  const bool idle = policy.resources.empty() && policy.pressure.empty() && policy.adapt.empty();
  if (idle && !findings.has_errors()) {
    findings.warning(policy.position, "this policy sets nothing and watches nothing",
                     "add cpu, memory, pids, adapt or watch, for example: cpu: {weight: 200}");
  }
  if (!findings.has_errors()) lint_policy(policy, findings);
  out.policies.push_back(std::move(policy));
}

Diagnostic same_name(const Policy& again, const Policy& first) {
  return {Severity::error, again.position,
          fmt::format("a policy named {} is already in {}", again.name, first.position.text()), "",
          "give it another metadata.name"};
}

}  // namespace

std::expected<LoadedPolicies, std::vector<Diagnostic>> load_policies(std::string_view yaml,
                                                                     const std::string& file) {
  const SourceText source(yaml, file);
  Findings findings(source);
  LoadedPolicies loaded;
  const std::vector<Node> documents = parse_yaml(findings);
  if (!findings.has_errors()) {
    const Templates templates = read_templates(documents, findings);
    for (const Node& document : documents) {
      if (!is_template(document)) read_policy(document, templates, loaded, findings);
    }
    if (loaded.policies.empty() && !findings.has_errors()) {
      findings.error(Place{}, "the file has templates and no policy",
                     "a template is known in its own file");
    }
    for (const Diagnostic& twice : check_unique_names(loaded.policies)) {
      if (!findings.has_errors()) findings.error(twice.position, twice.message, twice.hint);
    }
  }
  if (findings.has_errors()) return std::unexpected(findings.take_errors());
  loaded.warnings = findings.take_warnings();
  return loaded;
}

std::vector<Diagnostic> check_unique_names(const std::vector<Policy>& policies) {
  std::map<std::string_view, const Policy*> first;
  std::vector<Diagnostic> found;
  for (const Policy& policy : policies) {
    const auto [place, is_new] = first.emplace(policy.name, &policy);
    if (!is_new) found.push_back(same_name(policy, *place->second));
  }
  return found;
}

}  // namespace cgwarden::policy
