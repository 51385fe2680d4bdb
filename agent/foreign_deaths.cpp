#include "agent/foreign_deaths.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "agent/process_lookup.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "diagnosis/death_case.h"
#include "launcher/oom_watch.h"

namespace cgwarden::agent {
namespace {

using diagnosis::CgroupEvidence;

// A unit's processes follow its main one to the end within this; else it goes on without it.
constexpr Usec kEmptied{5'000'000};
// From the count of `oom` above it to the kill that this one's own counter shows: the kernel prints
// its dump between them, on a slow console for a second or two.
constexpr Usec kDecided{4'000'000};
constexpr const char* kForeignEffect = "deaths of units and containers get no verdict";

CgroupEvidence::Moment moment_of(const cgroup::Sample& sample) {
  CgroupEvidence::Moment moment;
  moment.memory_events = sample.memory_events;
  moment.memory_events_local = sample.memory_events_local;
  moment.cpu_stat = sample.cpu_stat;
  moment.pids_events = sample.pids_events;
  moment.pids_events_local = sample.pids_events_local;
  moment.swap_events = sample.memory_swap_events;
  return moment;
}

void set_limits(CgroupEvidence& cgroup, const cgroup::Sample& sample) {
  cgroup.memory_max = sample.memory_max;
  cgroup.memory_high = sample.memory_high;
  cgroup.memory_swap_max = sample.memory_swap_max;
  cgroup.memory_current = sample.memory_current;
  cgroup.memory_peak = sample.memory_peak;
  cgroup.memory_stat = sample.memory_stat;
  cgroup.memory_oom_group = sample.memory_oom_group;
  cgroup.cpu_max = sample.cpu_max;
  cgroup.pids_max = sample.pids_max;
  cgroup.pids_current = sample.pids_current;
  if (!sample.cgroup_events) return;
  cgroup.populated = sample.cgroup_events->populated;
  cgroup.frozen = sample.cgroup_events->frozen;
}

diagnosis::MainExit exit_of_status(int status) {
  using Kind = diagnosis::MainExit::Kind;
  if (!WIFSIGNALED(status)) return {Kind::exited, WEXITSTATUS(status)};
  return {WCOREDUMP(status) ? Kind::dumped : Kind::killed, WTERMSIG(status)};
}

std::string stat_text_of(pid_t pid) {
  return read_file("/proc/" + std::to_string(pid) + "/stat", limits::kControlFileBytes)
      .value_or(std::string());
}

bool ended_badly(const diagnosis::DeathEvidence& evidence) {
  const auto& exit = evidence.main_exit;
  return !exit || exit->kind != diagnosis::MainExit::Kind::exited || exit->status != 0;
}

std::optional<Usec> started(pid_t pid) { return start_time_of(stat_text_of(pid)); }

}  // namespace

ForeignDeaths::ForeignDeaths(const cgroup::Tree& tree, const Clock& clock,
                             cgroup::ProcessConnector connector, Told told, Count count)
    : tree_(&tree),
      clock_(&clock),
      connector_(std::move(connector)),
      told_(std::move(told)),
      count_(std::move(count)) {}

Result<std::unique_ptr<ForeignDeaths>> ForeignDeaths::start(EventLoop& loop,
                                                            const cgroup::Tree& tree,
                                                            const Clock& clock, Told told,
                                                            Count count) {
  const auto failed = [](const Error& error) {
    log::warning("process_connector_off",
                 {{"error", error.sentence()}, {"effect", kForeignEffect}});
    return fail(error);
  };
  if (!proc_is_of_init_namespace()) {
    return failed(Error{ErrorKind::not_supported, 0, "use", "the process connector",
                        "the agent runs in a pid namespace of its own (hostPID: true ends that)"});
  }
  auto connector = cgroup::ProcessConnector::open();
  if (!connector) return failed(connector.error());
  std::unique_ptr<ForeignDeaths> deaths(
      new ForeignDeaths(tree, clock, std::move(*connector), std::move(told), std::move(count)));
  auto* self = deaths.get();
  auto watch = loop.add(self->connector_.fd(), EPOLLIN, [self](std::uint32_t) { self->drain(); });
  if (!watch) return failed(watch.error());
  deaths->watch_ = std::move(*watch);
  return deaths;
}

void ForeignDeaths::drain() {
  const auto exits = connector_.drain();
  if (!exits) {
    watch_ = {};
    fault_ = exits.error().sentence();
    log::warning("process_connector_off", {{"error", fault_}, {"effect", kForeignEffect}});
    return;
  }
  for (const auto& exit : *exits) ended(exit);
  if (connector_.overruns() == overruns_) return;
  log::warning("process_connector_overrun",
               {{"times", std::to_string(connector_.overruns() - overruns_)}});
  overruns_ = connector_.overruns();
  overrun_at_ = clock_->now().boottime;
  look_for_lost_ends();
}

void ForeignDeaths::look_for_lost_ends() {
  std::vector<CgroupId> dead;
  for (const auto& [id, track] : tracks_) {
    if (track.ended) continue;
    const auto start = started(track.main_pid);
    const auto state = start ? state_of_process(track.main_pid) : std::nullopt;
    const bool zombie = !state || *state == 'Z' || *state == 'X';
    if (zombie && track.leaderless && has_living_thread("/proc", track.main_pid)) continue;
    if (start != track.main_started || zombie) dead.push_back(id);
  }
  // The message comes before the process can be seen dead: what is not there now was lost.
  if (const auto exits = connector_.drain()) {
    for (const auto& exit : *exits) ended(exit);
  }
  for (const CgroupId id : dead) {
    const auto found = tracks_.find(id);
    if (found == tracks_.end() || found->second.ended) continue;
    Track& track = found->second;
    mains_.erase(track.main_pid);
    track.evidence.lost.push_back(
        "process ends: the kernel's messages ran over (ENOBUFS), the status of pid " +
        std::to_string(track.main_pid) + " among them");
    end(track, std::nullopt);
  }
  settle(clock_->now());
}

SourceReport ForeignDeaths::source() const {
  if (!fault_.empty()) return {SourceState::off, fault_};
  constexpr Usec kHour{3'600'000'000};
  if (overruns_ > 0 && clock_->now().boottime < overrun_at_ + kHour) {
    return {SourceState::limited,
            "messages of ends ran over " + std::to_string(overruns_) +
                " times, the last in this hour: more processes ended than could be read"};
  }
  return {SourceState::live, ""};
}

void ForeignDeaths::ended(const cgroup::ProcessExit& exit) {
  const auto main = mains_.find(exit.pid);
  if (main == mains_.end()) return;
  const CgroupId id = main->second;
  Track& track = tracks_.at(id);
  if (exit.thread != exit.pid && !track.leaderless) return;
  if (goes_on(track, exit)) return;
  end_main(id, exit);
}

void ForeignDeaths::end_main(CgroupId id, const cgroup::ProcessExit& exit) {
  Track& track = tracks_.at(id);
  mains_.erase(track.main_pid);
  if (exit.parent > 0) track.evidence.parent_at_end = exit.parent;
  end(track, exit_of_status(exit.status));
  if (std::exchange(track.leaderless, false)) watch_leaderless();
  if (is_empty(track, id)) {
    settle(clock_->now());
  } else if (ended_badly(track.evidence)) {
    told_(track.subject, track.evidence, true);
  }
}

bool ForeignDeaths::goes_on(Track& track, const cgroup::ProcessExit& exit) {
  // A signal takes all of them.
  if (WIFSIGNALED(exit.status) || !has_living_thread("/proc", exit.pid)) return false;
  if (std::exchange(track.leaderless, true)) return true;
  watch_leaderless();
  // The last one may have ended before its end was asked for; then the next look finds it.
  return true;
}

void ForeignDeaths::watch_leaderless() {
  std::vector<pid_t> processes;
  for (const auto& [pid, id] : mains_) {
    if (tracks_.at(id).leaderless) processes.push_back(pid);
  }
  if (const Status watched = connector_.watch_threads(processes); !watched) {
    log::warning("process_connector_threads", {{"error", watched.error().sentence()}});
  }
}

void ForeignDeaths::look_at_leaderless() {
  std::vector<CgroupId> over;
  for (const auto& [pid, id] : mains_) {
    const Track& track = tracks_.at(id);
    if (!track.leaderless || has_living_thread("/proc", pid)) continue;
    // Another thread of it may have become the first one by execve(2).
    const auto state = started(pid) == track.main_started ? state_of_process(pid) : std::nullopt;
    if (!state || *state == 'Z' || *state == 'X') over.push_back(id);
  }
  drain();
  for (const CgroupId id : over) {
    const auto found = tracks_.find(id);
    if (found == tracks_.end() || found->second.ended || !found->second.leaderless) continue;
    Track& track = found->second;
    mains_.erase(track.main_pid);
    track.leaderless = false;
    track.evidence.lost.push_back("process ends: the status of the last thread of pid " +
                                  std::to_string(track.main_pid) + " was not seen");
    end(track, std::nullopt);
  }
  if (!over.empty()) watch_leaderless();
}

void ForeignDeaths::end(Track& track, std::optional<diagnosis::MainExit> exit) {
  const TimePoint now = clock_->now();
  auto& evidence = track.evidence;
  evidence.ended = now;
  evidence.main_exit = exit;
  track.ended = now.boottime;
  for (auto& cgroup : evidence.cgroups) {
    const auto sample = tree_->read_sample(cgroup.path);
    // What was read before the death is no count of it.
    if (!sample || sample->id != cgroup.id) {
      evidence.lost.push_back("counters of " + cgroup.path + ": it was removed too soon");
      continue;
    }
    cgroup.after = moment_of(*sample);
    set_limits(cgroup, *sample);
  }
}

bool ForeignDeaths::is_empty(const Track& track, CgroupId id) const {
  const auto now = tree_->id_of(track.path);
  if (!now || *now != id) return true;
  const auto text = tree_->read(track.path, "cgroup.events");
  return !text || text->find("populated 0") != std::string::npos;
}

void ForeignDeaths::find_oldest_in(std::string_view path, Track& track,
                                   std::optional<Usec>& oldest) const {
  const auto list = tree_->read(path, "cgroup.procs");
  if (!list) return;
  std::size_t looked_at = 0;
  for (const auto line : split(*list, '\n')) {
    if (line.empty() || looked_at++ == limits::kProcessesMeasured) break;
    const auto pid = parse_integer<pid_t>(line);
    const auto start = pid && *pid > 0 ? started(*pid) : std::nullopt;
    if (!start || (oldest && *oldest <= *start)) continue;
    oldest = start;
    track.main_pid = *pid;
  }
}

bool ForeignDeaths::find_main(Track& track, const Scene& scene) {
  std::optional<Usec> oldest;
  find_oldest_in(track.path, track, oldest);
  const auto& samples = scene.snapshot.samples();
  auto at = std::ranges::upper_bound(samples, track.path, {}, &cgroup::Sample::path);
  std::string others;
  std::size_t looked_at = 0;
  const bool below = !oldest;
  for (; below && at != samples.end() && at->path.starts_with(track.path); ++at) {
    if (!diagnosis::path_is_at_or_below(at->path, track.path)) continue;
    if (diagnosis::path_is_at_or_below(at->path, others)) continue;
    const identity::Known* known = scene.identities.find(at->id);
    if (known == nullptr || known->subject || identity::passing_subject_of(known->identity)) {
      others = at->path;
      continue;
    }
    if (looked_at++ == limits::kForeignBegun) break;
    find_oldest_in(at->path, track, oldest);
  }
  if (!oldest) return false;
  track.main_started = *oldest;
  track.evidence.main_parent = parent_of(stat_text_of(track.main_pid)).value_or(-1);
  const TimePoint now = clock_->now();
  const Usec age = now.boottime - std::min(now.boottime, *oldest);
  track.evidence.started = {now.boottime - age, now.wall - age};
  track.evidence.main_pid = track.main_pid;
  track.evidence.outlived = now;
  return true;
}

void ForeignDeaths::begin(const cgroup::Sample& sample, const identity::Subject& subject,
                          const Scene& scene) {
  Track track;
  track.subject = subject;
  track.path = sample.path;
  if (!find_main(track, scene)) return;
  for (std::string_view at = sample.path; !at.empty(); at = cgroup::parent_path(at)) {
    const auto now = tree_->read_sample(at);
    if (!now) return;
    CgroupEvidence cgroup;
    cgroup.path = at;
    cgroup.id = now->id;
    cgroup.before = moment_of(*now);
    cgroup.outlived = cgroup.before;
    set_limits(cgroup, *now);
    track.evidence.cgroups.push_back(std::move(cgroup));
  }
  if (track.evidence.cgroups.front().id != sample.id) return;
  if (sample.memory_events) track.seen_kills = sample.memory_events->oom_kill;
  track.evidence.workload = identity::spoken_name(subject);
  track.evidence.incarnation = count_(subject, sample.id, track.evidence.started.boottime);
  track.round = round_;
  // Of a process that moved from one cgroup to the other, or whose pid went around: the older track
  // has no main process any more.
  if (const auto older = mains_.find(track.main_pid); older != mains_.end()) {
    tracks_.erase(older->second);
    mains_.erase(older);
  }
  // One whose first thread ended before we came.
  track.leaderless =
      state_of_process(track.main_pid) == 'Z' && has_living_thread("/proc", track.main_pid);
  const bool leaderless = track.leaderless;
  mains_[track.main_pid] = sample.id;
  tracks_.emplace(sample.id, std::move(track));
  if (leaderless) watch_leaderless();
}

void ForeignDeaths::rename(Track& track, CgroupId id, const identity::Subject& subject) {
  track.subject = subject;
  track.evidence.workload = identity::spoken_name(subject);
  track.evidence.incarnation = count_(subject, id, track.evidence.started.boottime);
}

bool ForeignDeaths::reread_outlived(Track& track, cgroup::Count kills) {
  if (!launcher::is_unharmed(track.main_pid)) return false;
  std::vector<CgroupEvidence::Moment> moments;
  for (const auto& cgroup : track.evidence.cgroups) {
    const auto fresh = tree_->read_sample(cgroup.path);
    if (!fresh || fresh->id != cgroup.id) return false;
    moments.push_back(moment_of(*fresh));
  }
  if (!launcher::is_unharmed(track.main_pid)) return false;
  for (std::size_t i = 0; i < moments.size(); ++i) {
    track.evidence.cgroups[i].outlived = moments[i];
  }
  track.seen_kills = kills;
  track.above_seen = Usec{0};
  return true;
}

// Limits above are hit for others too: with what they counted weeks ago nothing is explained. None
// of it killed this one if its own counter stood still long after.
void ForeignDeaths::outlive_above(Track& track, const cgroup::Snapshot& snapshot) {
  auto& cgroups = track.evidence.cgroups;
  const Usec now = snapshot.taken().boottime;
  if (track.above_seen > Usec{0} && now < track.above_seen + kDecided) return;
  for (std::size_t i = 1; track.above_seen > Usec{0} && i < cgroups.size(); ++i) {
    auto& known = cgroups[i].outlived.memory_events_local;
    const auto& seen = track.above[i];
    // A sample may be older than what was read at once.
    if (known && seen && diagnosis::rise(known->oom, seen->oom)) known = seen;
  }
  track.above.assign(cgroups.size(), std::nullopt);
  for (std::size_t i = 1; i < cgroups.size(); ++i) {
    const cgroup::Sample* sample = snapshot.find(cgroups[i].path);
    if (sample != nullptr && sample->id == cgroups[i].id) {
      track.above[i] = sample->memory_events_local;
    }
  }
  track.above_seen = now;
}

// What was counted up to now, its main process has outlived, unless it is dying.
void ForeignDeaths::outlive(Track& track, const cgroup::Sample& sample,
                            const cgroup::Snapshot& snapshot) {
  if (track.ended) return;
  const auto kills = sample.memory_events ? sample.memory_events->oom_kill : std::nullopt;
  if (kills != track.seen_kills) {
    if (!reread_outlived(track, kills)) return;
  } else {
    outlive_above(track, snapshot);
  }
  track.evidence.outlived = snapshot.taken();
}

// Those whose processes are in cgroups of their own are looked at again and again: each in its
// turn.
void ForeignDeaths::begin_some(const Fresh& fresh, const Scene& scene) {
  auto at = std::ranges::upper_bound(fresh, begun_, {},
                                     [](const auto& each) { return each.first->path; });
  const std::size_t most = std::min(fresh.size(), limits::kForeignBegun);
  for (std::size_t i = 0; i < most && tracks_.size() < limits::kSubjects; ++i, ++at) {
    if (at == fresh.end()) at = fresh.begin();
    begun_ = at->first->path;
    const auto& known = *at->second;
    if (known.subject) {
      begin(*at->first, *known.subject, scene);
    } else if (const auto by_id = identity::passing_subject_of(known.identity)) {
      begin(*at->first, *by_id, scene);
    }
  }
}

void ForeignDeaths::observe(const cgroup::Snapshot& snapshot, const identity::Table& identities) {
  drain();
  ++round_;
  Fresh fresh;
  for (const auto& sample : snapshot.samples()) {
    const identity::Known* known = identities.find(sample.id);
    if (known == nullptr) continue;
    const bool named = known->subject.has_value();
    if (!named && !identity::passing_subject_of(known->identity)) continue;
    const auto track = tracks_.find(sample.id);
    if (track != tracks_.end()) {
      track->second.round = round_;
      if (named && identity::is_passing(track->second.subject)) {
        rename(track->second, sample.id, *known->subject);
      }
      outlive(track->second, sample, snapshot);
    } else {
      fresh.emplace_back(&sample, known);
    }
  }
  begin_some(fresh, {snapshot, identities});
  look_at_leaderless();
  settle(clock_->now());
}

// Tells of those that ended; those whose cgroup went on without its main process get another one.
void ForeignDeaths::settle(TimePoint now) {
  for (auto at = tracks_.begin(); at != tracks_.end();) {
    Track& track = at->second;
    const bool gone = track.round != round_ && !track.ended;
    if (track.ended && is_empty(track, at->first)) {
      if (ended_badly(track.evidence)) told_(track.subject, std::move(track.evidence), false);
      at = tracks_.erase(at);
    } else if (gone || (track.ended && now.boottime > *track.ended + kEmptied)) {
      // A new track begins with the next tick, should it live.
      if (gone) mains_.erase(track.main_pid);
      at = tracks_.erase(at);
    } else {
      ++at;
    }
  }
}

}  // namespace cgwarden::agent
