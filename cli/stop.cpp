#include <unistd.h>

#include "agent/direct_control.h"
#include "agent/policy_source.h"
#include "agent/workload_files.h"
#include "agent/workload_view.h"
#include "cli/agent_client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/named_workload.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

// Beyond the workload's own stop timeout: SIGKILL, the death's diagnosis and a busy machine.
constexpr Usec kGrace{60'000'000};
// When the workload's own timeout cannot be read here.
constexpr Usec kUnknownTimeout{3'600'000'000};

std::optional<Usec> stop_timeout(const Result<agent::WorkloadFiles>& files) {
  if (!files || !files->note) return std::nullopt;
  const auto workload = agent::parse_workload(files->note->yaml, files->note->origin);
  return workload ? std::optional(workload->stop_timeout) : std::nullopt;
}

Status stop_here(const Common& common, const agent::WorkloadFiles& files,
                 std::optional<Usec> timeout) {
  CGW_ASSIGN(const auto tree, agent::open_tree(common.where.cgroup_root));
  return agent::stop_directly(tree, common.where, files,
                              timeout.value_or(policy::Workload{}.stop_timeout),
                              "stop asked by uid " + std::to_string(::getuid()));
}

}  // namespace

int stop(const Common& common, const std::string& name) {
  const auto files = find_workload(common, name);
  const auto timeout = stop_timeout(files);
  if (files && is_ours_to_end(common, *files)) {
    const Status stopped = stop_here(common, *files, timeout);
    return stopped ? kOk : failed(stopped.error());
  }
  const auto client = AgentClient::connect();
  if (!client) return failed(client.error());
  const Status stopped = client->stop(name, timeout ? *timeout + kGrace : kUnknownTimeout);
  return stopped ? kOk : failed_for(common, name, stopped.error());
}

}  // namespace cgwarden::cli
