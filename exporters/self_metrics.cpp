#include "exporters/self_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "exporters/catalog.h"
#include "exporters/escape.h"
#include "exporters/family_text.h"

namespace cgwarden::exporters {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

const Metric& entry(std::string_view name) {
  const auto& all = agent_metrics();
  return *std::find_if(all.begin(), all.end(), [&](const auto& m) { return m.name == name; });
}

// Registers the family under its catalog entry: BuildCounter and its siblings differ only in type.
template <typename Builder>
auto& family(Builder builder, prometheus::Registry& registry, std::string_view name) {
  const Metric& metric = entry(name);
  return builder.Name(std::string(metric.name)).Help(std::string(metric.help)).Register(registry);
}

double in_seconds(Usec duration) { return static_cast<double>(duration.count()) / 1e6; }

const Histogram::BucketBoundaries kTickBuckets{0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5};
const Histogram::BucketBoundaries kScrapeBuckets{0.0005, 0.002, 0.01, 0.05, 0.1, 0.5, 1, 5};

// One sample line; `suffix` is _bucket, _sum, _count or "".
void append_sample(std::string& out, const std::string& name, std::string_view suffix,
                   const prometheus::ClientMetric& metric, std::string_view extra, Value value) {
  out += name;
  out += suffix;
  std::string labels;
  for (const auto& [key, text] : metric.label) {
    if (!labels.empty()) labels += ',';
    labels += label(key, text);
  }
  if (!labels.empty() && !extra.empty()) labels += ',';
  labels += extra;
  if (!labels.empty()) out += "{" + labels + "}";
  out += ' ';
  value.append_to(out);
  out += '\n';
}

void append_histogram(std::string& out, const std::string& name,
                      const prometheus::ClientMetric& metric, Exposition exposition) {
  for (const auto& bucket : metric.histogram.bucket) {
    std::string bound;
    Value::real(bucket.upper_bound).append_to(bound);
    // OpenMetrics writes bounds as floats, so that "1" and "1.0" are not two series.
    if (exposition == Exposition::openmetrics_1_0_0 &&
        bound.find_first_of(".eI") == std::string::npos) {
      bound += ".0";
    }
    append_sample(out, name, "_bucket", metric, label("le", bound),
                  Value::count(bucket.cumulative_count));
  }
  append_sample(out, name, "_sum", metric, "", Value::real(metric.histogram.sample_sum));
  append_sample(out, name, "_count", metric, "", Value::count(metric.histogram.sample_count));
}

void append_family(std::string& out, const prometheus::MetricFamily& family,
                   Exposition exposition) {
  if (family.metric.empty()) return;
  append_family_header(out, entry(family.name), exposition);
  for (const auto& metric : family.metric) {
    switch (family.type) {
      case prometheus::MetricType::Counter:
        append_sample(out, family.name, "", metric, "", Value::real(metric.counter.value));
        break;
      case prometheus::MetricType::Histogram:
        append_histogram(out, family.name, metric, exposition);
        break;
      default:
        append_sample(out, family.name, "", metric, "", Value::real(metric.gauge.value));
        break;
    }
  }
}

struct Collector {
  Counter* duration = nullptr;
  Counter* runs = nullptr;
};

prometheus::Labels of_collector(std::string_view collector) {
  return {{"collector", std::string(collector)}};
}

constexpr std::array<std::string_view, 3> kDiscoveryKinds{"fanotify", "inotify", "polling"};
constexpr std::array<std::string_view, 3> kPressureResources{"cpu", "memory", "io"};
constexpr std::array<std::string_view, 2> kPressureLines{"some", "full"};

}  // namespace

struct SelfMetrics::Impl {
  static prometheus::Family<Counter>& counters(prometheus::Registry& registry,
                                               std::string_view name) {
    return family(prometheus::BuildCounter(), registry, name);
  }
  static Gauge& gauge(prometheus::Registry& registry, std::string_view name) {
    return family(prometheus::BuildGauge(), registry, name).Add({});
  }
  static Histogram& histogram(prometheus::Registry& registry, std::string_view name,
                              const Histogram::BucketBoundaries& buckets) {
    return family(prometheus::BuildHistogram(), registry, name).Add({}, buckets);
  }

