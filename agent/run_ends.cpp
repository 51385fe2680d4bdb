#include "agent/run_ends.h"

#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "base/limits.h"

namespace cgwarden::agent {
namespace {

// How long an OOM kill may be before the end that it caused: systemd stops the rest of a unit for
// up to 90 s.
constexpr Usec kIncidentsKept{180'000'000};
// From the kill to the removal of the container's cgroup.
constexpr Usec kContainerGoes{30'000'000};

bool is_below(std::string_view path, std::string_view top) {
  return path == top || (path.starts_with(top) && path.substr(top.size()).starts_with('/'));
}

// A process that ended in the time of a run of its unit, and before the next run began.
bool is_of_run(Usec run_started, Usec run_ended, Usec process_started, Usec process_ended) {
  return process_started <= run_ended && process_ended >= run_started &&
         process_ended + RunEnds::kWait >= run_ended;
}

// What was seen of another process, as evidence of the one that systemd calls the main one.
void believe_systemd(const diagnosis::UnitEnd& end, diagnosis::DeathEvidence& evidence) {
  using Kind = diagnosis::MainExit::Kind;
  if (end.code == 0 || end.main_pid <= 0) return;
  const bool same = end.main_pid == evidence.main_pid;
  if (same && evidence.main_exit) return;
  const Kind kind = end.code == CLD_EXITED   ? Kind::exited
                    : end.code == CLD_DUMPED ? Kind::dumped
                                             : Kind::killed;
  evidence.main_exit = diagnosis::MainExit{kind, end.status};
  if (same) return;
  evidence.main_pid = end.main_pid;
  evidence.main_parent = evidence.parent_at_end = -1;
  evidence.signals = {};
  // It was alive then, but perhaps no more than that.
  constexpr Usec kDying{2'000'000};
  if (evidence.outlived && evidence.outlived->boottime + kDying > end.ended) {
    evidence.outlived.reset();
  }
}

const diagnosis::OomIncident* oom_of_container(
    const ContainerEnd& end, const std::vector<diagnosis::OomIncident>& incidents) {
  const diagnosis::OomIncident* found = nullptr;
  for (const auto& incident : incidents) {
    const bool in_time =
        incident.boottime <= end.ended && incident.boottime + kContainerGoes >= end.ended;
    if (incident.attributed && in_time && is_below(incident.cgroup, end.path)) found = &incident;
  }
  return found;
}

RunEnds::Decided decide(const ContainerEnd& end, const diagnosis::OomIncident* incident,
                        const RunEnds::Records& records) {
  RunEnds::Decided decided{.subject = end.subject,
                           .evidence = {},
                           .unit = {},
                           .answer = {},
                           .cgroup = end.path,
                           .ended = end.ended};
  if (incident == nullptr) {
    decided.answer.text = end.subject.name + " ended; its runtime knows how";
    return decided;
  }
  const Usec slack{1'000'000};
  const Usec from = incident->boottime > slack ? incident->boottime - slack : Usec{0};
  decided.answer.verdict =
      diagnosis::limit_of(*incident, records(from, incident->boottime + slack),
                          [&](const std::string& owner) { return is_below(owner, end.path); });
  decided.answer.text = end.subject.name + " ended after an OOM kill in its cgroup";
  return decided;
}

RunEnds::Decided decide(const identity::Subject& subject, diagnosis::DeathEvidence evidence) {
  RunEnds::Decided decided{.subject = subject,
                           .evidence = {},
                           .unit = evidence.unit_end,
                           .answer = {},
                           .cgroup = {},
                           .ended = evidence.ended.boottime};
  if (!evidence.cgroups.empty()) decided.cgroup = evidence.cgroups.front().path;
  decided.evidence = std::move(evidence);
  return decided;
}

}  // namespace

void RunEnds::add(const diagnosis::OomIncident& incident) {
  if (!incident.attributed) return;
  if (incidents_.size() >= limits::kOomPending) incidents_.erase(incidents_.begin());
  incidents_.push_back(incident);
}

void RunEnds::ended(const identity::Subject& unit, const diagnosis::UnitEnd& end) {
  const auto known = std::ranges::find_if(told_, [&](const Told& told) {
    if (told.subject != unit) return false;
    if (end.main_pid > 0 && told.main_pid == end.main_pid && told.ended + kWait >= end.ended) {
      return true;
    }
    return !told.by_systemd && is_of_run(end.started, end.ended, told.started, told.ended);
  });
  if (known == told_.end()) {
    units_.push_back({unit, end});
  } else {
    known->by_systemd = true;
  }
}

void RunEnds::ended(const ContainerEnd& end) {
  // Once: the next container may have the same path.
  const auto known = std::ranges::find_if(told_, [&](const Told& told) {
    return told.awaits_cgroup && told.subject == end.subject && told.cgroup == end.path;
  });
  if (known != told_.end()) {
    told_.erase(known);
    return;
  }
  containers_.push_back(end);
}

void RunEnds::lingers(const identity::Subject& subject, diagnosis::DeathEvidence evidence) {
  const bool known = std::ranges::any_of(told_, [&](const Told& told) {
    return told.subject == subject && told.main_pid == evidence.main_pid;
  });
  if (known) return;
  deaths_.push_back({subject, std::move(evidence), true});
  if (std::ranges::count_if(deaths_, &Death::lingers) <= std::ptrdiff_t{limits::kUnitEndsPending}) {
    return;
  }
  deaths_.erase(std::ranges::find_if(deaths_, &Death::lingers));
}

void RunEnds::died(const identity::Subject& subject, diagnosis::DeathEvidence evidence) {
  // Those that lingered are gone too.
  std::erase_if(deaths_, [&](const Death& death) {
    return death.lingers && death.subject == subject &&
           death.evidence.main_pid == evidence.main_pid;
  });
  const auto known = std::ranges::find_if(told_, [&](const Told& told) {
    if (told.subject != subject) return false;
    if (told.main_pid > 0 && told.main_pid == evidence.main_pid) return true;
    return told.by_systemd && !told.by_kernel &&
           is_of_run(told.started, told.ended, evidence.started.boottime, evidence.ended.boottime);
  });
  if (known == told_.end()) {
    deaths_.push_back({subject, std::move(evidence)});
  } else {
    known->by_kernel = true;
  }
}

std::deque<RunEnds::Death>::iterator RunEnds::find_death(const Unit& unit) {
  const auto same = std::ranges::find_if(deaths_, [&](const Death& death) {
    return death.subject == unit.subject && death.evidence.main_pid == unit.end.main_pid;
  });
  if (same != deaths_.end()) return same;
  return std::ranges::find_if(deaths_, [&](const Death& death) {
    if (death.subject != unit.subject || death.lingers) return false;
    // It may be the main process of another run, which systemd has told of as well.
    const bool of_other = std::ranges::any_of(units_, [&](const Unit& other) {
      return other.subject == unit.subject && other.end.main_pid == death.evidence.main_pid;
    });
    return !of_other && is_of_run(unit.end.started, unit.end.ended, death.evidence.started.boottime,
                                  death.evidence.ended.boottime);
  });
}

std::optional<diagnosis::DeathEvidence> RunEnds::death_of(const Unit& unit) {
  const auto found = find_death(unit);
  if (found == deaths_.end()) return std::nullopt;
  auto evidence = std::move(found->evidence);
  deaths_.erase(found);
  believe_systemd(unit.end, evidence);
  evidence.unit_end = unit.end;
  return evidence;
}

std::optional<diagnosis::DeathEvidence> RunEnds::death_of(const ContainerEnd& end) {
  const auto found = std::ranges::find_if(deaths_, [&](const Death& death) {
    return death.subject == end.subject && !death.evidence.cgroups.empty() &&
           death.evidence.cgroups.front().path == end.path;
  });
  if (found == deaths_.end()) return std::nullopt;
  auto evidence = std::move(found->evidence);
  deaths_.erase(found);
  return evidence;
}

void RunEnds::take_units(Usec now, const Records& records, std::vector<Decided>& decided) {
  // Over the bound the oldest are decided with what is known.
  std::size_t left = units_.size();
  std::erase_if(units_, [&](const Unit& unit) {
    if (auto evidence = death_of(unit)) {
      --left;
      decided.push_back(decide(unit.subject, *std::move(evidence)));
      return true;
    }
    const auto* incident = oom_of(unit.end, incidents_);
    const bool full = left > limits::kUnitEndsPending;
    if (incident == nullptr && may_be_oom(unit.end) && now < unit.end.ended + kWait && !full) {
      return false;
    }
    --left;
    const auto known = incident != nullptr ? records(unit.end.started, unit.end.ended)
                                           : std::vector<diagnosis::OomRecord>();
    decided.push_back({.subject = unit.subject,
                       .evidence = {},
                       .unit = unit.end,
                       .answer = unit_verdict(unit.end, incident, known),
                       .cgroup = incident != nullptr ? incident->cgroup : "",
                       .ended = unit.end.ended});
    return true;
  });
}

void RunEnds::take_containers(Usec now, const Records& records, std::vector<Decided>& decided) {
  std::size_t left = containers_.size();
  std::erase_if(containers_, [&](const ContainerEnd& end) {
    const auto* incident = oom_of_container(end, incidents_);
    auto evidence = death_of(end);
    const bool full = left > limits::kUnitEndsPending;
    if (!evidence && incident == nullptr && now < end.ended + kWait && !full) return false;
    --left;
    decided.push_back(evidence ? decide(end.subject, *std::move(evidence))
                               : decide(end, incident, records));
    // The next container of that path did not die of it.
    if (incident != nullptr) incidents_.erase(incidents_.begin() + (incident - incidents_.data()));
    return true;
  });
}

// Those of which nobody else tells.
void RunEnds::take_deaths(Usec now, std::vector<Decided>& decided) {
  auto left = static_cast<std::size_t>(
      std::ranges::count_if(deaths_, [](const Death& death) { return !death.lingers; }));
  std::erase_if(deaths_, [&](Death& death) {
    if (death.lingers) return death.evidence.ended.boottime + kIncidentsKept < now;
    const bool of_unit = death.subject.kind == identity::Subject::Kind::unit;
    const bool waits = of_unit && systemd_tells_ && left <= limits::kUnitEndsPending &&
                       now < death.evidence.ended.boottime + kWait;
    if (waits) return false;
    --left;
    decided.push_back(decide(death.subject, std::move(death.evidence)));
    decided.back().awaits_cgroup = !of_unit;
    return true;
  });
}

void RunEnds::remember(const Decided& decided) {
  Told told{.subject = decided.subject,
            .cgroup = decided.cgroup,
            .awaits_cgroup = decided.awaits_cgroup,
            .ended = decided.ended,
            .by_systemd = decided.unit.has_value(),
            .by_kernel = decided.evidence.has_value()};
  if (decided.evidence) {
    told.main_pid = decided.evidence->main_pid;
    told.started = decided.evidence->started.boottime;
  } else if (decided.unit) {
    told.main_pid = decided.unit->main_pid;
    told.started = decided.unit->started;
  }
  told_.push_back(std::move(told));
  if (told_.size() > limits::kOomPending) told_.pop_front();
}

std::vector<RunEnds::Decided> RunEnds::take(Usec now, const Records& records) {
  std::vector<Decided> decided;
  take_units(now, records, decided);
  take_containers(now, records, decided);
  take_deaths(now, decided);
  for (const auto& end : decided) remember(end);
  std::erase_if(incidents_,
                [&](const auto& incident) { return incident.boottime + kIncidentsKept < now; });
  std::erase_if(told_, [&](const Told& told) { return told.ended + kIncidentsKept < now; });
  return decided;
}

}  // namespace cgwarden::agent
