// Enforcer: cgroups that came, and loops that decided, between two ticks.
#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "agent/enforcer.h"
#include "agent/ownership.h"
#include "base/log.h"

namespace cgwarden::agent {

std::vector<policy::Write> Enforcer::due_between(const cgroup::Snapshot& around,
                                                 const std::vector<policy::Policy>& policies,
                                                 const Wants& wants) {
  policy::Plan plan = policy::plan(
      around, policies,
      [this](std::string_view path) { return owner_of(path, systemd_running_, protected_); },
      facts_);
  std::vector<policy::Write> due;
  for (auto& write : plan.writes) {
    if (write.mode != policy::Mode::enforce || !wants(write)) continue;
    // systemd sets a unit up when it makes its cgroup, and a shrink takes its time: at the tick.
    if (write.through == policy::Through::systemd || must_shrink(write, around)) continue;
    if (budget_ && !budget_->take(write.id, clock_->now().boottime)) continue;
    due.push_back(std::move(write));
  }
  return due;
}

bool Enforcer::write_between(const policy::Write& write) {
  const auto report = cgroup::write_control_file(tree_, write.cgroup, write.file, write.new_value);
  if (!report) return false;
  if (report->outcome == cgroup::WriteOutcome::unchanged) return true;
  const bool adjusted = report->outcome == cgroup::WriteOutcome::adjusted;
  if (adjusted) note_adjusted(write, report->after);
  wrote(write, report->before, report->after);
  return !adjusted;
}

void Enforcer::enforce_arrived(const cgroup::SampleList& arrived, const cgroup::Snapshot& around,
                               const std::vector<policy::Policy>& policies) {
  const auto due = due_between(around, policies, [&](const policy::Write& write) {
    return std::ranges::any_of(arrived,
                               [&](const cgroup::Sample& sample) { return sample.id == write.id; });
  });
  note_originals(due);
  for (const auto& write : due) {
    if (!is_there(write)) continue;
    arrived_.emplace(write.id, false);
    (void)write_between(write);
  }
}

void Enforcer::enforce_decided(const std::vector<CgroupId>& decided, const cgroup::Snapshot& around,
                               const std::vector<policy::Policy>& policies) {
  const auto due = due_between(around, policies, [&](const policy::Write& write) {
    return (write.file == "cpu.max" || write.file == "cpu.max.burst") && !drift_.is_open(write) &&
           std::ranges::find(decided, write.id) != decided.end();
  });
  note_originals(due);
  for (const auto& write : due) {
    if (!is_there(write) || !write_between(write)) continue;
    drift_.wrote(write);
    decided_.insert_or_assign({write.id, write.file},
                              Decided{write.new_value, clock_->now().boottime});
  }
}

const std::string* Enforcer::newer_value(const policy::KnobKey& knob,
                                         const cgroup::Snapshot& snapshot) const {
  const auto known = decided_.find(knob);
  const bool newer = known != decided_.end() && known->second.at >= snapshot.taken().boottime;
  return newer ? &known->second.value : nullptr;
}

void Enforcer::correct(policy::Plan& plan, const cgroup::Snapshot& snapshot) {
  if (decided_.empty()) return;
  std::vector<policy::Held> held;
  std::erase_if(plan.writes, [&](const policy::Write& write) {
    const std::string* value = newer_value({write.id, write.file}, snapshot);
    if (value == nullptr || *value != write.new_value) return false;
    held.push_back({write.id, write.file, write.new_value});
    return true;
  });
  // What has another value by now is written at the next tick.
  std::erase_if(plan.held, [&](const policy::Held& one) {
    const std::string* value = newer_value({one.id, one.file}, snapshot);
    return value != nullptr && *value != one.value;
  });
  std::ranges::move(held, std::back_inserter(plan.held));
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