  static prometheus::Family<Gauge>& gauges(prometheus::Registry& registry, std::string_view name) {
    return family(prometheus::BuildGauge(), registry, name);
  }
  static std::array<Collector, kCollectors.size()> make_collectors(prometheus::Registry& registry) {
    auto& durations = counters(registry, "cgwarden_agent_collector_duration_seconds_total");
    auto& runs = counters(registry, "cgwarden_agent_collector_runs_total");
    std::array<Collector, kCollectors.size()> made;
    for (std::size_t i = 0; i < made.size(); ++i) {
      const prometheus::Labels labels = of_collector(kCollectors.at(i));
      made.at(i) = {&durations.Add(labels), &runs.Add(labels)};
    }
    return made;
  }
  static std::array<Gauge*, kCollectorsOfTicks.size()> make_in_use(prometheus::Registry& registry) {
    auto& in_use = gauges(registry, "cgwarden_agent_collector_in_use");
    std::array<Gauge*, kCollectorsOfTicks.size()> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      made.at(i) = &in_use.Add(of_collector(kCollectorsOfTicks.at(i)));
    }
    return made;
  }
  static std::array<Gauge*, kEventSourceNames.size()> make_event_sources(
      prometheus::Registry& registry) {
    auto& sources = gauges(registry, "cgwarden_agent_event_source_working");
    std::array<Gauge*, kEventSourceNames.size()> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      made.at(i) = &sources.Add({{"source", std::string(kEventSourceNames.at(i))}});
    }
    return made;
  }
  // Of the files that are read: of no group, and of `groups`.
  void add_read_errors(cgroup::FileGroups groups) {
    for (std::size_t i = 0; i < read_errors.size(); ++i) {
      const bool is_file = i < cgroup::kSampledFiles;
      if (is_file && !cgroup::sampled_files()[i].wanted(groups)) continue;
      const std::string file(is_file ? cgroup::sampled_files()[i].name : "directory");
      for (const auto fault : cgroup::kAllReadFaults) {
        read_errors.at(i).at(static_cast<std::size_t>(fault)) =
            &read_errors_family.Add({{"file", file}, {"kind", std::string(to_string(fault))}});
      }
    }
  }
  static std::array<Counter*, cgroup::kDropReasons> make_drops(prometheus::Registry& registry) {
    auto& drops = counters(registry, "cgwarden_agent_cgroups_dropped_total");
    std::array<Counter*, cgroup::kDropReasons> made{};
    for (const auto reason : cgroup::kAllDropReasons) {
      made.at(static_cast<std::size_t>(reason)) =
          &drops.Add({{"reason", std::string(to_string(reason))}});
    }
    return made;
  }
  static std::array<Gauge*, kDiscoveryKinds.size()> make_discovery(prometheus::Registry& registry) {
    auto& kinds = gauges(registry, "cgwarden_agent_discovery");
    std::array<Gauge*, kDiscoveryKinds.size()> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      made.at(i) = &kinds.Add({{"kind", std::string(kDiscoveryKinds.at(i))}});
    }
    return made;
  }
  static std::vector<Counter*> make_events(prometheus::Registry& registry) {
    auto& events = counters(registry, "cgwarden_agent_events_total");
    std::vector<Counter*> made;
    for (const auto kind : diagnosis::all_event_kinds()) {
      made.push_back(&events.Add({{"kind", std::string(to_string(kind))}}));
    }
    return made;
  }
  static std::array<Counter*, kAdaptReasons.size()> make_adapt_decisions(
      prometheus::Registry& registry) {
    auto& decisions = counters(registry, "cgwarden_agent_policy_adapt_decisions_total");
    std::array<Counter*, kAdaptReasons.size()> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      made.at(i) = &decisions.Add({{"loop", std::string(kAdaptReasons.at(i).loop)},
                                   {"reason", std::string(kAdaptReasons.at(i).reason)}});
    }
    return made;
  }
  static std::array<Counter*, kPressureResources.size() * kPressureLines.size()> make_fired(
      prometheus::Registry& registry) {
    auto& fired = counters(registry, "cgwarden_agent_pressure_fired_total");
    std::array<Counter*, kPressureResources.size() * kPressureLines.size()> made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      made.at(i) =
          &fired.Add({{"resource", std::string(kPressureResources.at(i / kPressureLines.size()))},
                      {"kind", std::string(kPressureLines.at(i % kPressureLines.size()))}});
    }
    return made;
  }

  prometheus::Registry registry;
  Gauge& build = family(prometheus::BuildGauge(), registry, "cgwarden_build_info")
                     .Add({{"version", CGWARDEN_VERSION}, {"compiler", __VERSION__}});
  Histogram& tick_duration =
      histogram(registry, "cgwarden_agent_tick_duration_seconds", kTickBuckets);
  Gauge& cgroups = gauge(registry, "cgwarden_agent_cgroups");
  Gauge& cgroups_dropped = gauge(registry, "cgwarden_agent_cgroups_left_out");
  std::array<Collector, kCollectors.size()> collectors = make_collectors(registry);
  prometheus::Family<Gauge>& collector_success =
      gauges(registry, "cgwarden_agent_collector_success");
  std::array<Gauge*, kCollectorsOfTicks.size()> collector_in_use = make_in_use(registry);
  prometheus::Family<Counter>& read_errors_family =
      counters(registry, "cgwarden_agent_read_errors_total");
  std::array<std::array<Counter*, cgroup::kReadFaults>, cgroup::kSampledFiles + 1> read_errors{};
  std::array<Counter*, cgroup::kDropReasons> dropped = make_drops(registry);
  std::array<Gauge*, kDiscoveryKinds.size()> discovery = make_discovery(registry);
  Gauge& sampling_interval = gauge(registry, "cgwarden_agent_sampling_interval_seconds");
  Gauge& kept_files = gauge(registry, "cgwarden_agent_kept_files");
  Gauge& unreadable_files = gauge(registry, "cgwarden_agent_unreadable_files");
  Gauge& workloads = gauge(registry, "cgwarden_agent_workloads_running");
  prometheus::Family<Counter>& reloads = counters(registry, "cgwarden_agent_policy_reloads_total");
  Counter& reloads_succeeded = reloads.Add({{"result", "success"}});
  Counter& reloads_failed = reloads.Add({{"result", "failure"}});
  Gauge& last_reload_successful = gauge(registry, "cgwarden_agent_policy_last_reload_successful");
  prometheus::Family<Counter>& writes = counters(registry, "cgwarden_agent_policy_writes_total");
  Counter& writes_succeeded = writes.Add({{"result", "success"}});
  Counter& writes_failed = writes.Add({{"result", "failure"}});
  prometheus::Family<Gauge>& pending = gauges(registry, "cgwarden_agent_policy_pending_writes");
  Gauge& writes_planned = pending.Add({{"state", "planned"}});
  Gauge& writes_refused = pending.Add({{"state", "failed"}});
  Gauge& writes_skipped = pending.Add({{"state", "skipped"}});
  Gauge& writes_deferred = pending.Add({{"state", "deferred"}});
  Counter& drift_found = counters(registry, "cgwarden_agent_policy_drift_found_total").Add({});
  Counter& drift_repaired =
      counters(registry, "cgwarden_agent_policy_drift_repaired_total").Add({});
  std::array<Counter*, kAdaptReasons.size()> adapt_decisions = make_adapt_decisions(registry);
  Counter& kills_failed = counters(registry, "cgwarden_agent_policy_kills_failed_total").Add({});
  Gauge& adapted_cgroups = gauge(registry, "cgwarden_agent_policy_adapted_cgroups");
  Gauge& oom_forecasts = gauge(registry, "cgwarden_agent_policy_oom_forecasts");
  Gauge& oom_forecast_seconds = gauge(registry, "cgwarden_agent_policy_oom_forecast_seconds");
  Counter& store_errors = counters(registry, "cgwarden_agent_store_errors_total").Add({});
  Gauge& verdicts_waiting = gauge(registry, "cgwarden_agent_verdicts_waiting");
  Counter& verdicts_dropped = counters(registry, "cgwarden_agent_verdicts_dropped_total").Add({});
  Counter& recorded_samples = counters(registry, "cgwarden_agent_recorder_samples_total").Add({});
  prometheus::Family<Counter>& recorder_drops =
      counters(registry, "cgwarden_agent_recorder_dropped_samples_total");
  Counter& dropped_by_cap = recorder_drops.Add({{"reason", "cap"}});
  Counter& dropped_by_ring = recorder_drops.Add({{"reason", "ring"}});
  Counter& dropped_by_disk = recorder_drops.Add({{"reason", "disk"}});
  Gauge& recorder_bytes = gauge(registry, "cgwarden_agent_recorder_bytes");
  Counter& kmsg_lost = counters(registry, "cgwarden_agent_kmsg_lost_records_total").Add({});
  Counter& kmsg_dropped = counters(registry, "cgwarden_agent_kmsg_dropped_lines_total").Add({});
  Counter& identity_errors = counters(registry, "cgwarden_agent_identity_errors_total").Add({});
  Counter& subjects_dropped = counters(registry, "cgwarden_agent_subjects_dropped_total").Add({});
  prometheus::Family<Counter>& node_ooms = counters(registry, "cgwarden_node_oom_kills_total");
  Counter& ooms_attributed = node_ooms.Add({{"attributed", "yes"}});
  Counter& ooms_unattributed = node_ooms.Add({{"attributed", "no"}});
  Counter& oom_victims = counters(registry, "cgwarden_node_oom_victims_total").Add({});
  Gauge& oom_trace_working = gauge(registry, "cgwarden_agent_oom_trace_working");
  Counter& oom_trace_lost =
      counters(registry, "cgwarden_agent_oom_trace_lost_events_total").Add({});
  Counter& oom_trace_malformed =
      counters(registry, "cgwarden_agent_oom_trace_malformed_lines_total").Add({});
  std::vector<Counter*> events = make_events(registry);  // by EventKind
  Counter& events_dropped = counters(registry, "cgwarden_agent_events_dropped_total").Add({});
  Gauge& pressure_triggers = gauge(registry, "cgwarden_agent_pressure_triggers");
  std::array<Counter*, kPressureResources.size() * kPressureLines.size()> pressure_fired =
      make_fired(registry);
  Gauge& unit_watch_working = gauge(registry, "cgwarden_agent_unit_watch_working");
  std::array<Gauge*, kEventSourceNames.size()> event_sources = make_event_sources(registry);
  Histogram& scrape_duration =
      histogram(registry, "cgwarden_agent_scrape_duration_seconds", kScrapeBuckets);
  Counter& scrape_bytes = counters(registry, "cgwarden_agent_scrape_bytes_total").Add({});
};

