#include <algorithm>
#include <iterator>

#include "agent/node_facts.h"
#include "agent/ownership.h"
#include "agent/workload_view.h"
#include "base/clock.h"
#include "base/limits.h"
#include "cgroup/file_group.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/json_output.h"
#include "cli/policy_files.h"
#include "cli/policy_now.h"
#include "cli/terminal.h"
#include "policy/node_lint.h"

namespace cgwarden::cli {

policy::Plan plan_now(const cgroup::Tree& tree, const policy::LoadedPolicies& loaded) {
  const bool systemd_running = agent::systemd_is_running();
  const policy::NodeFacts facts = agent::read_node_facts();
  // What policies set: somebody who asks once can pay for all of it.
  using cgroup::FileGroup;
  constexpr cgroup::FileGroups kKnobs{FileGroup::cgroup, FileGroup::cpuset, FileGroup::memory,
                                      FileGroup::io, FileGroup::hugetlb};
  const cgroup::Snapshot snapshot =
      tree.read_snapshot(SystemClock().now(), {}, limits::kCgroupsWatched, kKnobs);
  policy::Plan plan = policy::plan(
      snapshot, loaded.policies,
      [systemd_running](std::string_view path) {
        return agent::may_not_write(path, systemd_running);
      },
      facts);
  std::ranges::move(policy::lint_node(snapshot, loaded.policies, facts),
                    std::back_inserter(plan.warnings));
  plan.warnings.insert(plan.warnings.begin(), loaded.warnings.begin(), loaded.warnings.end());
  if (systemd_running) {
    std::ranges::move(agent::never_enforced(loaded.policies), std::back_inserter(plan.warnings));
  }
  return plan;
}

int policy_plan(const Common& common, const std::vector<std::string>& paths,
                bool detailed_exit_code) {
  // Files first: what is wrong in them can be told on any machine.
  const auto loaded = load_policy_files(paths);
  if (!loaded) return failed(loaded.error());
  const auto tree = agent::open_tree(common.where.cgroup_root);
  if (!tree) return failed(tree.error());
  const policy::Plan plan = plan_now(*tree, *loaded);
  print(common.json ? plan_json(plan) : policy::render(plan));
  // Policies with `mode: plan` are never written, so they do not wait for anything.
  const bool pending = std::ranges::any_of(
      plan.writes, [](const policy::Write& write) { return write.mode == policy::Mode::enforce; });
  return detailed_exit_code && pending ? kChangesPending : kOk;
}

}  // namespace cgwarden::cli
