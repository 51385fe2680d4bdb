#include "agent/policy_source.h"
#include "agent/workload_files.h"
#include "cli/agent_client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

// Beyond the workload's own stop timeout: SIGKILL, the death's diagnosis and a busy machine.
constexpr Usec kGrace{60'000'000};
// When the workload's own timeout cannot be read here.
constexpr Usec kUnknownTimeout{3'600'000'000};

Usec stop_timeout(const std::string& runtime_dir, const std::string& name) {
  const auto files = agent::read_workload_files(runtime_dir, name);
  if (!files || !files->note) return kUnknownTimeout;
  const auto workload = agent::parse_workload(files->note->yaml, files->note->origin);
  return workload ? workload->stop_timeout + kGrace : kUnknownTimeout;
}

}  // namespace

int stop(const Common& common, const std::string& name) {
  const auto client = AgentClient::connect();
  if (!client) return failed(client.error());
  const Status stopped = client->stop(name, stop_timeout(common.where.runtime_dir, name));
  if (stopped) return kOk;
  if (stopped.error().kind == ErrorKind::vanished) {
    return no_such_workload(name, common.where.runtime_dir, agent::store_path(common.where));
  }
  return failed(stopped.error());
}

}  // namespace cgwarden::cli