SelfMetrics::SelfMetrics() : impl_(std::make_unique<Impl>()) {
  policy_oom_forecasts(0, std::nullopt);
  impl_->add_read_errors({});
  impl_->build.Set(1);
  for (const auto collector : kCollectors) {
    if (collector != "bpf") impl_->collector_success.Add(of_collector(collector)).Set(1);
  }
  // No policy directory is no failure; the first reload decides.
  impl_->last_reload_successful.Set(1);
}

SelfMetrics::~SelfMetrics() = default;

void SelfMetrics::tick(Usec duration, std::size_t cgroups, std::size_t dropped,
                       std::size_t unreadable_files) {
  impl_->tick_duration.Observe(in_seconds(duration));
  impl_->cgroups.Set(static_cast<double>(cgroups));
  impl_->cgroups_dropped.Set(static_cast<double>(dropped));
  impl_->unreadable_files.Set(static_cast<double>(unreadable_files));
}

void SelfMetrics::collector_run(std::string_view collector, Usec duration, bool success) {
  const auto* const found = std::ranges::find(kCollectors, collector);
  if (found == kCollectors.end()) return;
  const Collector& counts =
      impl_->collectors.at(static_cast<std::size_t>(found - kCollectors.begin()));
  counts.duration->Increment(in_seconds(duration));
  counts.runs->Increment();
  impl_->collector_success.Add(of_collector(collector)).Set(success ? 1 : 0);
}

