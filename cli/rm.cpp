#include "agent/direct_control.h"
#include "agent/workload_view.h"
#include "cli/agent_client.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/named_workload.h"

namespace cgwarden::cli {

int remove(const Common& common, const std::string& name, bool force) {
  const auto files = find_workload(common, name);
  if (!files && files.error().kind != ErrorKind::not_permitted) {
    return failed_for(common, name, files.error());
  }
  Status removed;
  if (files && is_ours_to_end(common, *files)) {
    const auto tree = agent::open_tree(common.where.cgroup_root);
    removed =
        tree ? agent::remove_directly(*tree, common.where, *files, force) : fail(tree.error());
  } else {
    const auto client = AgentClient::connect();
    removed = client ? client->remove(name, force) : fail(client.error());
  }
  return removed ? kOk : failed_for(common, name, removed.error());
}

}  // namespace cgwarden::cli
