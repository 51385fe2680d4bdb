#include "agent/stall_watch.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "cgroup/tree.h"
#include "diagnosis/death_case.h"

namespace cgwarden::agent {
namespace {

using Counts = diagnosis::StallCgroup::Counts;

std::vector<Counts> counts_of(const diagnosis::StallEvidence& evidence) {
  std::vector<Counts> counts;
  for (const auto& cgroup : evidence.cgroups) counts.push_back(cgroup.after);
  return counts;
}

void set_before(diagnosis::StallEvidence& evidence, TimePoint at,
                const std::vector<Counts>& counts) {
  evidence.from = at;
  // Another depth: the workload was moved, which nothing does.
  for (std::size_t i = 0; i < std::min(counts.size(), evidence.cgroups.size()); ++i) {
    evidence.cgroups[i].before = counts[i];
  }
}

std::uint64_t kills_between(const Counts& before, const Counts& after) {
  if (!before.memory_events || !after.memory_events) return 0;
  return diagnosis::rise(before.memory_events->oom_kill, after.memory_events->oom_kill).value_or(0);
}

}  // namespace

diagnosis::StallCgroup stall_cgroup_of(const cgroup::Sample& sample) {
  diagnosis::StallCgroup cgroup;
  cgroup.path = sample.path;
  cgroup.after = {sample.memory_events, sample.memory_events_local, sample.pids_events,
                  sample.pids_events_local};
  cgroup.memory_current = sample.memory_current;
  cgroup.memory_high = sample.memory_high;
  cgroup.memory_max = sample.memory_max;
  cgroup.memory_pressure = sample.memory_pressure;
  cgroup.pids_current = sample.pids_current;
  cgroup.pids_max = sample.pids_max;
  if (sample.cgroup_events) cgroup.frozen = sample.cgroup_events->frozen;
  cgroup.freeze = sample.cgroup_freeze;
  return cgroup;
}

std::vector<diagnosis::Verdict> StallWatch::observe(const std::string& workload,
                                                    unsigned incarnation, TimePoint now,
                                                    const cgroup::Snapshot& snapshot,
                                                    const std::string& payload,
                                                    const Process& process) {
  std::vector<diagnosis::Verdict> found;
  diagnosis::StallEvidence evidence{.workload = workload,
                                    .incarnation = incarnation,
                                    .from = now,
                                    .to = now,
                                    .cgroups = {},
                                    .main_pid = process.main_pid,
                                    .main_state = process.state,
                                    .signals = process.signals,
                                    .oom_records = process.oom_records};
  CgroupId id;
  for (std::string_view at = payload; !at.empty(); at = cgroup::parent_path(at)) {
    const cgroup::Sample* sample = snapshot.find(at);
    if (sample == nullptr) continue;
    if (evidence.cgroups.empty()) id = sample->id;
    evidence.cgroups.push_back(stall_cgroup_of(*sample));
  }
  if (evidence.cgroups.empty() || evidence.cgroups.front().path != payload) return found;
  Track& track = tracks_[workload];
  if (track.id != id) {
    track = Track{};
    track.id = id;
  }
  while (track.window.size() > 1 && now.boottime - track.window[1].at.boottime >= kWindow) {
    track.window.pop_front();
  }
  if (!track.window.empty()) {
    child_killed(track, evidence, found);
    set_before(evidence, track.window.front().at, track.window.front().counts);
    auto stalls = diagnosis::diagnose_stalls(evidence);
    std::set<diagnosis::VerdictClass> present;
    for (auto& verdict : stalls) {
      present.insert(verdict.verdict);
      auto [told, fresh] = track.told.try_emplace(verdict.verdict, Told{verdict.from, Usec{0}});
      verdict.from = told->second.from;
      if (!fresh && now.boottime - told->second.last < kReportInterval) continue;
      told->second.last = now.boottime;
      found.push_back(std::move(verdict));
    }
    std::erase_if(track.told, [&](const auto& told) { return !present.contains(told.first); });
  }
  track.window.push_back({now, counts_of(evidence)});
  return found;
}

void StallWatch::child_killed(Track& track, const diagnosis::StallEvidence& now,
                              std::vector<diagnosis::Verdict>& found) {
  const Moment& last = track.window.back();
  if (kills_between(last.counts.front(), now.cgroups.front().after) > 0) {
    // Of several in a row one story.
    if (!track.before_kill) track.before_kill = last;
    track.kill_seen = now.to.boottime;
    return;
  }
  if (!track.before_kill || now.to.boottime - track.kill_seen < kOutlived) return;
  diagnosis::StallEvidence evidence = now;
  set_before(evidence, track.before_kill->at, track.before_kill->counts);
  track.before_kill.reset();
  if (auto verdict = diagnosis::stalls::oom_child(evidence)) found.push_back(std::move(*verdict));
}

}  // namespace cgwarden::agent
