#include "exporters/catalog.h"
#include "exporters/escape.h"

namespace cgwarden::exporters {
namespace {

using enum MetricType;
using enum identity::Subject::Kind;

template <auto Counter>
void count(const SubjectCounters& counters, LineSink& sink) {
  sink.line("", Value::count(counters.*Counter));
}

void throttled(const SubjectCounters& counters, LineSink& sink) {
  sink.line("", Value::seconds(Usec{counters.throttled_usec}));
}

void deaths(const SubjectCounters& counters, LineSink& sink) {
  for (const auto verdict : diagnosis::all_verdict_classes()) {
    if (!diagnosis::is_of_death(verdict)) continue;
    const std::uint64_t value = counters.deaths.at(static_cast<std::size_t>(verdict));
    if (counters.away && value == 0) continue;
    sink.line(label("verdict", to_string(verdict)), Value::count(value));
  }
}

template <auto Counts, const auto& Reasons>
void by_reason(const SubjectCounters& counters, LineSink& sink) {
  for (std::size_t i = 0; i < Reasons.size(); ++i) {
    const std::uint64_t value = (counters.*Counts).at(i);
    if (counters.away && value == 0) continue;
    sink.line(label("reason", Reasons.at(i)), Value::count(value));
  }
}

}  // namespace

const Metric& block_device_metric() {
  static constexpr Metric metric{
      "cgwarden_block_device_info", info, "",
      "The name that a device of the io families has now, to be joined by instance and device."};
  return metric;
}

std::string device_labels(const identity::DeviceNames::value_type& device) {
  const auto& [numbers, name] = device;
  return label("device", std::to_string(numbers.first) + ":" + std::to_string(numbers.second)) +
         "," + label("name", name);
}

std::string subject_labels(const identity::Subject& subject) {
  const bool unit = subject.kind == identity::Subject::Kind::unit;
  std::string labels = label(unit ? "unit" : "container", subject.name);
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) labels += "," + label(name, value);
  };
  if (subject.owner) add("uid", std::to_string(*subject.owner));
  add("runtime", subject.runtime);
  add("pod", subject.pod);
  add("namespace", subject.pod_namespace);
  return labels;
}

const std::vector<SubjectMetric>& subject_metrics() {
  static const std::vector<SubjectMetric> metrics{
      {{"cgwarden_unit_starts_total", counter, "",
        "Cgroups that the unit had since the agent first saw it: its starts."},
       unit,
       "",
       count<&SubjectCounters::starts>},
      {{"cgwarden_unit_oom_kills_total", counter, "",
        "OOM kills in the unit over all its cgroups (memory.events, or the kernel's OOM events "
        "where "
        "these tell of more)."},
       unit,
       "",
       count<&SubjectCounters::oom_kills>},
      {{"cgwarden_unit_throttled_seconds_total", counter, "seconds",
        "Time the unit was held back by cpu.max over all its cgroups."},
       unit,
       "",
       throttled},
      {{"cgwarden_unit_memory_high_events_total", counter, "",
        "Times memory.high slowed the unit down, over all its cgroups."},
       unit,
       "",
       count<&SubjectCounters::memory_high_events>},
      {{"cgwarden_unit_deaths_total", counter, "",
        "Runs of the service that ended, by verdict (the runbook has them all), while an agent "
        "ran; those that were stopped as asked are STOPPED."},
       unit,
       "verdict",
       deaths},
      {{"cgwarden_unit_restarts_total", counter, "",
        "Automatic restarts of the service by systemd's Result of the run before."},
       unit,
       "reason",
       by_reason<&SubjectCounters::restarts, kUnitResults>},
      {{"cgwarden_container_starts_total", counter, "",
        "Cgroups that the container had since the agent first saw its name: its starts."},
       container,
       "",
       count<&SubjectCounters::starts>},
      {{"cgwarden_container_oom_kills_total", counter, "",
        "OOM kills in the container over all its cgroups (memory.events, or the kernel's OOM "
        "events "
        "where these tell of more)."},
       container,
       "",
       count<&SubjectCounters::oom_kills>},
      {{"cgwarden_container_throttled_seconds_total", counter, "seconds",
        "Time the container was held back by cpu.max over all its cgroups."},
       container,
       "",
       throttled},
      {{"cgwarden_container_memory_high_events_total", counter, "",
        "Times memory.high slowed the container down, over all its cgroups."},
       container,
       "",
       count<&SubjectCounters::memory_high_events>},
      {{"cgwarden_container_deaths_total", counter, "",
        "Cgroups of the container that ended while an agent ran, by verdict (the runbook has them "
        "all); without the process connector all but OOM kills are UNKNOWN."},
       container,
       "verdict",
       deaths},
      {{"cgwarden_container_restarts_total", counter, "",
        "Times the container came again with another cgroup in the same boot, by how its run "
        "before "
        "ended: exit, signal, oom, or unknown where no verdict tells."},
       container,
       "reason",
       by_reason<&SubjectCounters::container_restarts, kContainerRestartReasons>},
  };
  return metrics;
}

}  // namespace cgwarden::exporters
