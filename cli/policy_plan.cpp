#include <algorithm>
#include <filesystem>
#include <iterator>
#include <ranges>
#include <system_error>

#include "agent/agent_config_file.h"
#include "agent/kernel_log.h"
#include "agent/node_facts.h"
#include "agent/original_journal.h"
#include "agent/ownership.h"
#include "agent/running_agent.h"
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

namespace {

// By what the file alone shows.
bool is_said(const std::vector<policy::Diagnostic>& said, const policy::Diagnostic& warning) {
  return std::ranges::any_of(said, [&](const policy::Diagnostic& one) {
    return one.rule == warning.rule && one.position.text() == warning.position.text();
  });
}

}  // namespace

// As the agent's own configuration has it, where there is one.
Result<std::vector<std::string>> protected_here(const Common& common) {
  agent::Options options;
  std::error_code error;
  if (std::filesystem::exists(agent::kConfigFile, error)) {
    CGW_TRY(agent::read_config_file(agent::kConfigFile, options));
  }
  return agent::protected_globs(options.enforcement, agent::agent_pid(common.where.runtime_dir));
}

cgroup::Snapshot read_node(const cgroup::Tree& tree) {
  using cgroup::FileGroup;
  constexpr cgroup::FileGroups kKnobs{FileGroup::cgroup, FileGroup::cpuset, FileGroup::memory,
                                      FileGroup::io, FileGroup::hugetlb};
  return tree.read_snapshot(SystemClock().now(), {}, limits::kCgroupsWatched, kKnobs);
}

// The journal is the agent's; without it nobody knows what was there before.
Result<std::vector<policy::Original>> originals_of(const Common& common) {
  const auto journal = agent::OriginalJournal::open(common.where.state_dir, agent::boot_id());
  if (!journal && journal.error().kind == ErrorKind::vanished) {
    return std::vector<policy::Original>{};
  }
  if (!journal) return fail(journal.error());
  const auto entries = std::views::values(journal->all());
  return std::vector<policy::Original>(entries.begin(), entries.end());
}

namespace {

// Where an agent runs it gives back what it keeps. Who may not read the journal sees the rest.
std::vector<policy::Original> originals_of_apply(const Common& common) {
  auto entries = originals_of(common);
  if (!entries) return {};
  if (agent::agent_is_running(common.where.runtime_dir).value_or(true)) {
    std::erase_if(*entries, [](const policy::Original& entry) {
      return entry.keeper == policy::Keeper::agent;
    });
  }
  return *std::move(entries);
}

}  // namespace

Result<policy::Plan> plan_now(const Common& common, const cgroup::Tree& tree,
                              policy::LoadedPolicies loaded) {
  const bool systemd_running = agent::systemd_is_running();
  CGW_ASSIGN(const auto is_protected, protected_here(common));
  const policy::NodeFacts facts = agent::read_node_facts();
  const cgroup::Snapshot snapshot = read_node(tree);
  select_now(common, tree, snapshot, loaded.policies);
  for (policy::Policy& policy : loaded.policies) policy.loops_elsewhere = true;
  const policy::Ownership owner_of = [&](std::string_view path) {
    return agent::owner_of(path, systemd_running, is_protected);
  };
  policy::Plan plan = policy::plan(snapshot, loaded.policies, owner_of, facts);
  give_back_devices(plan, snapshot, originals_of_apply(common));
  policy::add_effective(plan, snapshot, loaded.policies, facts);
  std::ranges::move(policy::lint_node(snapshot, loaded.policies, facts),
                    std::back_inserter(plan.warnings));
  std::ranges::copy_if(policy::lint_protected(snapshot, loaded.policies, owner_of),
                       std::back_inserter(plan.warnings), [&](const policy::Diagnostic& warning) {
                         return !is_said(loaded.warnings, warning);
                       });
  plan.warnings.insert(plan.warnings.begin(), loaded.warnings.begin(), loaded.warnings.end());
  if (systemd_running) {
    std::ranges::move(agent::never_enforced(loaded.policies), std::back_inserter(plan.warnings));
  }
  return plan;
}

int policy_plan(const Common& common, const std::vector<std::string>& paths) {
  // Files first: what is wrong in them can be told on any machine.
  const auto loaded = paths.empty() ? policies_in_force(common) : load_policy_files(paths);
  if (!loaded) return failed(loaded.error());
  const auto tree = agent::open_tree(common.where.cgroup_root);
  if (!tree) return failed(tree.error());
  const auto plan = plan_now(common, *tree, *loaded);
  if (!plan) return failed(plan.error());
  print(common.json ? plan_json(*plan) : policy::render(*plan));
  // Policies with `mode: plan` are never written, so they do not wait for anything.
  const bool pending = std::ranges::any_of(
      plan->writes, [](const policy::Write& write) { return write.mode == policy::Mode::enforce; });
  return pending ? kChangesPending : kOk;
}

}  // namespace cgwarden::cli
