#include "agent/stall_watch.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "cgroup/tree.h"
#include "diagnosis/death_case.h"

namespace cgwarden::agent {
namespace {

using StallCounts = diagnosis::StallCgroup::Counts;

std::uint64_t kills_between(const StallCounts& before, const StallCounts& after) {
  if (!before.memory_events || !after.memory_events) return 0;
  return diagnosis::rise(before.memory_events->oom_kill, after.memory_events->oom_kill).value_or(0);
}

StallCounts zero_counts() {
  const cgroup::MemoryEvents none{
      .low = 0, .high = 0, .max = 0, .oom = 0, .oom_kill = 0, .oom_group_kill = 0};
  return {.memory_events = none,
          .memory_events_local = none,
          .pids_events = cgroup::PidsEvents{.max = 0},
          .pids_events_local = cgroup::PidsEvents{.max = 0}};
}

// Local counters of a snapshot may be older.
StallCounts counts_then(const cgroup::Sample& sample) {
  return {.memory_events = sample.memory_events,
          .memory_events_local = {},
          .pids_events = sample.pids_events,
          .pids_events_local = {}};
}

bool at_least(const std::optional<cgroup::PressureLine>& line, double percent) {
  return line && line->avg10 >= percent;
}

// A path is another's when its cgroup was made anew.
void keep_lines_of_these(diagnosis::RefusedForks& forks, const cgroup::Snapshot& snapshot) {
  std::erase_if(forks.lines, [&](const auto& line) {
    const cgroup::Sample* now = snapshot.find(line.cgroup);
    return line.id && now != nullptr && now->id != *line.id;
  });
  for (auto& line : forks.lines) {
    if (snapshot.find(line.cgroup) == nullptr) line.id.reset();
  }
}

std::vector<const cgroup::Sample*> chain_of(const cgroup::Snapshot& snapshot,
                                            std::string_view payload) {
  std::vector<const cgroup::Sample*> chain;
  for (std::string_view at = payload; !at.empty(); at = cgroup::parent_path(at)) {
    const cgroup::Sample* sample = snapshot.find(at);
    if (sample != nullptr) chain.push_back(sample);
  }
  if (chain.empty() || chain.front()->path != payload) chain.clear();
  return chain;
}

}  // namespace

diagnosis::StallCgroup stall_cgroup_of(const cgroup::Sample& sample) {
  diagnosis::StallCgroup cgroup;
  cgroup.path = sample.path;
  cgroup.id = sample.id;
  cgroup.after = {sample.memory_events, sample.memory_events_local, sample.pids_events,
                  sample.pids_events_local};
  cgroup.memory_current = sample.memory_current;
  cgroup.memory_high = sample.memory_high;
  cgroup.memory_max = sample.memory_max;
  cgroup.io_max = sample.io_max;
  cgroup.pids_current = sample.pids_current;
  cgroup.pids_max = sample.pids_max;
  if (sample.cgroup_events) cgroup.frozen = sample.cgroup_events->frozen;
  cgroup.freeze = sample.cgroup_freeze;
  return cgroup;
}

StallWatch::Signs StallWatch::signs_of(const std::vector<const cgroup::Sample*>& chain) {
  Signs signs;
  signs.memory_events = chain.front()->memory_events;
  for (const auto* sample : chain) {
    signs.pids_events.push_back(sample->pids_events ? sample->pids_events->max : std::nullopt);
    signs.oom_events.push_back(sample->memory_events ? sample->memory_events->oom : std::nullopt);
  }
  return signs;
}

bool StallWatch::shows_sign(const Track& track, const Signs& signs, const cgroup::Sample& payload,
                            const Process& process) {
  if (!track.signs || *track.signs != signs || process.state == 'T') return true;
  if (payload.cgroup_events && payload.cgroup_events->frozen.value_or(false)) return true;
  return (payload.memory_pressure && at_least(payload.memory_pressure->full, kSignPercent)) ||
         (payload.io_pressure && at_least(payload.io_pressure->some, kSignPercent));
}

StallWatch::Moment StallWatch::moment_of(const diagnosis::StallEvidence& evidence) {
  Moment moment{.at = evidence.to, .counted = evidence.to.boottime, .counts = {}, .flows = {}};
  for (const auto& cgroup : evidence.cgroups) {
    moment.counts.push_back(cgroup.after);
    moment.flows.push_back(cgroup.flow_after);
  }
  return moment;
}

void StallWatch::set_before(diagnosis::StallEvidence& evidence, const Moment& before) {
  evidence.from = before.at;
  evidence.counted_from = before.counted;
  // Another depth: the workload was moved, which nothing does.
  for (std::size_t i = 0; i < std::min(before.counts.size(), evidence.cgroups.size()); ++i) {
    evidence.cgroups[i].before = before.counts[i];
  }
}

void StallWatch::set_flows_before(diagnosis::StallEvidence& evidence, const Track& track) {
  const auto first =
      std::ranges::find_if(track.window, [](const auto& moment) { return !moment.flows.empty(); });
  if (first == track.window.end()) return;
  for (std::size_t i = 0; i < std::min(first->flows.size(), evidence.cgroups.size()); ++i) {
    evidence.cgroups[i].flow_before = first->flows[i];
  }
}

Usec StallWatch::counted_by(TimePoint at) const {
  return at.boottime - std::min(at.boottime, oldest_);
}

void StallWatch::begin(Track& track, const Watched& watched,
                       const std::vector<const cgroup::Sample*>& chain) const {
  if (watched.born) {
    // Ancestors have counted before. Those that a whole snapshot of then has not were made since.
    Moment moment{.at = *watched.born,
                  .counted = counted_by(*watched.born),
                  .counts = {zero_counts()},
                  .flows = {}};
    const bool complete = watched.before != nullptr && watched.before->dropped() == 0;
    for (std::size_t i = 1; complete && i < chain.size(); ++i) {
      const cgroup::Sample* then = watched.before->find(chain[i]->path);
      moment.counts.push_back(then != nullptr && then->id == chain[i]->id ? counts_then(*then)
                                                                          : zero_counts());
    }
    track.window.push_back(std::move(moment));
    return;
  }
  if (watched.before == nullptr) return;
  const TimePoint taken = watched.before->taken();
  Moment moment{.at = taken, .counted = counted_by(taken), .counts = {}, .flows = {}};
  for (const auto* sample : chain) {
    const cgroup::Sample* then = watched.before->find(sample->path);
    if (then == nullptr || then->id != sample->id) return;
    moment.counts.push_back(counts_then(*then));
  }
  track.window.push_back(std::move(moment));
}

void StallWatch::keep_best_look(Track& track, TimePoint now, const Process& process,
                                diagnosis::StallEvidence& evidence) {
  auto& looks = track.over_high;
  while (!looks.empty() && looks.front().first.boottime + kWindow <= now.boottime) {
    looks.pop_front();
  }
  if (process.over_high) looks.emplace_back(now, *process.over_high);
  for (const auto& [at, held] : looks) {
    // Of equal ones the newest.
    if (evidence.over_high && held < *evidence.over_high) continue;
    evidence.over_high = held;
    evidence.over_high_at = at;
  }
}

bool StallWatch::look(const std::vector<const cgroup::Sample*>& chain,
                      diagnosis::StallEvidence& evidence) const {
  for (const auto* sample : chain) {
    auto cgroup = read_(sample->path);
    const bool same = cgroup && cgroup->id == sample->id;
    if (evidence.cgroups.empty() && !same) return false;
    if (!same) {
      cgroup = diagnosis::StallCgroup{};
      cgroup->path = sample->path;
    }
    evidence.cgroups.push_back(std::move(*cgroup));
  }
  return true;
}

std::vector<diagnosis::Verdict> StallWatch::observe(const Watched& watched, TimePoint now,
                                                    const cgroup::Snapshot& snapshot,
                                                    const Process& process) {
  std::vector<diagnosis::Verdict> found;
  const auto chain = chain_of(snapshot, watched.cgroup);
  if (chain.empty()) return found;
  Track& track = tracks_[watched.key.empty() ? watched.name : watched.key];
  if (track.id != chain.front()->id) {
    track = Track{};
    track.id = chain.front()->id;
    begin(track, watched, chain);
  }
  const Signs signs = signs_of(chain);
  // A kill that may yet be outlived is one until it is told, however late this tick comes.
  if (shows_sign(track, signs, *chain.front(), process) || track.before_kill) {
    track.sign_seen = now.boottime;
  }
  track.signs = signs;
  while (track.window.size() > 1 && now.boottime - track.window[1].at.boottime >= kWindow) {
    track.window.pop_front();
  }
  if (now.boottime - track.sign_seen >= kWindow && !track.window.empty()) {
    report(track, {}, now, found);
    const Moment& last = track.window.back();
    track.window.push_back({.at = now,
                            .counted = std::max(last.counted, counted_by(now)),
                            .counts = last.counts,
                            .flows = {}});
    return found;
  }
  diagnosis::StallEvidence evidence{.workload = watched.name,
                                    .incarnation = watched.incarnation,
                                    .from = now,
                                    .to = now,
                                    .cgroups = {},
                                    .main_pid = process.main_pid,
                                    .main_state = process.state,
                                    .signals = process.signals,
                                    .oom_records = process.oom_records,
                                    .over_high = {},
                                    .over_high_at = {},
                                    .devices = process.devices,
                                    .refused_forks = {},
                                    .frozen_by = process.frozen_by};
  if (const auto* forks = forks_ ? forks_() : nullptr) {
    evidence.refused_forks = diagnosis::at_or_below(*forks, watched.cgroup);
    keep_lines_of_these(evidence.refused_forks, snapshot);
  }
  keep_best_look(track, now, process, evidence);
  if (!look(chain, evidence)) return found;
  if (!track.window.empty()) {
    child_killed(track, evidence, found);
    set_before(evidence, track.window.front());
    set_flows_before(evidence, track);
    report(track, diagnosis::diagnose_stalls(evidence), now, found);
    // What those above a new payload had counted is known from the first look on.
    auto& oldest = track.window.front().counts;
    for (std::size_t i = oldest.size(); i < evidence.cgroups.size(); ++i) {
      oldest.push_back(evidence.cgroups[i].after);
    }
  }
  track.window.push_back(moment_of(evidence));
  return found;
}

// What holds goes into `found` now and then, what has ended once.
void StallWatch::report(Track& track, std::vector<diagnosis::Verdict> stalls, TimePoint now,
                        std::vector<diagnosis::Verdict>& found) {
  std::set<diagnosis::VerdictClass> present;
  for (auto& verdict : stalls) {
    present.insert(verdict.verdict);
    auto [told, fresh] =
        track.told.try_emplace(verdict.verdict, Told{verdict.from, Usec{0}, verdict});
    verdict.from = told->second.from;
    told->second.newest = verdict;
    if (!fresh && now.boottime - told->second.last < kReportInterval) continue;
    told->second.last = now.boottime;
    found.push_back(std::move(verdict));
  }
  std::erase_if(track.told, [&](const auto& told) {
    if (present.contains(told.first)) return false;
    if (!diagnosis::is_event(told.first)) {
      found.push_back(told.second.newest);
      found.back().over = true;
    }
    return true;
  });
}

void StallWatch::child_killed(Track& track, const diagnosis::StallEvidence& now,
                              std::vector<diagnosis::Verdict>& found) {
  const Moment& last = track.window.back();
  if (!last.counts.empty() && kills_between(last.counts.front(), now.cgroups.front().after) > 0) {
    // Of several in a row one story.
    if (!track.before_kill) track.before_kill = last;
    track.kill_seen = now.to.boottime;
    return;
  }
  if (!track.before_kill || now.to.boottime - track.kill_seen < kOutlived) return;
  diagnosis::StallEvidence evidence = now;
  set_before(evidence, *track.before_kill);
  track.before_kill.reset();
  if (auto verdict = diagnosis::stalls::oom_child(evidence)) found.push_back(std::move(*verdict));
}

}  // namespace cgwarden::agent
