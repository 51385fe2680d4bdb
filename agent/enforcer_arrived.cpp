// Enforcer: cgroups that came between two ticks.
#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "agent/enforcer.h"
#include "agent/ownership.h"
#include "base/log.h"

namespace cgwarden::agent {

void Enforcer::enforce_arrived(const cgroup::SampleList& arrived, const cgroup::Snapshot& around,
                               const std::vector<policy::Policy>& policies) {
  std::vector<policy::Write> due;
  const policy::Plan plan = policy::plan(
      around, policies,
      [this](std::string_view path) { return owner_of(path, systemd_running_, protected_); },
      facts_);
  for (const auto& write : plan.writes) {
    const bool ours = std::ranges::any_of(
        arrived, [&](const cgroup::Sample& sample) { return sample.id == write.id; });
    if (!ours || write.mode != policy::Mode::enforce) continue;
    // systemd sets a unit up when it makes its cgroup, and a shrink takes its time: at the tick.
    if (write.through == policy::Through::systemd || must_shrink(write, around)) continue;
    if (budget_ && !budget_->take(write.id, clock_->now().boottime)) continue;
    due.push_back(write);
  }
  note_originals(due, around);
  for (const auto& write : due) {
    if (!is_there(write)) continue;
    arrived_.emplace(write.id, false);
    const auto report =
        cgroup::write_control_file(tree_, write.cgroup, write.file, write.new_value);
    // What fails is written again at the tick, which says so.
    if (!report || report->outcome == cgroup::WriteOutcome::unchanged) continue;
    if (report->outcome == cgroup::WriteOutcome::adjusted) note_adjusted(write, report->after);
    wrote(write, report->before, report->after);
  }
}

// One that came while the tick was planned is of the next one's snapshot, or has gone.
void Enforcer::forget_arrived(const cgroup::Snapshot& snapshot) {
  std::set<CgroupId> seen;
  if (!arrived_.empty()) {
    for (const auto& sample : snapshot.samples()) seen.insert(sample.id);
  }
  for (auto at = arrived_.begin(); at != arrived_.end();) {
    const bool over = seen.contains(at->first) || std::exchange(at->second, true);
    at = over ? arrived_.erase(at) : std::next(at);
  }
}

}  // namespace cgwarden::agent
