#include "agent/kill_check.h"

#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "diagnosis/death_case.h"

namespace cgwarden::agent {

void KillCheck::killed(Killed kill) {
  waiting_.push_back(std::move(kill));
  if (waiting_.size() > limits::kPolicyKills) waiting_.pop_front();
}

std::vector<KillCheck::Left> KillCheck::look(Usec now, const StillThere& still_there) {
  std::vector<Left> left;
  while (!waiting_.empty() && now >= waiting_.front().at + kPatience) {
    auto alive = still_there(waiting_.front());
    if (!alive.empty()) left.push_back({std::move(waiting_.front()), std::move(alive)});
    waiting_.pop_front();
  }
  return left;
}

std::vector<pid_t> processes_below(const cgroup::Tree& tree, const cgroup::Snapshot& snapshot,
                                   const std::string& path) {
  std::vector<pid_t> processes;
  for (const auto& sample : snapshot.samples()) {
    if (!diagnosis::path_is_at_or_below(sample.path, path)) continue;
    const auto list = tree.read(sample.path, "cgroup.procs");
    if (!list) continue;
    for (const auto line : split(*list, '\n')) {
      const auto pid = parse_integer<pid_t>(line);
      if (!pid || *pid <= 0) continue;  // of another pid namespace
      if (processes.size() >= limits::kProcessesMeasured) return processes;
      processes.push_back(*pid);
    }
  }
  return processes;
}

}  // namespace cgwarden::agent