void SelfMetrics::collector_off(std::string_view collector) {
  impl_->collector_success.Remove(&impl_->collector_success.Add(of_collector(collector)));
}

void SelfMetrics::collector_in_use(std::string_view collector) {
  for (std::size_t i = 0; i < kCollectorsOfTicks.size(); ++i) {
    impl_->collector_in_use.at(i)->Set(kCollectorsOfTicks.at(i) == collector ? 1 : 0);
  }
}

void SelfMetrics::file_groups(cgroup::FileGroups groups) { impl_->add_read_errors(groups); }

void SelfMetrics::read_errors(std::size_t file, cgroup::ReadFault fault, std::uint64_t count) {
  impl_->read_errors.at(file)
      .at(static_cast<std::size_t>(fault))
      ->Increment(static_cast<double>(count));
}

void SelfMetrics::cgroups_dropped(cgroup::DropReason reason, std::uint64_t count) {
  impl_->dropped.at(static_cast<std::size_t>(reason))->Increment(static_cast<double>(count));
}

void SelfMetrics::sampling(Usec interval, std::size_t kept_files, std::string_view discovery) {
  impl_->sampling_interval.Set(in_seconds(interval));
  impl_->kept_files.Set(static_cast<double>(kept_files));
  for (std::size_t i = 0; i < kDiscoveryKinds.size(); ++i) {
    impl_->discovery.at(i)->Set(kDiscoveryKinds.at(i) == discovery ? 1 : 0);
  }
}

