#include <set>
#include <string>
#include <string_view>

#include "diagnosis/verdict.h"
#include "exporters/catalog.h"
#include "exporters/escape.h"

namespace cgwarden::exporters {
namespace {

using enum MetricType;

template <auto Counter>
void count(const WorkloadCounters& counters, LineSink& sink) {
  sink.line("", Value::count(counters.*Counter));
}

void deaths(const WorkloadCounters& counters, LineSink& sink) {
  for (const auto& [verdict, value] : counters.deaths) {
    sink.line(label("verdict", diagnosis::to_string(verdict)), Value::count(value));
  }
}

void restarts(const WorkloadCounters& counters, LineSink& sink) {
  for (const auto& [reason, value] : counters.restarts) {
    sink.line(label("reason", reason), Value::count(value));
  }
}

void throttled(const WorkloadCounters& counters, LineSink& sink) {
  sink.line("", Value::seconds(Usec{counters.throttled_usec}));
}

// A name that both expositions take ([a-zA-Z0-9_]), as kube-state-metrics makes it.
std::string label_name(std::string_view name) {
  std::string out = "label_";
  for (const char c : name) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    out += plain ? c : '_';
  }
  return out;
}

void labels_of(const WorkloadCounters& counters, LineSink& sink) {
  std::string labels;
  std::set<std::string> used;
  for (const auto& [key, value] : counters.labels) {
    // "a.b" and "a-b" make the same name; one name twice would make a scraper refuse the page.
    const std::string plain = label_name(key);
    std::string name = plain;
    for (int n = 1; !used.insert(name).second; ++n) name = plain + "_conflict" + std::to_string(n);
    if (!labels.empty()) labels += ',';
    labels += label(name, value);
  }
  sink.line(labels, Value::count(1));
}

void running(const WorkloadCounters& counters, LineSink& sink) {
  sink.line("", Value::count(counters.running ? 1 : 0));
}

void upper(const WorkloadCounters& counters, LineSink& sink) {
  if (counters.upper_bytes) sink.line("", Value::count(*counters.upper_bytes));
}

void healthy(const WorkloadCounters& counters, LineSink& sink) {
  if (counters.healthy) sink.line("", Value::count(*counters.healthy ? 1 : 0));
}

}  // namespace

const std::vector<WorkloadMetric>& workload_metrics() {
  static const std::vector<WorkloadMetric> metrics{
      {{"cgwarden_workload_deaths_total", counter, "",
        "Deaths of the workload's main process by verdict; `cgwarden why` tells the evidence."},
       "verdict",
       deaths},
      {{"cgwarden_workload_oom_kills_total", counter, "",
        "OOM kills in the workload, of its children included. The kill of a group "
        "(memory.oom.group) is one, whatever it killed."},
       "",
       count<&WorkloadCounters::oom_kills>},
      {{"cgwarden_workload_restarts_total", counter, "",
        "Restarts by the restart policy, by what made them necessary."},
       "reason",
       restarts},
      {{"cgwarden_workload_starts_total", counter, "",
        "Starts of the workload, restarts included."},
       "",
       count<&WorkloadCounters::starts>},
      {{"cgwarden_workload_throttled_seconds_total", counter, "seconds",
        "Time held back by cpu.max over all incarnations of the workload."},
       "",
       throttled},
      {{"cgwarden_workload_memory_high_events_total", counter, "",
        "Times memory.high slowed the workload down, over all its incarnations."},
       "",
       count<&WorkloadCounters::memory_high_events>},
      {{"cgwarden_workload_info", MetricType::info, "",
        "1, with the labels of the workload's file; characters that no label may have become _."},
       "label_NAME",
       labels_of},
      {{"cgwarden_workload_healthy", gauge, "",
        "1 while the health check of a running workload passes, 0 while it fails or has not passed "
        "yet."},
       "",
       healthy},
      {{"cgwarden_workload_running", gauge, "", "1 while the workload runs."}, "", running},
      {{"cgwarden_workload_upper_bytes", gauge, "bytes",
        "Disk that the workload has written over its layers or image takes up (st_blocks, as du)."},
       "",
       upper},
  };
  return metrics;
}

}  // namespace cgwarden::exporters
