#include <fmt/format.h>

#include <iterator>

#include "exporters/catalog.h"

// docs/metrics.md as text.
namespace cgwarden::exporters {
namespace {

std::string_view type_name(MetricType type) {
  switch (type) {
    case MetricType::counter:
      return "counter";
    case MetricType::gauge:
      return "gauge";
    case MetricType::info:
      return "info";
    case MetricType::histogram:
      return "histogram";
  }
  return "";
}

// "event" of `event="oom"`.
std::string_view first_label_name(std::string_view labels) {
  return labels.substr(0, labels.find('='));
}

// `event` = low, high, ...
std::string label_values(const CgroupMetric& metric) {
  if (!metric.label.empty()) return fmt::format("`{}`", metric.label);
  std::string text;
  for (const CgroupSeries& series : metric.series) {
    if (series.labels.empty()) continue;
    const std::string_view name = first_label_name(series.labels);
    text += text.empty() ? fmt::format("`{}`: ", name) : ", ";
    const std::string_view value = series.labels.substr(name.size() + 2);
    text += value.substr(0, value.size() - 1);
  }
  return text;
}

void append_row(std::string& out, const Metric& metric, std::string_view labels) {
  fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} |\n", metric.name,
                 type_name(metric.type), labels, metric.help);
}

constexpr std::string_view kTableHead = "| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n";

}  // namespace

std::string metrics_reference() {
  std::string out =
      "# Metrics\n\n"
      "Everything the agent shows on `/metrics`. This file is generated from the catalog in "
      "`exporters/`; a unit test compares it\nand, run as "
      "`CGWARDEN_REGENERATE=1 exporters_test --gtest_filter='Reference.*'`, writes it anew.\n\n"
      "Units are seconds and bytes. A value that the kernel does not give, or a limit that is "
      "`max`, has no line. No sample carries a\ntime: a series ends when its cgroup does. The "
      "workload counters start at 0 with the workload and outlive its cgroups and the\nagent.\n\n"
      "## Cgroups\n\nEvery series has the label `cgroup`, the path below the cgroup root, and, for "
      "the cgroup that holds a workload's processes,\n`workload`. Bytes in a path that are not "
      "valid UTF-8 appear as `\\xNN`.\n\n";
  out += kTableHead;
  for (const CgroupMetric& metric : cgroup_metrics()) {
    append_row(out, metric.metric, label_values(metric));
  }
  out += "\n## Workloads\n\nEvery series has the label `workload`.\n\n";
  out += kTableHead;
  for (const WorkloadMetric& metric : workload_metrics()) {
    append_row(out, metric.metric, metric.label.empty() ? "" : fmt::format("`{}`", metric.label));
  }
  out += "\n## The agent\n\n";
  out += kTableHead;
  for (const Metric& metric : agent_metrics()) append_row(out, metric, "");
  return out;
}

}  // namespace cgwarden::exporters
