#include "agent/running_now.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "agent/process_lookup.h"
#include "agent/stall_watch.h"
#include "agent/throttle_watch.h"
#include "agent/workload_view.h"
#include "base/clock.h"
#include "base/text.h"
#include "diagnosis/death_case.h"
#include "diagnosis/diagnose.h"
#include "diagnosis/evidence.h"
#include "diagnosis/stall.h"

namespace cgwarden::agent {
namespace {

constexpr std::size_t kEarlierShown = 5;

// The agent renews a stall that lasts this often; one that is not renewed is over.
constexpr Usec kRenewed = 2 * ThrottleWatch::kReportInterval;
// An agent that lives and is short of CPU is late with it.
constexpr Usec kRenewedLate{30'000'000};
// What happened so long ago and is over still answers the question.
constexpr Usec kEventTold{3'600'000'000};
// For a second look of our own: enough periods for a judgement, a wait that a person bears.
constexpr std::uint64_t kPeriodsOfALook = 15;
constexpr Usec kShortestLook{1'500'000};
constexpr Usec kLongestLook{5'000'000};

using diagnosis::VerdictClass;

// The stalls of this incarnation that the agent saw, newest first. Incarnations are counted from 1
// again after a reboot.
std::vector<const diagnosis::Verdict*> stored_stalls(const launcher::RunningStatus& status,
                                                     const History& history) {
  std::vector<const diagnosis::Verdict*> stored;
  for (const auto& stall : history.stalls) {
    if (stall.incarnation == status.incarnation && stall.when.wall >= status.started.wall) {
      stored.push_back(&stall);
    }
  }
  return stored;
}

// What one look at the kernel shows: a stored one is not trusted without it.
bool is_visible(VerdictClass verdict) {
  return verdict == VerdictClass::frozen || verdict == VerdictClass::stopped_by_signal;
}

bool was_ever_throttled(const cgroup::Sample& payload) {
  return payload.cpu_stat && payload.cpu_stat->nr_throttled.value_or(0) > 0;
}

// Throttling of now, between two looks. The counters of the whole incarnation cannot tell an hour
// ago from now.
void look_again(const launcher::RunningStatus& status, const cgroup::Tree& tree, RunningNow& now,
                std::optional<diagnosis::Verdict>& live) {
  diagnosis::ThrottleEvidence evidence;
  evidence.workload = status.name;
  evidence.incarnation = status.incarnation;
  evidence.cgroup = now.payload->path;
  evidence.from = SystemClock().now();
  evidence.before = *now.payload->cpu_stat;
  const Usec period = now.payload->cpu_max ? now.payload->cpu_max->period : Usec{100'000};
  const Usec look = std::clamp(period * kPeriodsOfALook, kShortestLook, kLongestLook);
  std::this_thread::sleep_for(look);
  auto sample = tree.read_sample(evidence.cgroup);
  evidence.to = SystemClock().now();
  if (!sample || sample->id != now.payload->id || !sample->cpu_stat) return;
  evidence.after = *sample->cpu_stat;
  evidence.cpu_max = sample->cpu_max;
  evidence.cpu_max_burst = sample->cpu_max_burst;
  evidence.cpu_pressure = sample->cpu_pressure;
  live = diagnosis::diagnose_throttling(evidence);
  const auto periods = diagnosis::rise(evidence.before.nr_periods, evidence.after.nr_periods);
  const auto throttled = diagnosis::rise(evidence.before.nr_throttled, evidence.after.nr_throttled);
  if (periods && throttled) {
    now.latest = fmt::format("{} of {} periods throttled in the last {}", *throttled, *periods,
                             human_duration(evidence.to.boottime - evidence.from.boottime));
  }
  now.payload = std::move(*sample);
}

// States that one look shows: frozen, stopped by a signal.
std::optional<diagnosis::Verdict> standing_still(const launcher::RunningStatus& status,
                                                 const RunningNow& now, const cgroup::Tree& tree) {
  diagnosis::StallEvidence evidence;
  evidence.workload = status.name;
  evidence.incarnation = status.incarnation;
  evidence.from = status.started;
  evidence.to = SystemClock().now();
  evidence.main_pid = status.main_pid;
  evidence.main_state = state_of_process(status.main_pid);
  evidence.cgroups.push_back(stall_cgroup_of(*now.payload));
  for (auto at = cgroup::parent_path(now.payload->path); !at.empty();
       at = cgroup::parent_path(at)) {
    if (const auto sample = tree.read_sample(at)) {
      evidence.cgroups.push_back(stall_cgroup_of(*sample));
    }
  }
  auto verdict = diagnosis::stalls::frozen(evidence);
  if (!verdict) verdict = diagnosis::stalls::stopped_by_signal(evidence);
  return verdict;
}

std::string throttled_text(const cgroup::Sample& payload) {
  const auto& stat = payload.cpu_stat;
  if (!stat || !stat->nr_periods || !stat->nr_throttled) return "CPU bandwidth is not accounted";
  return fmt::format("{} of {} periods throttled since its start", *stat->nr_throttled,
                     *stat->nr_periods);
}

std::string headline(const RunningNow& now, const diagnosis::ReportStyle& style) {
  const WorkloadSummary& summary = now.summary;
  std::string text = printable(summary.name);
  switch (summary.state) {
    case WorkloadState::running:
    case WorkloadState::stopping:
      break;
    case WorkloadState::starting:
      return text + " is being started; nothing has happened to it yet.";
    default:
      return text + " is not running, and no death of it was recorded.";
  }
  text += summary.state == WorkloadState::stopping ? " is being stopped; it runs since "
                                                   : " is running since ";
  text += style.wall_text(summary.started_wall);
  text += now.past_stall ? ", not stalled now: " : ", no stall seen: ";
  if (!now.payload) return text + "its cgroup could not be read.";
  if (!now.latest.empty()) text += now.latest + ", ";
  text += throttled_text(*now.payload);
  if (const auto memory = memory_text(*now.payload)) text += ", memory " + *memory;
  return text + ".";
}

}  // namespace

bool is_current_stall(const diagnosis::Verdict& stall, TimePoint now, bool agent_runs) {
  if (stall.over) return false;
  const Usec renewed = agent_runs ? kRenewedLate : kRenewed;
  const Usec told = diagnosis::is_event(stall.verdict) ? kEventTold : renewed;
  return stall.when.wall + told >= now.wall;
}

RunningNow look_now(const WorkloadFiles& files, const std::string& cgroup_root) {
  RunningNow now;
  now.summary = summary_of(files);
  if (now.summary.cgroup.empty()) return now;
  const auto tree = open_tree(cgroup_root);
  if (!tree) return now;
  if (auto sample = tree->read_sample(now.summary.cgroup)) now.payload = std::move(*sample);
  return now;
}

std::optional<diagnosis::Verdict> stall_of(const WorkloadFiles& files, RunningNow& now,
                                           const History& history, const std::string& cgroup_root,
                                           bool may_look_again, bool agent_runs) {
  if (!files.status) return std::nullopt;
  const auto stalls = stored_stalls(*files.status, history);
  const diagnosis::Verdict* stored = stalls.empty() ? nullptr : stalls.front();
  const auto tree = open_tree(cgroup_root);
  if (!now.payload || !tree) {
    // Nothing tells that it is over.
    return stored != nullptr ? std::optional(*stored) : std::nullopt;
  }
  const auto still = standing_still(*files.status, now, *tree);
  for (const auto* stall : stalls) {
    if (!is_current_stall(*stall, SystemClock().now(), agent_runs)) continue;
    // As it was stored: that one knows who did it.
    if (!is_visible(stall->verdict) || (still && still->verdict == stall->verdict)) return *stall;
  }
  if (still) return still;
  if (stored != nullptr && (stored->over || stored->verdict != VerdictClass::throttled)) {
    now.past_stall = diagnosis::as_past(*stored);
  }
  if (!may_look_again || !was_ever_throttled(*now.payload)) return std::nullopt;
  std::optional<diagnosis::Verdict> live;
  look_again(*files.status, *tree, now, live);
  if (!live && stored != nullptr && !now.past_stall) now.past_stall = diagnosis::as_past(*stored);
  return live;
}

std::string running_text(const RunningNow& now, const std::vector<diagnosis::Verdict>& earlier,
                         const diagnosis::ReportStyle& style,
                         const std::optional<diagnosis::RestartStory>& story) {
  std::string text = headline(now, style);
  text = style.color ? "\033[1m" + text + "\033[0m\n" : text + "\n";
  if (now.summary.pid > 0) {
    text +=
        fmt::format("\npid {}, incarnation {}, {} restarts, cgroup {}\n", now.summary.pid,
                    now.summary.incarnation, now.summary.restarts, printable(now.summary.cgroup));
  }
  if (earlier.empty()) return text;
  if (story) {
    text += "\nRestarts\n  " + printable(tell(*story, now.summary.name, style.wall_text)) + "\n";
  }
  text += "\nBefore that\n";
  for (std::size_t i = 0; i < std::min(earlier.size(), kEarlierShown); ++i) {
    text += fmt::format("  {}  incarnation {}  {}\n", style.wall_text(earlier[i].when.wall),
                        earlier[i].incarnation, printable(earlier[i].answer));
  }
  if (earlier.size() > kEarlierShown) {
    text += fmt::format("  and {} older\n", earlier.size() - kEarlierShown);
  }
  return text;
}

}  // namespace cgwarden::agent
