#include <algorithm>
#include <limits>
#include <ranges>
#include <utility>

#include "agent/kernel_log.h"
#include "agent/node_facts.h"
#include "agent/original_journal.h"
#include "agent/ownership.h"
#include "agent/policy_source.h"
#include "agent/workload_files.h"
#include "agent/workload_view.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/event_text.h"
#include "cli/exit_code.h"
#include "cli/policy_files.h"
#include "cli/policy_now.h"
#include "cli/terminal.h"
#include "diagnosis/store.h"
#include "policy/explain.h"
#include "policy/policy_list.h"
#include "policy/protection.h"

namespace cgwarden::cli {
namespace {

// Of one cgroup: what it was changed by lately.
constexpr std::size_t kLastChanges = 5;

// A workload's own resources stand below all policies, as the agent has it.
void add_workloads(const std::string& runtime_dir, std::vector<policy::Policy>& policies) {
  const auto names = agent::list_workload_names(runtime_dir);
  if (!names) return;
  for (const std::string& name : *names) {
    const auto files = agent::read_workload_files(runtime_dir, name);
    if (!files || !files->note) continue;
    const auto workload = agent::parse_workload(files->note->yaml, files->note->origin);
    const std::string payload = agent::summary_of(*files).cgroup;
    if (!workload || workload->resources.empty() || payload.empty()) continue;
    policy::Policy own;
    own.name = "workload/" + name;
    own.position = workload->position;
    own.cgroups = {payload};
    own.priority = std::numeric_limits<int>::min();
    own.resources = workload->resources;
    policies.push_back(std::move(own));
  }
}

Result<std::string> path_of(const Common& common, const std::string& name) {
  if (name.starts_with('/')) {
    const std::size_t end = name.find_last_not_of('/');
    return end == std::string::npos ? "/" : name.substr(0, end + 1);
  }
  CGW_ASSIGN(const auto files, agent::read_workload_files(common.where.runtime_dir, name));
  const std::string payload = agent::summary_of(files).cgroup;
  if (!payload.empty()) return payload;
  return fail(Error{ErrorKind::vanished, 0, "explain", name, "it does not run"});
}

Result<std::vector<policy::Policy>> policies_of(const Common& common,
                                                const std::string& directory) {
  auto loaded = directory.empty() ? policies_in_force(common) : load_policy_directory(directory);
  if (!loaded) return fail(loaded.error());
  add_workloads(common.where.runtime_dir, loaded->policies);
  return std::move(loaded->policies);
}

using Wanted = bool (*)(diagnosis::EventKind kind);

bool is_change(diagnosis::EventKind kind) {
  return kind == diagnosis::EventKind::policy_write || kind == diagnosis::EventKind::policy_drift;
}
// Of a loop (`adapt:`), with what it was made from.
bool is_decision(diagnosis::EventKind kind) { return kind == diagnosis::EventKind::policy_adapt; }

// A kill is told of the victim, and is also one of the cgroup that its rule watches.
bool is_of(const diagnosis::Event& event, const std::string& cgroup) {
  if (event.cgroup == cgroup) return true;
  return event.kind == diagnosis::EventKind::policy_adapt &&
         event.text.starts_with("the kill loop ") &&
         event.text.find("all tasks of " + cgroup + " waited") != std::string::npos;
}

std::vector<diagnosis::Event> last_events(const Common& common, const std::string& cgroup,
                                          Wanted wanted) {
  const auto store = diagnosis::StoreReader::open(agent::store_path(common.where));
  if (!store) return {};
  diagnosis::EventFilter filter;
  filter.matches = [&](const diagnosis::Event& event) {
    return wanted(event.kind) && is_of(event, cgroup);
  };
  filter.most = kLastChanges;
  const auto stored = store->events(filter);
  std::vector<diagnosis::Event> events;
  if (stored)
    std::ranges::copy(std::views::transform(*stored, &diagnosis::StoredEvent::event),
                      std::back_inserter(events));
  return events;
}

std::string last_of(const Common& common, const std::string& cgroup, const char* title,
                    Wanted wanted) {
  const auto events = last_events(common, cgroup, wanted);
  if (events.empty()) return {};
  std::string text = std::string(title) + "\n";
  for (const auto& event : events) text += "  " + event_line(event) + "\n";
  return text;
}

Result<std::optional<policy::Explanation>> explained(const Common& common,
                                                     const ExplainOptions& options,
                                                     const std::string& path) {
  CGW_ASSIGN(auto policies, policies_of(common, options.policy_dir));
  CGW_ASSIGN(const auto tree, agent::open_tree(common.where.cgroup_root));
  const cgroup::Snapshot snapshot = read_node(tree);
  select_now(common, tree, snapshot, policies);
  CGW_ASSIGN(const auto originals, originals_of(common));
  CGW_ASSIGN(const auto is_protected, protected_here(common));
  const bool systemd_running = agent::systemd_is_running();
  const policy::Ownership owner_of = [&](std::string_view of) {
    return agent::owner_of(of, systemd_running, is_protected);
  };
  policy::Access access = owner_of(path);
  access.holds = policy::held_protected(snapshot, path, owner_of).value_or("");
  return policy::explain(path, snapshot, policies, originals, access, agent::read_node_facts());
}

int explain_all(const Common& common, const ExplainOptions& options) {
  auto policies = policies_of(common, options.policy_dir);
  if (!policies) return failed(policies.error());
  const auto tree = agent::open_tree(common.where.cgroup_root);
  if (!tree) return failed(tree.error());
  const cgroup::Snapshot snapshot = read_node(*tree);
  select_now(common, *tree, snapshot, *policies);
  print(common.json ? policy::policies_json(*policies, snapshot)
                    : policy::render_policies(*policies, snapshot));
  return kOk;
}

}  // namespace

int policy_explain(const Common& common, const ExplainOptions& options) {
  if (options.cgroup.empty()) return explain_all(common, options);
  const auto path = path_of(common, options.cgroup);
  if (!path) {
    const int code = failed(path.error());
    return path.error().kind == ErrorKind::vanished ? kNoSuchWorkload : code;
  }
  const auto explanation = explained(common, options, *path);
  if (!explanation) return failed(explanation.error());
  if (!*explanation) {
    complain("there is no cgroup " + printable(*path));
    return kNoSuchWorkload;
  }
  if (common.json) {
    print(to_json(**explanation) + "\n");
  } else {
    print(render(**explanation) + last_of(common, *path, "last changes", is_change) +
          last_of(common, *path, "last decisions of loops", is_decision));
  }
  return kOk;
}

}  // namespace cgwarden::cli
