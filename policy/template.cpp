#include "policy/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <ranges>
#include <string_view>

#include "policy/document.h"
#include "policy/resource_schema.h"
#include "policy/suggestion.h"

namespace cgwarden::policy {
namespace {

constexpr const char* kTemplateExample = "templates: [small]";

void read_template(const Node& node, Templates& out, Findings& findings) {
  MapReader document(node, "", findings);
  if (!check_header(document, "Template", findings)) return;
  std::string name;
  if (const Node* metadata = document.require("metadata", "metadata: {name: small}")) {
    if (metadata->kind == NodeKind::map) {
      MapReader reader(*metadata, "metadata.", findings);
      name = read_name(reader, findings);
      reader.refuse_unknown();
    } else {
      report_kind(*metadata, "metadata", "a map", "metadata: {name: small}", findings);
    }
  }
  Resources resources = read_resources(document, findings);
  document.refuse_unknown();
  if (name.empty()) return;
  if (!out.try_emplace(name, std::move(resources)).second) {
    findings.error(node.place, fmt::format("a second template named {}", name),
                   "give it another metadata.name");
  }
}

template <typename T>
void inherit(std::optional<T>& member, const std::optional<T>& from) {
  if (from) member = from;
}

// `over` wins.
Resources merge(const Resources& base, const Resources& over) {
  Resources out = base;
  for (const auto& [file, position] : over.positions) {
    out.positions[file] = position;
    out.percentages.erase(file);
  }
  // A knob given as a value replaces one given as a percentage and the other way round.
  for (const auto& [file, percentage] : over.percentages) out.percentages[file] = percentage;
  inherit(out.cpu_weight, over.cpu_weight);
  inherit(out.cpu_idle, over.cpu_idle);
  inherit(out.cpu_max, over.cpu_max);
  inherit(out.cpu_max_burst, over.cpu_max_burst);
  inherit(out.memory_min, over.memory_min);
  inherit(out.memory_low, over.memory_low);
  inherit(out.memory_high, over.memory_high);
  inherit(out.memory_max, over.memory_max);
  inherit(out.memory_swap_high, over.memory_swap_high);
  inherit(out.memory_swap_max, over.memory_swap_max);
  inherit(out.memory_zswap_max, over.memory_zswap_max);
  inherit(out.memory_oom_group, over.memory_oom_group);
  inherit(out.cpuset_cpus, over.cpuset_cpus);
  inherit(out.cpuset_mems, over.cpuset_mems);
  inherit(out.io_weight, over.io_weight);
  for (const auto& [file, settings] : over.devices) out.devices[file] = settings;
  inherit(out.pids_max, over.pids_max);
  for (std::size_t i = 0; i < out.hugetlb_max.size(); ++i) {
    inherit(out.hugetlb_max.at(i), over.hugetlb_max.at(i));
  }
  inherit(out.cgroup_freeze, over.cgroup_freeze);
  const auto drop = [&](std::string_view file, auto& member) {
    if (out.percentages.contains(file)) member.reset();
  };
  drop("cpu.max", out.cpu_max);
  drop("memory.min", out.memory_min);
  drop("memory.low", out.memory_low);
  drop("memory.high", out.memory_high);
  drop("memory.max", out.memory_max);
  drop("memory.swap.high", out.memory_swap_high);
  drop("memory.swap.max", out.memory_swap_max);
  drop("memory.zswap.max", out.memory_zswap_max);
  drop("pids.max", out.pids_max);
  return out;
}

const Resources* find_template(const Node& node, const Templates& templates, Findings& findings) {
  const auto name = read_text(node, "templates", findings);
  if (!name) return nullptr;
  const auto found = templates.find(*name);
  if (found != templates.end()) return &found->second;
  std::vector<std::string_view> known;
  for (const auto& [other, unused] : templates) known.emplace_back(other);
  const std::string_view near = closest_word(*name, known);
  report_fault(node, "templates",
               {"this file has no template of that name",
                near.empty() ? "a template is a document of kind: Template in the same file"
                             : fmt::format("did you mean \"{}\"?", near)},
               findings);
  return nullptr;
}

}  // namespace

bool is_template(const Node& document) {
  return document.kind == NodeKind::map &&
         std::ranges::any_of(document.children, [](const Node& child) {
           return child.key == "kind" && child.kind == NodeKind::scalar &&
                  child.scalar == "Template";
         });
}

Templates read_templates(const std::vector<Node>& documents, Findings& findings) {
  Templates templates;
  for (const Node& document : documents) {
    if (is_template(document)) read_template(document, templates, findings);
  }
  return templates;
}

void add_templates(const Node& names, const Templates& templates, Policy& policy,
                   Findings& findings) {
  std::vector<const Node*> nodes;
  if (names.kind == NodeKind::sequence) {
    for (const Node& name : names.children) nodes.push_back(&name);
    if (nodes.empty()) findings.error(names.place, "templates is an empty list", kTemplateExample);
  } else {
    nodes.push_back(&names);
  }
  Resources base;
  for (const Node* node : nodes) {
    const Resources* found = find_template(*node, templates, findings);
    if (found == nullptr) continue;
    policy.templates.push_back(node->scalar);
    base = merge(base, *found);
  }
  if (policy.templates.empty()) return;
  policy.resources = merge(base, policy.resources);
  // How values of different blocks stand to each other shows only now.
  lint_resources(policy.resources, findings);
}

}  // namespace cgwarden::policy
