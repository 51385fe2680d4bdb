#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "policy/lint_rules.h"

namespace cgwarden::policy {
namespace {

// Of the document: a member that changes or goes makes it 2.
constexpr int kRulesVersion = 1;

constexpr std::string_view kPreface =
    "# Rules of `cgwarden policy check` and `policy plan`\n\n"
    "The kernel takes most of what is wrong in a limit without a word. Each rule here is a mistake "
    "that does so, or that\n"
    "is refused with an errno which does not say why. Messages end in the rule's id: `[L03]`; "
    "`--json` has it as `rule`, and\n"
    "`cgwarden policy check --list-rules` prints this table. Errors refuse the file; warnings do "
    "not.\n\n"
    "- **file**: found in the policy files, on any machine: fit for CI.\n"
    "- **node**: found by `policy plan` on a machine, and shown as a warning, an error, or the "
    "reason why a knob is\n"
    "  skipped. What is an error is not written, but for L20: that is in steps, or with "
    "`allowOom`.\n"
    "- **engine**: a mistake of controllers that this one cannot make; there is nothing to find.\n"
    "\n"
    "This page is generated from the table of rules; `CGWARDEN_REGENERATE=1 policy_test` writes "
    "it.\n";

}  // namespace

std::string render_lint_rules() {
  std::string out;
  for (const LintRule& rule : lint_rules()) {
    out += fmt::format("{}  {:<7}  {:<6}  {}\n", rule.id, to_string(rule.severity),
                       to_string(rule.scope), rule.title);
  }
  return out;
}

std::string lint_rules_json() {
  nlohmann::ordered_json rules = nlohmann::ordered_json::array();
  for (const LintRule& rule : lint_rules()) {
    rules.push_back({{"id", rule.id},
                     {"severity", to_string(rule.severity)},
                     {"scope", to_string(rule.scope)},
                     {"title", rule.title},
                     {"kernel", rule.kernel},
                     {"fix", rule.fix}});
  }
  const nlohmann::ordered_json document = {{"version", kRulesVersion}, {"rules", std::move(rules)}};
  return document.dump(2) + "\n";
}

std::string lint_rules_markdown() {
  std::string out(kPreface);
  for (const LintRule& rule : lint_rules()) {
    out += fmt::format("\n## {}: {}\n\n*{}, {}*\n\n{}\n\n**Do:** {}\n", rule.id, rule.title,
                       to_string(rule.severity), to_string(rule.scope), rule.kernel, rule.fix);
  }
  return out;
}

}  // namespace cgwarden::policy
