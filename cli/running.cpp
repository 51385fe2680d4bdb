#include "cli/running.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clock.h"
#include "base/text.h"
#include "cli/workload_view.h"
#include "diagnosis/diagnose.h"
#include "diagnosis/evidence.h"

namespace cgwarden::cli {
namespace {

constexpr std::size_t kEarlierShown = 5;

// The payload cgroup is made for each incarnation, so its counters began at 0.
std::optional<diagnosis::Verdict> whole_incarnation(const launcher::RunningStatus& status,
                                                    const cgroup::Sample& payload) {
  if (!payload.cpu_stat) return std::nullopt;
  diagnosis::ThrottleEvidence evidence;
  evidence.workload = status.name;
  evidence.incarnation = status.incarnation;
  evidence.cgroup = payload.path;
  evidence.from = status.started;
  evidence.to = SystemClock().now();
  evidence.before = {.usage_usec = 0,
                     .user_usec = 0,
                     .system_usec = 0,
                     .nice_usec = 0,
                     .core_sched_force_idle_usec = 0,
                     .nr_periods = 0,
                     .nr_throttled = 0,
                     .throttled_usec = 0,
                     .nr_bursts = 0,
                     .burst_usec = 0};
  evidence.after = *payload.cpu_stat;
  evidence.cpu_max = payload.cpu_max;
  evidence.cpu_max_burst = payload.cpu_max_burst;
  evidence.cpu_pressure = payload.cpu_pressure;
  return diagnosis::diagnose_throttling(evidence);
}

std::string throttled_text(const cgroup::Sample& payload) {
  const auto& stat = payload.cpu_stat;
  if (!stat || !stat->nr_periods || !stat->nr_throttled) return "CPU bandwidth is not accounted";
  return fmt::format("{} of {} periods throttled", *stat->nr_throttled, *stat->nr_periods);
}

std::string headline(const RunningNow& now) {
  const agent::WorkloadSummary& summary = now.summary;
  std::string text = printable(summary.name);
  switch (summary.state) {
    case agent::WorkloadState::running:
    case agent::WorkloadState::stopping:
      break;
    case agent::WorkloadState::starting:
      return text + " is being started; nothing has happened to it yet.";
    default:
      return text + " is not running, and no death of it was recorded.";
  }
  text += summary.state == agent::WorkloadState::stopping ? " is being stopped; it runs since "
                                                          : " is running since ";
  text += format_wall_utc(summary.started_wall) + ", no stall seen: ";
  if (!now.payload) return text + "its cgroup could not be read.";
  text += throttled_text(*now.payload);
  if (const auto memory = memory_text(*now.payload)) text += ", memory " + *memory;
  return text + ".";
}

}  // namespace

RunningNow look_now(const agent::WorkloadFiles& files, const std::string& cgroup_root) {
  RunningNow now;
  now.summary = summary_of(files);
  if (now.summary.cgroup.empty()) return now;
  const auto tree = open_tree(cgroup_root);
  if (!tree) return now;
  if (auto sample = tree->read_sample(now.summary.cgroup)) now.payload = std::move(*sample);
  return now;
}

std::optional<diagnosis::Verdict> stall_of(const agent::WorkloadFiles& files, const RunningNow& now,
                                           const History& history) {
  if (!files.status) return std::nullopt;
  if (now.payload) {
    if (auto live = whole_incarnation(*files.status, *now.payload)) return live;
  }
  const auto stored = std::ranges::find_if(history.stalls, [&](const auto& stall) {
    // Incarnations are counted from 1 again after a reboot.
    return stall.incarnation == files.status->incarnation &&
           stall.when.wall >= files.status->started.wall;
  });
  if (stored == history.stalls.end()) return std::nullopt;
  return *stored;
}

std::string running_text(const RunningNow& now, const std::vector<diagnosis::Verdict>& earlier,
                         const diagnosis::ReportStyle& style) {
  std::string text = style.color ? "\033[1m" + headline(now) + "\033[0m\n" : headline(now) + "\n";
  if (now.summary.pid > 0) {
    text +=
        fmt::format("\npid {}, incarnation {}, {} restarts, cgroup {}\n", now.summary.pid,
                    now.summary.incarnation, now.summary.restarts, printable(now.summary.cgroup));
  }
  if (earlier.empty()) return text;
  text += "\nBefore that\n";
  for (std::size_t i = 0; i < std::min(earlier.size(), kEarlierShown); ++i) {
    text += fmt::format("  {}  incarnation {}  {}\n", format_wall_utc(earlier[i].when.wall),
                        earlier[i].incarnation, printable(earlier[i].answer));
  }
  if (earlier.size() > kEarlierShown) {
    text += fmt::format("  and {} older\n", earlier.size() - kEarlierShown);
  }
  return text;
}

}  // namespace cgwarden::cli
