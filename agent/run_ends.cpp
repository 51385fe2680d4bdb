#include "agent/run_ends.h"

#include <algorithm>
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
  RunEnds::Decided decided{
      .subject = end.subject, .answer = {}, .cgroup = end.path, .ended = end.ended};
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

}  // namespace

void RunEnds::add(const diagnosis::OomIncident& incident) {
  if (!incident.attributed) return;
  if (incidents_.size() >= limits::kOomPending) incidents_.erase(incidents_.begin());
  incidents_.push_back(incident);
}

void RunEnds::ended(const identity::Subject& unit, const diagnosis::UnitEnd& end) {
  units_.push_back({unit, end});
}

void RunEnds::ended(const ContainerEnd& end) { containers_.push_back(end); }

std::vector<RunEnds::Decided> RunEnds::take(Usec now, const Records& records) {
  std::vector<Decided> decided;
  // Over the bound the oldest are decided with what is known.
  std::size_t left = units_.size();
  std::erase_if(units_, [&](const Unit& unit) {
    const auto* incident = oom_of(unit.end, incidents_);
    const bool full = left > limits::kUnitEndsPending;
    if (incident == nullptr && may_be_oom(unit.end) && now < unit.end.ended + kWait && !full) {
      return false;
    }
    --left;
    const auto known = incident != nullptr ? records(unit.end.started, unit.end.ended)
                                           : std::vector<diagnosis::OomRecord>();
    decided.push_back({.subject = unit.subject,
                       .answer = unit_verdict(unit.end, incident, known),
                       .cgroup = incident != nullptr ? incident->cgroup : "",
                       .ended = unit.end.ended,
                       .code = unit.end.code,
                       .status = unit.end.status});
    return true;
  });
  left = containers_.size();
  std::erase_if(containers_, [&](const ContainerEnd& end) {
    const auto* incident = oom_of_container(end, incidents_);
    const bool full = left > limits::kUnitEndsPending;
    if (incident == nullptr && now < end.ended + kWait && !full) return false;
    --left;
    decided.push_back(decide(end, incident, records));
    // The next container of that path did not die of it.
    if (incident != nullptr) incidents_.erase(incidents_.begin() + (incident - incidents_.data()));
    return true;
  });
  std::erase_if(incidents_,
                [&](const auto& incident) { return incident.boottime + kIncidentsKept < now; });
  return decided;
}

}  // namespace cgwarden::agent
