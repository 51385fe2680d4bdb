#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <vector>

#include "agent/upper_directories.h"
#include "agent/verdict_history.h"
#include "agent/workload_files.h"
#include "agent/workload_view.h"
#include "base/text.h"
#include "cli/agent_client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/json_output.h"
#include "cli/local_time.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

// From the files, which are there without an agent too; who may not read them asks the agent.
Result<std::vector<agent::WorkloadSummary>> collect(const agent::Options& where) {
  CGW_ASSIGN(const auto names, agent::list_workload_names(where.runtime_dir));
  std::vector<agent::WorkloadSummary> list;
  for (const auto& name : names) {
    const auto files = agent::read_workload_files(where.runtime_dir, name);
    if (!files) {
      if (files.error().kind == ErrorKind::not_permitted) {
        const auto client = AgentClient::connect();
        return client ? client->list() : fail(files.error());
      }
      if (files.error().kind != ErrorKind::vanished) complain(files.error().sentence());
      continue;
    }
    agent::WorkloadSummary summary = summary_of(*files);
    if (const auto history = agent::read_history(agent::store_path(where), name);
        history && !history->deaths.empty()) {
      summary.last_verdict = to_string(history->deaths.front().verdict);
    }
    list.push_back(std::move(summary));
  }
  // A user without workloads of his own asks for those of the node.
  if (list.empty() && ::geteuid() != 0) {
    if (const auto client = AgentClient::connect()) return client->list();
  }
  return list;
}

std::string memory_of(const std::optional<cgroup::Tree>& tree, const std::string& path) {
  if (!tree || path.empty()) return "-";
  const auto sample = tree->read_sample(path);
  if (!sample) return "-";
  return agent::memory_text(*sample).value_or("-");
}

std::string written(const agent::WorkloadSummary& entry) {
  return entry.upper ? human_bytes(entry.upper->bytes) : "-";
}

std::string table(const std::vector<agent::WorkloadSummary>& list,
                  const std::optional<cgroup::Tree>& tree, bool sizes) {
  std::size_t width = 4;
  for (const auto& entry : list) width = std::max(width, entry.name.size());
  std::string text =
      fmt::format("{:<{}}  {:<8}  {:<9}  {:>8}  {:>3}  {:>8}  {:<23}  {:<30}  {}{}\n", "NAME",
                  width, "STATE", "HEALTH", "PID", "RUN", "RESTARTS", "STARTED", "MEMORY",
                  sizes ? fmt::format("{:<10}  ", "WRITTEN") : "", "LAST DEATH");
  for (const auto& entry : list) {
    text += fmt::format(
        "{:<{}}  {:<8}  {:<9}  {:>8}  {:>3}  {:>8}  {:<23}  {:<30}  {}{}\n", printable(entry.name),
        width, agent::state_word(entry), entry.health.empty() ? "-" : entry.health,
        entry.pid > 0 ? std::to_string(entry.pid) : "-", entry.incarnation, entry.restarts,
        entry.started_wall.count() > 0 ? wall_text(entry.started_wall) : "-",
        memory_of(tree, entry.cgroup), sizes ? fmt::format("{:<10}  ", written(entry)) : "",
        entry.last_verdict.empty() ? "-" : printable(entry.last_verdict));
  }
  return text;
}

}  // namespace

int ps(const Common& common, bool names_only, bool sizes) {
  auto list = collect(common.where);
  if (!list) return failed(list.error());
  if (sizes) {
    for (auto& entry : *list) {
      entry.upper = agent::disk_use(agent::upper_directory(common.where.state_dir, entry.name));
    }
  }
  std::optional<cgroup::Tree> tree;
  if (auto opened = agent::open_tree(common.where.cgroup_root)) {
    tree = std::move(*opened);
    for (auto& entry : *list) add_kernel_state(*tree, entry);
  }
  if (common.json) {
    print(ps_json(*list));
    return kOk;
  }
  if (names_only) {
    for (const auto& entry : *list) print(printable(entry.name) + "\n");
    return kOk;
  }
  print(table(*list, tree, sizes));
  return kOk;
}

}  // namespace cgwarden::cli
