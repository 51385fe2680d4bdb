#include "cli/named_workload.h"

#include <cerrno>

#include "agent/direct_control.h"
#include "cli/terminal.h"
#include "policy/workload.h"

namespace cgwarden::cli {

Result<agent::WorkloadFiles> find_workload(const Common& common, const std::string& name) {
  if (!policy::valid_workload_name(name)) {
    return fail(Error::from_errno(ENOENT, "find workload", name));
  }
  return agent::read_workload_files(common.where.runtime_dir, name);
}

int failed_for(const Common& common, const std::string& name, const Error& error) {
  if (error.kind != ErrorKind::vanished) return failed(error);
  return no_such_workload(name, common.where.runtime_dir, agent::store_path(common.where));
}

bool is_ours_to_end(const Common& common, const agent::WorkloadFiles& files) {
  return (files.note && agent::runner_lives(*files.note)) ||
         !agent::agent_runs(common.where.runtime_dir);
}

}  // namespace cgwarden::cli
