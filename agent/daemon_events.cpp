// Daemon: what happened on the node, told to the store, the bus, the log and the metrics.
#include <algorithm>
#include <cstddef>
#include <utility>

#include "identity/identity.h"
#include "identity/subject.h"

#include "agent/daemon.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

using diagnosis::Event;
using diagnosis::EventKind;

// The id of a path, unless the path is of one that lives and of one that went a moment ago.
std::optional<CgroupId> only_id_of(const cgroup::Snapshot& snapshot, const std::string& path) {
  std::optional<CgroupId> id;
  if (const auto* sample = snapshot.find(path)) id = sample->id;
  for (const auto* list : {&snapshot.gone(), &snapshot.ended()}) {
    for (const auto& sample : *list) {
      if (sample.path != path) continue;
      if (id && *id != sample.id) return std::nullopt;
      id = sample.id;
    }
  }
  return id;
}

}  // namespace

void Daemon::identify(Event& event) {
  if (event.cgroup.empty()) return;
  if (!event.id && last_snapshot_) event.id = only_id_of(*last_snapshot_, event.cgroup);
  const auto table = identification_.table();
  const identity::Known* known = event.id ? table->find(*event.id) : nullptr;
  const identity::Identity identity = known ? known->identity : identity::of_path(event.cgroup);
  // Who tells of it may know it by name where the path has but an id.
  const auto take = [](std::string& name, const std::string& found) {
    if (name.empty()) name = found;
  };
  take(event.unit, identity.unit);
  take(event.container, identity.container.empty() ? identity.container_id : identity.container);
  take(event.pod, identity.pod);
  take(event.pod_namespace, identity.pod_namespace);
  for (std::string_view path = event.cgroup; event.workload.empty() && !path.empty();
       path = cgroup::parent_path(path)) {
    const auto workload = workload_of_cgroup_.find(std::string(path));
    if (workload != workload_of_cgroup_.end()) event.workload = workload->second;
  }
}

void Daemon::tell(Event event) {
  if (event.when.wall == Usec{0}) event.when = clock_.now();
  identify(event);
  events_->tell(std::move(event));
}

void Daemon::tell_of_agent(EventKind kind, const std::string& text) {
  tell({.kind = kind, .text = text});
}

void Daemon::observe_events(const cgroup::Snapshot& snapshot) {
  for (const auto& change : freeze_watch_.observe(snapshot)) {
    const EventKind kind = change.frozen ? EventKind::frozen : EventKind::thawed;
    const std::string name = change.frozen ? "cgroup_frozen" : "cgroup_thawed";
    log::event(log::Level::info, name, {{"cgroup", printable(change.path)}}, message_id(kind));
    tell({.kind = kind,
          .when = snapshot.taken(),
          .cgroup = change.path,
          .id = change.id,
          .text = change.frozen ? "all of its processes stand still (cgroup.freeze)"
                                : "its processes go on"});
  }
  for (const auto& found : oom_without_victim_.observe(snapshot)) {
    log::event(log::Level::warning, "oom_no_victim",
               {{"cgroup", printable(found.path)}, {"times", std::to_string(found.times)}},
               message_id(EventKind::oom_no_victim));
    tell({.kind = EventKind::oom_no_victim,
          .when = snapshot.taken(),
          .cgroup = found.path,
          .id = found.id,
          .numbers = {{"times", found.times}},
          .text = "its memory limit, or one below it, was hit " + std::to_string(found.times) +
                  " times (memory.events oom) and no process was killed: none may be, or the one "
                  "that was chosen cannot die"});
  }
}

// As memory.events is hierarchical: of those above the cgroup, too.
void Daemon::count_oom_kill(std::string_view cgroup) {
  const auto table = identification_.table();
  const TimePoint now = clock_.now();
  for (std::string_view path = cgroup; !path.empty(); path = cgroup::parent_path(path)) {
    const auto id = last_snapshot_ ? only_id_of(*last_snapshot_, std::string(path)) : std::nullopt;
    const identity::Known* known = id ? table->find(*id) : nullptr;
    const auto subject =
        known != nullptr ? known->subject : identity::subject_of(identity::of_path(path));
    if (subject) subjects_.oom_killed(*subject, now);
  }
}

void Daemon::oom_happened(const diagnosis::OomIncident& incident) {
  if (incident.attributed) count_oom_kill(incident.cgroup);
  node_book_.add(incident);
  // What counters alone tell may be of the run before.
  if (!incident.victims.empty()) run_ends_.add(incident);
  tell(event_of(incident, clock_.now()));
}

void Daemon::policy_changed(EventKind kind, const PolicyChange& change) {
  if (kind == EventKind::policy_write) {
    policy_writes_.push_back({change.cgroup, change.text, clock_.now().boottime});
    if (policy_writes_.size() > limits::kPolicyWritesKept) policy_writes_.pop_front();
  }
  tell({.kind = kind, .cgroup = change.cgroup, .text = change.text});
}

// Of the cgroup that it was in, and of those above it.
void Daemon::add_policy_writes(diagnosis::DeathEvidence& evidence) const {
  // As the limits in force are told with a death, so is who set them lately.
  constexpr Usec kTold{600'000'000};
  for (const auto& write : policy_writes_) {
    const bool lately = write.boottime <= evidence.ended.boottime &&
                        write.boottime + kTold >= evidence.ended.boottime;
    const bool above = std::ranges::any_of(
        evidence.cgroups, [&](const auto& cgroup) { return cgroup.path == write.cgroup; });
    if (lately && above) evidence.policy_writes.push_back(write);
  }
  const std::size_t told = evidence.policy_writes.size();
  if (told > limits::kPolicyWritesTold) {
    evidence.policy_writes.erase(
        evidence.policy_writes.begin(),
        evidence.policy_writes.end() - static_cast<std::ptrdiff_t>(limits::kPolicyWritesTold));
  }
}

void Daemon::pressure_fired(const PressureWatch::Fired& fired) {
  const auto& threshold = fired.threshold;
  const std::string over =
      human_duration(threshold.stall) + " in " + human_duration(threshold.window);
  log::event(log::Level::info, "pressure",
             {{"cgroup", printable(fired.path)},
              {"policy", fired.policy},
              {"resource", threshold.resource},
              {"line", threshold.line},
              {"over", over}},
             message_id(EventKind::pressure));
  tell({.kind = EventKind::pressure,
        .cgroup = fired.path,
        .id = fired.id,
        .numbers = {{"stall_usec", threshold.stall.count()},
                    {"times", fired.times},
                    {"window_usec", threshold.window.count()}},
        .text = threshold.resource + ".pressure " + threshold.line + " was over " + over +
                ", as policy " + fired.policy + " asks to be told" +
                (fired.times > 1 ? "; " + std::to_string(fired.times) + " times since it was told"
                                 : "")});
}

void Daemon::tell_of_death(const diagnosis::Verdict& verdict, const std::string& payload) {
  tell({.kind = EventKind::death,
        .when = verdict.when,
        .cgroup = payload,
        .workload = verdict.workload,
        .verdict = std::string(to_string(verdict.verdict)),
        .numbers = {{"incarnation", verdict.incarnation}},
        .text = verdict.answer});
}

}  // namespace cgwarden::agent
