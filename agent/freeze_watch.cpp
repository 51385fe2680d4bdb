#include "agent/freeze_watch.h"

namespace cgwarden::agent {
namespace {

bool is_frozen(const cgroup::Sample& sample) {
  return sample.cgroup_events && sample.cgroup_events->frozen.value_or(false);
}

}  // namespace

std::vector<FreezeWatch::Change> FreezeWatch::observe(const cgroup::Snapshot& snapshot) {
  std::vector<Change> changes;
  std::erase_if(frozen_, [&](const auto& entry) {
    const cgroup::Sample* sample = snapshot.find(entry.second);
    // Gone, or another of its path.
    if (sample == nullptr || sample->id != entry.first) return true;
    // A file that could not be read says nothing.
    if (!sample->cgroup_events || sample->cgroup_events->frozen.value_or(true)) return false;
    changes.push_back({entry.second, entry.first, false});
    return true;
  });
  for (const auto& sample : snapshot.samples()) {
    if (!is_frozen(sample) || frozen_.contains(sample.id)) continue;
    const cgroup::Sample* parent = snapshot.parent(sample);
    if (parent != nullptr && is_frozen(*parent)) continue;
    frozen_.emplace(sample.id, sample.path);
    if (!first_) changes.push_back({sample.path, sample.id, true});
  }
  first_ = false;
  return changes;
}

}  // namespace cgwarden::agent
