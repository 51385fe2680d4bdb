#include "agent/workload_view.h"

#include <fmt/format.h>

#include <variant>

#include "agent/freezer.h"
#include "cgroup/mount.h"

namespace cgwarden::agent {

WorkloadState state_of(const WorkloadFiles& files) {
  using enum WorkloadState;
  const bool wanted = files.note && files.note->wanted;
  if (files.status && files.shim_alive && !files.exit) {
    return files.note && !wanted ? stopping : running;
  }
  if (!wanted) return exited;
  // A start removes the files of the incarnation before.
  return files.exit ? backoff : starting;
}

WorkloadSummary summary_of(const WorkloadFiles& files) {
  WorkloadSummary summary;
  summary.name = files.name;
  summary.state = state_of(files);
  if (files.note) {
    summary.incarnation = files.note->incarnation;
    summary.restarts = files.note->restarts;
  }
  const bool alive =
      summary.state == WorkloadState::running || summary.state == WorkloadState::stopping;
  if (alive) {
    summary.pid = files.status->main_pid;
    summary.incarnation = files.status->incarnation;
    summary.started_wall = files.status->started.wall;
    summary.cgroup = files.status->cgroup;
    if (files.health && files.health->incarnation == files.status->incarnation) {
      summary.health = to_string(files.health->health);
    }
  }
  return summary;
}

void add_kernel_state(const cgroup::Tree& tree, WorkloadSummary& summary) {
  summary.paused = !summary.cgroup.empty() && is_frozen(tree, summary.cgroup);
}

Result<cgroup::Tree> open_tree(const std::string& cgroup_root) {
  if (!cgroup_root.empty()) return cgroup::Tree::open(cgroup_root);
  CGW_ASSIGN(const cgroup::MountReport mounts, cgroup::detect_mounts());
  if (mounts.cgroup2_mount_point.empty()) {
    return fail(Error{ErrorKind::not_supported, 0, "use the cgroups of this machine", "",
                      mounts.explanation});
  }
  return cgroup::Tree::open(mounts.cgroup2_mount_point);
}

std::optional<std::string> memory_text(const cgroup::Sample& sample) {
  if (!sample.memory_current) return std::nullopt;
  const std::string used = human_bytes(*sample.memory_current);
  if (!sample.memory_max || is_max(*sample.memory_max)) return used;
  const std::uint64_t limit = std::get<Bytes>(*sample.memory_max).value;
  if (limit == 0) return fmt::format("{} of 0 B", used);
  return fmt::format(
      "{} of {} ({:.0f} %)", used, human_bytes(Bytes{limit}),
      100.0 * static_cast<double>(sample.memory_current->value) / static_cast<double>(limit));
}

}  // namespace cgwarden::agent
