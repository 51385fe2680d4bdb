#include "agent/throttle_watch.h"

#include <utility>

#include "diagnosis/death_case.h"
#include "diagnosis/diagnose.h"

namespace cgwarden::agent {

void ThrottleWatch::forget(const std::string& workload) { tracks_.erase(workload); }

std::optional<diagnosis::Verdict> ThrottleWatch::judge(const diagnosis::ThrottleEvidence& whose,
                                                       const Chain& chain, std::size_t level,
                                                       const Moment& before, const Moment& after) {
  if (level >= before.levels.size() || level >= after.levels.size()) return std::nullopt;
  if (before.levels[level].id != after.levels[level].id) return std::nullopt;
  const cgroup::Sample& limit = *chain[level];
  diagnosis::ThrottleEvidence evidence = whose;
  evidence.cgroup = limit.path;
  if (level > 0) evidence.below = chain.front()->path;
  evidence.from = before.at;
  evidence.before = before.levels[level].cpu_stat;
  evidence.to = after.at;
  evidence.after = after.levels[level].cpu_stat;
  evidence.cpu_max = limit.cpu_max;
  evidence.cpu_max_burst = limit.cpu_max_burst;
  evidence.cpu_pressure = chain.front()->cpu_pressure;
  if (const auto waited = diagnosis::rise(before.waited_usec, after.waited_usec)) {
    evidence.waited = Usec(*waited);
  }
  return diagnosis::diagnose_throttling(evidence);
}

std::optional<diagnosis::Verdict> ThrottleWatch::ended(Track& track) {
  track.stall_start.reset();
  track.last_report.reset();
  auto last = std::exchange(track.newest, std::nullopt);
  if (last) last->over = true;
  return last;
}

std::optional<diagnosis::Verdict> ThrottleWatch::observe(const std::string& workload,
                                                         unsigned incarnation,
                                                         const cgroup::Snapshot& snapshot,
                                                         std::string_view payload) {
  Chain chain;
  for (std::string_view at = payload; !at.empty(); at = cgroup::parent_path(at)) {
    const cgroup::Sample* sample = snapshot.find(at);
    if (sample == nullptr || !sample->cpu_stat) break;
    chain.push_back(sample);
  }
  if (chain.empty()) return std::nullopt;
  Track& track = tracks_[workload];
  if (track.id != chain.front()->id) {
    track = Track{};
    track.id = chain.front()->id;
  }
  const TimePoint now = snapshot.taken();
  Moment moment{.at = now, .levels = {}, .waited_usec = {}};
  for (const auto* sample : chain) moment.levels.push_back({sample->id, *sample->cpu_stat});
  const auto& pressure = chain.front()->cpu_pressure;
  if (pressure && pressure->some) moment.waited_usec = pressure->some->total_usec;
  track.window.push_back(std::move(moment));
  while (track.window.size() > 2 && now.boottime - track.window[1].at.boottime >= kWindow) {
    track.window.pop_front();
  }

  diagnosis::ThrottleEvidence whose;
  whose.workload = workload;
  whose.incarnation = incarnation;
  std::optional<diagnosis::Verdict> verdict;
  std::size_t level = 0;
  for (; level < chain.size() && !verdict; ++level) {
    verdict = judge(whose, chain, level, track.window.front(), track.window.back());
  }
  if (!verdict) return ended(track);
  --level;
  // Of another limit than before: another stall.
  if (track.stalled_by != chain[level]->path) {
    track.stall_start.reset();
    track.last_report.reset();
    track.stalled_by = chain[level]->path;
  }
  if (!track.stall_start) track.stall_start = track.window.front();
  // The whole stall so far, not only the window, as long as it still qualifies as one.
  if (auto whole = judge(whose, chain, level, *track.stall_start, track.window.back())) {
    verdict = std::move(whole);
  }
  track.newest = *verdict;
  if (track.last_report && now.boottime - *track.last_report < kReportInterval) {
    return std::nullopt;
  }
  track.last_report = now.boottime;
  return verdict;
}

}  // namespace cgwarden::agent