void SelfMetrics::policy_reload(bool success) {
  (success ? impl_->reloads_succeeded : impl_->reloads_failed).Increment();
  impl_->last_reload_successful.Set(success ? 1 : 0);
}

void SelfMetrics::policy_write(bool success) {
  (success ? impl_->writes_succeeded : impl_->writes_failed).Increment();
}

void SelfMetrics::policy_pending(std::size_t planned, std::size_t failed, std::size_t skipped,
                                 std::size_t deferred) {
  impl_->writes_planned.Set(static_cast<double>(planned));
  impl_->writes_refused.Set(static_cast<double>(failed));
  impl_->writes_skipped.Set(static_cast<double>(skipped));
  impl_->writes_deferred.Set(static_cast<double>(deferred));
}

void SelfMetrics::policy_drift(bool found, bool repaired) {
  if (found) impl_->drift_found.Increment();
  if (repaired) impl_->drift_repaired.Increment();
}

void SelfMetrics::policy_adapt(std::string_view loop, std::string_view reason) {
  for (std::size_t i = 0; i < kAdaptReasons.size(); ++i) {
    if (kAdaptReasons.at(i).loop == loop && kAdaptReasons.at(i).reason == reason) {
      impl_->adapt_decisions.at(i)->Increment();
    }
  }
}

void SelfMetrics::policy_kill_failed() { impl_->kills_failed.Increment(); }

void SelfMetrics::policy_adapted(std::size_t cgroups) {
  impl_->adapted_cgroups.Set(static_cast<double>(cgroups));
}

void SelfMetrics::policy_oom_forecasts(std::size_t cgroups, std::optional<Usec> nearest) {
  impl_->oom_forecasts.Set(static_cast<double>(cgroups));
  impl_->oom_forecast_seconds.Set(nearest ? in_seconds(*nearest)
                                          : std::numeric_limits<double>::infinity());
}

void SelfMetrics::store_error() { impl_->store_errors.Increment(); }

void SelfMetrics::verdicts_waiting(std::size_t waiting, std::uint64_t dropped) {
  impl_->verdicts_waiting.Set(static_cast<double>(waiting));
  const double fresh = static_cast<double>(dropped) - impl_->verdicts_dropped.Value();
  if (fresh > 0) impl_->verdicts_dropped.Increment(fresh);
}

