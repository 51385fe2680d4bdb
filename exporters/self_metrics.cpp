#include "exporters/self_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>

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

  prometheus::Registry registry;
  Gauge& build = family(prometheus::BuildGauge(), registry, "cgwarden_build_info")
                     .Add({{"version", CGWARDEN_VERSION}, {"compiler", __VERSION__}});
  Histogram& tick_duration =
      histogram(registry, "cgwarden_agent_tick_duration_seconds", kTickBuckets);
  Gauge& cgroups = gauge(registry, "cgwarden_agent_cgroups");
  Gauge& cgroups_dropped = gauge(registry, "cgwarden_agent_cgroups_dropped");
  Gauge& unreadable_files = gauge(registry, "cgwarden_agent_unreadable_files");
  Gauge& workloads = gauge(registry, "cgwarden_agent_workloads_running");
  prometheus::Family<Counter>& reloads = counters(registry, "cgwarden_agent_policy_reloads_total");
  Counter& reloads_succeeded = reloads.Add({{"result", "success"}});
  Counter& reloads_failed = reloads.Add({{"result", "failure"}});
  Gauge& last_reload_successful = gauge(registry, "cgwarden_agent_policy_last_reload_successful");
  prometheus::Family<Counter>& writes = counters(registry, "cgwarden_agent_policy_writes_total");
  Counter& writes_succeeded = writes.Add({{"result", "success"}});
  Counter& writes_failed = writes.Add({{"result", "failure"}});
  Counter& store_errors = counters(registry, "cgwarden_agent_store_errors_total").Add({});
  Counter& kmsg_lost = counters(registry, "cgwarden_agent_kmsg_lost_records_total").Add({});
  prometheus::Family<Counter>& node_ooms = counters(registry, "cgwarden_node_oom_kills_total");
  Counter& ooms_attributed = node_ooms.Add({{"attributed", "yes"}});
  Counter& ooms_unattributed = node_ooms.Add({{"attributed", "no"}});
  Counter& oom_victims = counters(registry, "cgwarden_node_oom_victims_total").Add({});
  Gauge& oom_trace_working = gauge(registry, "cgwarden_agent_oom_trace_working");
  Counter& oom_trace_lost =
      counters(registry, "cgwarden_agent_oom_trace_lost_events_total").Add({});
  Histogram& scrape_duration =
      histogram(registry, "cgwarden_agent_scrape_duration_seconds", kScrapeBuckets);
  Counter& scrape_bytes = counters(registry, "cgwarden_agent_scrape_bytes_total").Add({});
};

SelfMetrics::SelfMetrics() : impl_(std::make_unique<Impl>()) {
  impl_->build.Set(1);
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

void SelfMetrics::policy_reload(bool success) {
  (success ? impl_->reloads_succeeded : impl_->reloads_failed).Increment();
  impl_->last_reload_successful.Set(success ? 1 : 0);
}

void SelfMetrics::policy_write(bool success) {
  (success ? impl_->writes_succeeded : impl_->writes_failed).Increment();
}

void SelfMetrics::store_error() { impl_->store_errors.Increment(); }

void SelfMetrics::kmsg_lost(std::uint64_t records) {
  impl_->kmsg_lost.Increment(static_cast<double>(records));
}

void SelfMetrics::oom_trace(bool works) { impl_->oom_trace_working.Set(works ? 1 : 0); }

void SelfMetrics::oom_trace_lost(std::uint64_t events) {
  impl_->oom_trace_lost.Increment(static_cast<double>(events));
}

void SelfMetrics::node_oom(bool attributed, std::size_t victims) {
  (attributed ? impl_->ooms_attributed : impl_->ooms_unattributed).Increment();
  impl_->oom_victims.Increment(static_cast<double>(victims));
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
