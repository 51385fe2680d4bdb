#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "agent/ownership.h"
#include "agent/policy_source.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/policy_files.h"
#include "cli/terminal.h"
#include "policy/check_report.h"
#include "policy/json_schema.h"
#include "policy/lint_rules.h"
#include "policy/policy_lint.h"

namespace cgwarden::cli {
namespace {

int check_files(const std::vector<std::string>& paths, bool json) {
  auto checked = check_policy_files(paths);
  if (!checked && json) {
    const std::string path = paths.empty() ? agent::kPolicyDirectory : paths.front();
    print(policy::check_json(
        0, {{policy::Severity::error, {path, 0, 0}, checked.error().sentence(), "", ""}}));
    return kRuntime;
  }
  if (!checked) return failed(checked.error());
  // In words it is the one sentence; the other files are looked at once it can be read.
  if (!json && checked->unread) return failed(*checked->unread);
  std::ranges::move(policy::find_conflicts(checked->policies),
                    std::back_inserter(checked->diagnostics));
  // Wherever it is checked: the files may be for another host.
  std::ranges::move(agent::never_enforced(checked->policies),
                    std::back_inserter(checked->diagnostics));
  const bool good = checked->good();
  if (json) {
    print(policy::check_json(checked->policies.size(), checked->diagnostics));
    return good ? kOk : kRuntime;
  }
  if (!good) {
    complain("check the policies:\n" + policy::render(checked->diagnostics));
    return kRuntime;
  }
  print(policy::render(checked->diagnostics));
  print(fmt::format("{} {} good, {} warnings\n", checked->policies.size(),
                    checked->policies.size() == 1 ? "policy is" : "policies are",
                    checked->diagnostics.size()));
  return kOk;
}

}  // namespace

int policy_check(const Common& common, const PolicyCheckOptions& options) {
  if (!options.schema.empty()) {
    print(options.schema == "workload"  ? policy::workload_json_schema()
          : options.schema == "drop-in" ? policy::drop_in_json_schema()
                                        : policy::policy_json_schema());
    return kOk;
  }
  if (options.list_rules) {
    print(common.json ? policy::lint_rules_json() : policy::render_lint_rules());
    return kOk;
  }
  return check_files(options.paths, common.json);
}

}  // namespace cgwarden::cli