void SelfMetrics::recorder(const Recorded& recorded) {
  const auto raise = [](Counter& counter, std::uint64_t total) {
    counter.Increment(static_cast<double>(total) - counter.Value());
  };
  raise(impl_->recorded_samples, recorded.stored);
  raise(impl_->dropped_by_cap, recorded.dropped_by_cap);
  raise(impl_->dropped_by_ring, recorded.dropped_by_ring);
  raise(impl_->dropped_by_disk, recorded.dropped_by_disk);
  impl_->recorder_bytes.Set(static_cast<double>(recorded.bytes));
}

void SelfMetrics::kmsg_lost(std::uint64_t records) {
  impl_->kmsg_lost.Increment(static_cast<double>(records));
}

void SelfMetrics::kmsg_dropped(std::uint64_t lines) {
  const double fresh = static_cast<double>(lines) - impl_->kmsg_dropped.Value();
  if (fresh > 0) impl_->kmsg_dropped.Increment(fresh);
}

void SelfMetrics::identity_errors(std::size_t files) {
  impl_->identity_errors.Increment(static_cast<double>(files));
}

void SelfMetrics::subjects_dropped(std::size_t count) {
  impl_->subjects_dropped.Increment(static_cast<double>(count));
}

void SelfMetrics::oom_trace(bool works) { impl_->oom_trace_working.Set(works ? 1 : 0); }

void SelfMetrics::oom_trace_lost(std::uint64_t events) {
  impl_->oom_trace_lost.Increment(static_cast<double>(events));
}

void SelfMetrics::node_oom(bool attributed, std::size_t victims) {
  (attributed ? impl_->ooms_attributed : impl_->ooms_unattributed).Increment();
  impl_->oom_victims.Increment(static_cast<double>(victims));
}

void SelfMetrics::oom_trace_malformed(std::uint64_t lines) {
  impl_->oom_trace_malformed.Increment(static_cast<double>(lines));
}

void SelfMetrics::node_oom_before(std::uint64_t attributed, std::uint64_t unattributed,
                                  std::uint64_t victims) {
  impl_->ooms_attributed.Increment(static_cast<double>(attributed));
  impl_->ooms_unattributed.Increment(static_cast<double>(unattributed));
  impl_->oom_victims.Increment(static_cast<double>(victims));
}

void SelfMetrics::event(diagnosis::EventKind kind) {
  impl_->events.at(static_cast<std::size_t>(kind))->Increment();
}

void SelfMetrics::events_dropped(std::size_t count) {
  impl_->events_dropped.Increment(static_cast<double>(count));
}

void SelfMetrics::pressure_triggers(std::size_t armed) {
  impl_->pressure_triggers.Set(static_cast<double>(armed));
}

void SelfMetrics::pressure_fired(std::string_view resource, std::string_view line) {
  const auto at = [](const auto& names, std::string_view name) {
    return static_cast<std::size_t>(std::ranges::find(names, name) - names.begin());
  };
  const std::size_t index =
      at(kPressureResources, resource) * kPressureLines.size() + at(kPressureLines, line);
  if (index < impl_->pressure_fired.size()) impl_->pressure_fired.at(index)->Increment();
}

void SelfMetrics::unit_watch(bool works) { impl_->unit_watch_working.Set(works ? 1 : 0); }

void SelfMetrics::event_source(std::string_view source, bool whole) {
  const auto* const at = std::ranges::find(kEventSourceNames, source);
  if (at == kEventSourceNames.end()) return;
  impl_->event_sources.at(static_cast<std::size_t>(at - kEventSourceNames.begin()))
      ->Set(whole ? 1 : 0);
}

void SelfMetrics::scrape(Usec duration, std::size_t bytes) {
  impl_->scrape_duration.Observe(in_seconds(duration));
  impl_->scrape_bytes.Increment(static_cast<double>(bytes));
}

void SelfMetrics::workloads_running(std::size_t count) {
  impl_->workloads.Set(static_cast<double>(count));
}

std::string SelfMetrics::render(Exposition exposition) const {
  std::string out;
  for (const auto& family : impl_->registry.Collect()) append_family(out, family, exposition);
  return out;
}

}  // namespace cgwarden::exporters
