#include "policy/check_report.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "policy/lint_rules.h"

namespace cgwarden::policy {
namespace {

constexpr int kCheckVersion = 1;

nlohmann::ordered_json to_finding(const Diagnostic& diagnostic) {
  const LintRule* rule = find_lint_rule(diagnostic.rule);
  return {{"rule", diagnostic.rule},
          {"severity", to_string(diagnostic.severity)},
          {"file", diagnostic.position.file},
          {"line", diagnostic.position.line},
          {"column", diagnostic.position.column},
          {"message", diagnostic.message},
          {"hint", diagnostic.hint},
          {"source_line", diagnostic.source_line},
          {"kernel", rule == nullptr ? "" : rule->kernel},
          {"fix", rule == nullptr ? "" : rule->fix}};
}

}  // namespace

std::string check_json(std::size_t policies, const std::vector<Diagnostic>& diagnostics) {
  const auto errors = std::ranges::count(diagnostics, Severity::error, &Diagnostic::severity);
  nlohmann::ordered_json findings = nlohmann::ordered_json::array();
  for (const Diagnostic& diagnostic : diagnostics) findings.push_back(to_finding(diagnostic));
  const nlohmann::ordered_json document = {
      {"version", kCheckVersion},
      {"policies", policies},
      {"errors", errors},
      {"warnings", static_cast<std::ptrdiff_t>(diagnostics.size()) - errors},
      {"findings", std::move(findings)}};
  // A text under check may be any bytes; JSON is UTF-8.
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace cgwarden::policy
