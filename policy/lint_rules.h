#pragma once

#include <span>
#include <string>
#include <string_view>

#include "policy/diagnostic.h"

namespace cgwarden::policy {

// What a rule needs to see.
enum class RuleScope {
  file,    // the policy files alone: `policy check` on any machine
  node,    // a Snapshot: `policy plan`, which skips what is an error; silent without
  engine,  // nothing: it is about what a controller does, and this one does not
};

// One mis-configuration that the kernel or systemd does not tell of. docs/policy-lint.md has a
// section for each.
struct LintRule {
  std::string_view id;  // "L03": never reused
  Severity severity = Severity::error;
  RuleScope scope = RuleScope::file;
  std::string_view title;   // what is wrong
  std::string_view kernel;  // what the kernel, or systemd, does with it
  std::string_view fix;
};

// In the order of their ids.
[[nodiscard]] std::span<const LintRule> lint_rules();
// nullptr when there is none.
[[nodiscard]] const LintRule* find_lint_rule(std::string_view id);

[[nodiscard]] std::string_view to_string(Severity severity);
// "file", "node", "engine".
[[nodiscard]] std::string_view to_string(RuleScope scope);

// One line for each rule, for a person.
[[nodiscard]] std::string render_lint_rules();
// {"version": 1, "rules": [{"id", "severity", "scope", "title", "kernel", "fix"}]}.
[[nodiscard]] std::string lint_rules_json();
// docs/policy-lint.md.
[[nodiscard]] std::string lint_rules_markdown();

}  // namespace cgwarden::policy
