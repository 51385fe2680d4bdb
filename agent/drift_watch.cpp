#include "agent/drift_watch.h"

#include <algorithm>

namespace cgwarden::agent {

void DriftWatch::planned(policy::Plan& plan) {
  before_ = std::exchange(now_, std::move(plan.held));
  plan.held.clear();
  sorted_ = false;
  if (open_.empty()) return;
  // Whoever changed it put it back, the cgroup ended, or no policy wants it any more.
  std::erase_if(open_, [&](const auto& entry) {
    return std::ranges::none_of(plan.writes, [&](const policy::Write& write) {
      return write.id == entry.first.first && write.file == entry.first.second &&
             write.new_value == entry.second;
    });
  });
}

bool DriftWatch::is_drift(const policy::Write& write) const {
  return is_open(write) || was_held(write);
}

void DriftWatch::held_before(const policy::Write& write) {
  if (is_drift(write)) return;
  before_.push_back({write.id, write.file, write.new_value});
  sorted_ = false;
}

bool DriftWatch::was_held(const policy::Write& write) const {
  if (!std::exchange(sorted_, true)) std::ranges::sort(before_, {}, &policy::Held::id);
  const auto of_cgroup = std::ranges::equal_range(before_, write.id, {}, &policy::Held::id);
  return std::ranges::any_of(of_cgroup, [&](const policy::Held& held) {
    return held.file == write.file && held.value == write.new_value;
  });
}

void DriftWatch::wrote(const policy::Write& write) {
  std::erase_if(now_, [&](const policy::Held& held) {
    return held.id == write.id && held.file == write.file;
  });
  now_.push_back({write.id, write.file, write.new_value});
}

DriftWatch::Counts DriftWatch::attempted(const policy::Write& write, Attempt attempt) {
  const Knob knob{write.id, write.file};
  Counts counts;
  if (attempt != Attempt::needless && !open_.contains(knob) && was_held(write)) {
    counts.found = true;
    open_.emplace(knob, write.new_value);
  }
  if (attempt != Attempt::failed) {
    counts.repaired = open_.erase(knob) > 0 && attempt != Attempt::needless;
  }
  if (attempt == Attempt::written || attempt == Attempt::needless) {
    now_.push_back({write.id, write.file, write.new_value});
  }
  return counts;
}

}  // namespace cgwarden::agent
