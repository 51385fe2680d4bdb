#include "agent/throttle_watch.h"

#include "diagnosis/diagnose.h"

namespace cgwarden::agent {

void ThrottleWatch::forget(const std::string& workload) { tracks_.erase(workload); }

std::optional<diagnosis::Verdict> ThrottleWatch::observe(const std::string& workload,
                                                         unsigned incarnation, TimePoint now,
                                                         const cgroup::Sample& payload) {
  if (!payload.cpu_stat) return std::nullopt;
  Track& track = tracks_[workload];
  if (track.id != payload.id) {
    track = Track{};
    track.id = payload.id;
  }
  track.window.push_back({now, *payload.cpu_stat});
  while (track.window.size() > 2 && now.boottime - track.window[1].at.boottime >= kWindow) {
    track.window.pop_front();
  }

  diagnosis::ThrottleEvidence evidence;
  evidence.workload = workload;
  evidence.incarnation = incarnation;
  evidence.cgroup = payload.path;
  evidence.from = track.window.front().at;
  evidence.before = track.window.front().cpu_stat;
  evidence.to = now;
  evidence.after = *payload.cpu_stat;
  evidence.cpu_max = payload.cpu_max;
  evidence.cpu_max_burst = payload.cpu_max_burst;
  evidence.cpu_pressure = payload.cpu_pressure;
  auto verdict = diagnosis::diagnose_throttling(evidence);
  if (!verdict) {
    track.stall_start.reset();
    track.last_report.reset();
    return std::nullopt;
  }
  if (!track.stall_start) track.stall_start = track.window.front();
  if (track.last_report && now.boottime - *track.last_report < kReportInterval) {
    return std::nullopt;
  }
  track.last_report = now.boottime;
  // The whole stall so far, not only the window, as long as it still qualifies as one.
  evidence.from = track.stall_start->at;
  evidence.before = track.stall_start->cpu_stat;
  if (auto whole = diagnosis::diagnose_throttling(evidence)) return whole;
  return verdict;
}

}  // namespace cgwarden::agent
