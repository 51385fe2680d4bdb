#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/file_group.h"
#include "cgroup/samples.h"
#include "exporters/view.h"

// The single list of everything on /metrics: the writer, docs/metrics.md and the tests read it, and
// nothing else names a metric. A new metric is one entry here (catalog_*.cpp).
namespace cgwarden::exporters {

enum class MetricType {
  counter,
  gauge,
  info,  // always 1, identity in the labels
  histogram,
};

// Name, type, unit and help as OpenMetrics 1.0.0 defines them. `name` is the name of the sample
// lines, with _total or _info; `unit` is "" or the last word of the name before those suffixes.
struct Metric {
  std::string_view name;
  MetricType type = MetricType::gauge;
  std::string_view unit;
  std::string_view help;
  // Names of the labels beside those of its list, as they stand in a line ("file,kind"). Of the
  // agent's own metrics only; the other lists have them in their series.
  std::string_view labels = {};
};

// A value in the form in which it loses nothing: kernel microseconds stay integers and are printed
// as seconds.
class Value {
 public:
  [[nodiscard]] static Value count(std::uint64_t value) { return {Kind::count, value, 0}; }
  [[nodiscard]] static Value seconds(Usec value) { return {Kind::usec, value.count(), 0}; }
  [[nodiscard]] static Value real(double value) { return {Kind::real, 0, value}; }

  // The shortest decimal number that reads back the same; +Inf, -Inf, NaN.
  void append_to(std::string& out) const;
  [[nodiscard]] double as_double() const;

 private:
  enum class Kind : std::uint8_t { count, usec, real };
  Value(Kind kind, std::uint64_t integer, double real)
      : integer_(integer), real_(real), kind_(kind) {}
  std::uint64_t integer_;
  double real_;
  Kind kind_;
};

// Takes the lines of one cgroup or workload whose labels depend on what was read.
class LineSink {
 public:
  virtual ~LineSink() = default;
  // `labels`: after the labels of the cgroup or workload, escaped (`device="8:0"`), "" for none.
  virtual void line(std::string_view labels, Value value) = 0;
};

// One line per cgroup, with a label known beforehand (`event="oom"`) or none (""). No value, no
// line.
struct CgroupSeries {
  std::string_view labels;
  std::optional<Value> (*read)(const cgroup::Sample& sample) = nullptr;
};

// A family over cgroups: fixed series, or lines by `visit`, whose label is called `label`.
struct CgroupMetric {
  Metric metric;
  std::vector<CgroupSeries> series;
  std::string_view label = {};
  void (*visit)(const cgroup::Sample& sample, LineSink& sink) = nullptr;
  // In place of `visit` where the line says whose the cgroup is (nullptr: not known).
  void (*describe)(const cgroup::Sample& sample, const identity::Known* known,
                   LineSink& sink) = nullptr;
  // Shown only where the group is asked for; none: always.
  std::optional<cgroup::FileGroup> group = {};
};

// A family over workloads; `label` is the label beside `workload`, "" for none.
struct WorkloadMetric {
  Metric metric;
  std::string_view label;
  void (*visit)(const WorkloadCounters& counters, LineSink& sink) = nullptr;
};

// A family over units or over named containers; its labels are subject_labels().
struct SubjectMetric {
  Metric metric;
  identity::Subject::Kind kind;
  std::string_view label;  // beside the subject's own, "" for none
  void (*visit)(const SubjectCounters& counters, LineSink& sink) = nullptr;
};

// Those of no group first, then by group.
[[nodiscard]] const std::vector<CgroupMetric>& cgroup_metrics();
[[nodiscard]] const std::vector<WorkloadMetric>& workload_metrics();
[[nodiscard]] const std::vector<SubjectMetric>& subject_metrics();
// Which name a `device` of the io families has now; its labels are device_labels().
[[nodiscard]] const Metric& block_device_metric();
[[nodiscard]] std::string device_labels(const identity::DeviceNames::value_type& device);
// Escaped: `unit="ssh.service"`.
[[nodiscard]] std::string subject_labels(const identity::Subject& subject);
// What SelfMetrics holds; cgwarden_build_info included.
[[nodiscard]] const std::vector<Metric>& agent_metrics();

// docs/metrics.md, generated from the lists.
[[nodiscard]] std::string metrics_reference();

}  // namespace cgwarden::exporters
