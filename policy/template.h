#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "policy/schema.h"

namespace cgwarden::policy {

// `kind: Template` documents of one file by name: knobs that policies share by `templates: [NAME]`.
using Templates = std::map<std::string, Resources, std::less<>>;

// What a name may mean in one file: its own templates first, then those of all files of the set.
struct TemplateScope {
  struct OfFile {
    std::string file;
    const Resources* resources = nullptr;
  };
  const Templates& own;
  std::map<std::string, std::vector<OfFile>, std::less<>> others = {};
};

[[nodiscard]] bool is_template(const Node& document);
[[nodiscard]] Templates read_templates(const std::vector<Node>& documents, Findings& findings);

// The value of `templates`: one name or a list. What the policy gives itself stays; of two
// templates with one knob the later one counts. Call it after the policy's own knobs are read.
void add_templates(const Node& names, const TemplateScope& scope, Policy& policy,
                   Findings& findings);

}  // namespace cgwarden::policy
