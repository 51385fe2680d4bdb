#include "diagnosis/oom_without_victim.h"

#include <algorithm>

#include "base/limits.h"

namespace cgwarden::diagnosis {

void OomWithoutVictim::count(Entry& entry, std::uint64_t ooms, std::uint64_t kills, Usec now) {
  const std::uint64_t new_ooms = ooms - std::min(entry.ooms, ooms);
  const bool killed = kills > entry.kills;
  entry.ooms = ooms;
  entry.kills = kills;
  if (killed) {
    entry.waiting = 0;
    entry.quiet_until = now + kPatience;
  } else if (new_ooms > 0 && now >= entry.quiet_until) {
    if (entry.waiting == 0) entry.due = std::max(entry.due, now + kPatience);
    entry.waiting += new_ooms;
  }
}

std::vector<OomWithoutVictim::Found> OomWithoutVictim::observe(const cgroup::Snapshot& snapshot) {
  ++round_;
  const Usec now = snapshot.taken().boottime;
  std::vector<Found> found;
  // Parents come before their children.
  for (const auto& sample : snapshot.samples()) {
    if (!sample.memory_events || sample.memory_events->oom.value_or(0) == 0) continue;
    const std::uint64_t ooms = *sample.memory_events->oom;
    const std::uint64_t kills = sample.memory_events->oom_kill.value_or(0);
    auto at = entries_.find(sample.id.value);
    if (at == entries_.end()) {
      if (entries_.size() >= limits::kOomWaits) continue;
      at = entries_.try_emplace(sample.id.value).first;
      if (round_ == 1) at->second = {.ooms = ooms, .kills = kills};
    }
    Entry& entry = at->second;
    entry.round = round_;
    count(entry, ooms, kills, now);
    if (entry.waiting == 0 || now < entry.due) continue;
    while (!found.empty() && sample.path.starts_with(found.back().path + "/")) found.pop_back();
    found.push_back({sample.path, sample.id, entry.waiting});
    entry.waiting = 0;
    entry.due = now + kAgain;
  }
  std::erase_if(entries_, [&](const auto& entry) { return entry.second.round != round_; });
  return found;
}

}  // namespace cgwarden::diagnosis
