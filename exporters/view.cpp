#include "exporters/view.h"

namespace cgwarden::exporters {

WorkloadCounters WorkloadCounters::at_birth() const {
  WorkloadCounters counters = *this;
  counters.starts = counters.oom_kills = 0;
  counters.throttled_usec = counters.memory_high_events = 0;
  for (auto& [verdict, count] : counters.deaths) count = 0;
  for (auto& [reason, count] : counters.restarts) count = 0;
  return counters;
}

SubjectCounters SubjectCounters::at_birth() const { return {.subject = subject, .born = born}; }

}  // namespace cgwarden::exporters
