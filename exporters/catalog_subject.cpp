#include "exporters/catalog.h"
#include "exporters/escape.h"

namespace cgwarden::exporters {
namespace {

using enum MetricType;
using enum identity::Subject::Kind;

template <auto Counter>
Value count(const SubjectCounters& counters) {
  return Value::count(counters.*Counter);
}

Value throttled(const SubjectCounters& counters) {
  return Value::seconds(Usec{counters.throttled_usec});
}

}  // namespace

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
       count<&SubjectCounters::starts>},
      {{"cgwarden_unit_oom_kills_total", counter, "",
        "OOM kills in the unit over all its cgroups (memory.events)."},
       unit,
       count<&SubjectCounters::oom_kills>},
      {{"cgwarden_unit_throttled_seconds_total", counter, "seconds",
        "Time the unit was held back by cpu.max over all its cgroups."},
       unit,
       throttled},
      {{"cgwarden_unit_memory_high_events_total", counter, "",
        "Times memory.high slowed the unit down, over all its cgroups."},
       unit,
       count<&SubjectCounters::memory_high_events>},
      {{"cgwarden_container_starts_total", counter, "",
        "Cgroups that the container had since the agent first saw its name: its starts."},
       container,
       count<&SubjectCounters::starts>},
      {{"cgwarden_container_oom_kills_total", counter, "",
        "OOM kills in the container over all its cgroups (memory.events)."},
       container,
       count<&SubjectCounters::oom_kills>},
      {{"cgwarden_container_throttled_seconds_total", counter, "seconds",
        "Time the container was held back by cpu.max over all its cgroups."},
       container,
       throttled},
      {{"cgwarden_container_memory_high_events_total", counter, "",
        "Times memory.high slowed the container down, over all its cgroups."},
       container,
       count<&SubjectCounters::memory_high_events>},
  };
  return metrics;
}

}  // namespace cgwarden::exporters
