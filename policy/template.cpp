#include "policy/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <ranges>
#include <string_view>

#include "policy/document.h"
#include "policy/resource_merge.h"
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
  lint_resources(resources, findings);
  document.refuse_unknown();
  if (name.empty()) return;
  if (!out.try_emplace(name, std::move(resources)).second) {
    findings.error(node.place, fmt::format("a second template named {}", name),
                   "give it another metadata.name");
  }
}

const Resources* find_template(const Node& node, const TemplateScope& scope, Findings& findings) {
  const auto name = read_text(node, "templates", findings);
  if (!name) return nullptr;
  if (const auto own = scope.own.find(*name); own != scope.own.end()) return &own->second;
  const auto other = scope.others.find(*name);
  if (other != scope.others.end() && other->second.size() == 1) {
    return other->second.front().resources;
  }
  if (other != scope.others.end()) {
    report_fault(node, "templates",
                 {fmt::format("{} and {} both have a template of that name", other->second[0].file,
                              other->second[1].file),
                  "give one of them another name"},
                 findings);
    return nullptr;
  }
  std::vector<std::string_view> known;
  for (const auto& [own, unused] : scope.own) known.emplace_back(own);
  for (const auto& [shared, unused] : scope.others) known.emplace_back(shared);
  const std::string_view near = closest_word(*name, known);
  report_fault(node, "templates",
               {"there is no template of that name",
                near.empty() ? "a template is a document of kind: Template, in this file or "
                               "another one of the directory"
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

void add_templates(const Node& names, const TemplateScope& scope, Policy& policy,
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
    const Resources* found = find_template(*node, scope, findings);
    if (found == nullptr) continue;
    policy.templates.push_back(node->scalar);
    base = merge(base, *found);
  }
  if (policy.templates.empty()) return;
  policy.resources = merge(base, policy.resources);
}

}  // namespace cgwarden::policy
