#include "agent/direct_control.h"
#include "agent/workload_view.h"
#include "cli/agent_client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/named_workload.h"

namespace cgwarden::cli {

int pause(const Common& common, const std::string& name, bool paused) {
  const auto files = find_workload(common, name);
  Status done;
  if (files) {
    const auto tree = agent::open_tree(common.where.cgroup_root);
    done = tree ? agent::pause_directly(*tree, *files, paused) : fail(tree.error());
  } else if (files.error().kind == ErrorKind::not_permitted) {
    const auto client = AgentClient::connect();
    done = client ? client->pause(name, paused) : fail(client.error());
  } else {
    done = fail(files.error());
  }
  return done ? kOk : failed_for(common, name, done.error());
}

}  // namespace cgwarden::cli
