#include "agent/direct_control.h"
#include "base/text.h"
#include "cli/agent_client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/named_workload.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

// Through the agent the verdict of a death names who asked; without one it is only sent.
Status send(const Common& common, const Result<agent::WorkloadFiles>& files,
            const std::string& name, int number) {
  if (files && is_ours_to_end(common, *files)) return agent::signal_directly(*files, number);
  const auto client = AgentClient::connect();
  const Status sent = client ? client->kill(name, number) : fail(client.error());
  const bool no_agent = !sent && sent.error().kind == ErrorKind::not_supported;
  return files && no_agent ? agent::signal_directly(*files, number) : sent;
}

}  // namespace

int kill(const Common& common, const std::string& name, const std::string& signal) {
  const auto number = agent::signal_of(signal);
  if (!number || *number == 0) {
    complain("there is no signal " + printable(signal) + "; kill -l lists them");
    return kUsage;
  }
  const auto files = find_workload(common, name);
  if (!files && files.error().kind != ErrorKind::not_permitted) {
    return failed_for(common, name, files.error());
  }
  if (const Status sent = send(common, files, name, *number); !sent) {
    return failed_for(common, name, sent.error());
  }
  return kOk;
}

}  // namespace cgwarden::cli
