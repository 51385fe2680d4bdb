#include <fmt/format.h>

#include <iterator>

#include "base/text.h"
#include "exporters/cadvisor.h"
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
std::string label_values(std::string_view label, const std::vector<CgroupSeries>& all) {
  if (!label.empty()) return fmt::format("`{}`", label);
  std::string text;
  for (const CgroupSeries& series : all) {
    if (series.labels.empty()) continue;
    const std::string_view name = first_label_name(series.labels);
    text += text.empty() ? fmt::format("`{}`: ", name) : ", ";
    const std::string_view value = series.labels.substr(name.size() + 2);
    text += value.substr(0, value.size() - 1);
  }
  return text;
}

// `file`, `kind` of "file,kind".
std::string names(std::string_view labels) {
  std::string text;
  if (labels.empty()) return text;
  for (const std::string_view name : split(labels, ',')) {
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", name);
  }
  return text;
}

void append_row(std::string& out, const Metric& metric, std::string_view labels) {
  fmt::format_to(std::back_inserter(out), "| `{}` | {} | {} | {} |\n", metric.name,
                 type_name(metric.type), labels, metric.help);
}

constexpr std::string_view kTableHead = "| Metric | Type | Labels | Meaning |\n|---|---|---|---|\n";

void append_cadvisor(std::string& out) {
  out +=
      "\n## cAdvisor's names\n\n"
      "`/metrics/cadvisor` shows the same snapshot under the names and labels of cAdvisor and "
      "kubelet, so that the panels, rules and\nalerts of kubernetes-mixin and dashboards made for "
      "cAdvisor work, but for those of the network. Scrape it in place of kubelet's "
      "`/metrics/cadvisor`,\nas the job that they select on "
      "(`examples/kubernetes/podmonitor-cadvisor.yaml`), or as one of its own; every series has\n"
      "`id`, and as far as they are known `name`, `image`, `container`, `pod` and `namespace`. "
      "What a cgroup does not know is absent:\n`container_network_*` (the network namespace has "
      "it: the mixin's panels of the network stay empty), sizes of file systems, `machine_*`.\n\n";
  out += kTableHead;
  for (const CadvisorMetric& metric : cadvisor_metrics()) {
    append_row(out, metric.metric,
               metric.label.empty() && metric.series.size() > 1
                   ? "`failure_type`, `scope`"
                   : label_values(metric.label, metric.series));
  }
}

void append_groups(std::string& out) {
  out +=
      "\n## Cgroups, by export group\n\nRead and shown only where `export.groups` of `agent.yaml` "
      "names the group. Devices are `major:minor`; at most the first 8\ndevices and 16 memory "
      "nodes "
      "of a file are shown.\n";
  for (const cgroup::FileGroup group : cgroup::kAllFileGroups) {
    out += fmt::format("\n### {}\n\n{}", to_string(group), kTableHead);
    for (const CgroupMetric& metric : cgroup_metrics()) {
      if (metric.group != group) continue;
      append_row(out, metric.metric, label_values(metric.label, metric.series));
    }
  }
}

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
      "Prometheus computes no increase from the first sample of a series. So whoever says in "
      "`X-Prometheus-Scrape-Timeout-Seconds` that it is one\nis shown the counters of a workload, "
      "unit or container that came since its last scrape as 0 once, and what they have counted "
      "from "
      "the next scrape on.\n\n"
      "## Cgroups\n\nEvery series has the label `cgroup`, the path below the cgroup root, and, for "
      "the cgroup that holds a workload's processes,\n`workload`. Bytes in a path that are not "
      "valid UTF-8 appear as `\\xNN`.\n\n";
  out += kTableHead;
  for (const CgroupMetric& metric : cgroup_metrics()) {
    if (!metric.group) append_row(out, metric.metric, label_values(metric.label, metric.series));
  }
  append_groups(out);
  out += "\n## Devices\n\n";
  out += kTableHead;
  append_row(out, block_device_metric(), "`device`, `name`");
  out += "\n## Workloads\n\nEvery series has the label `workload`.\n\n";
  out += kTableHead;
  for (const WorkloadMetric& metric : workload_metrics()) {
    append_row(out, metric.metric, metric.label.empty() ? "" : fmt::format("`{}`", metric.label));
  }
  out +=
      "\n## Units and containers\n\nOver all cgroups that a systemd unit, or a container of that "
      "name, has had; they outlive the agent and the machine's\nrestarts, and end a day after the "
      "last cgroup, or earlier where new ones need\nthe room; ten minutes after it, those deaths "
      "and restarts that are still 0 end. `unit` has `uid` beside it where it "
      "is "
      "of that user's manager. `container` has "
      "`pod` and\n`namespace`, or without Kubernetes `runtime` (and `uid` of a rootless one). Left "
      "out are names made for one use (`run-*.scope`, sessions,\nsandboxes of pods).\n\n";
  out += kTableHead;
  for (const SubjectMetric& metric : subject_metrics()) {
    std::string labels = metric.kind == identity::Subject::Kind::unit
                             ? "`unit`, `uid`"
                             : "`container`, `pod`, `namespace`, `runtime`, `uid`";
    if (!metric.label.empty()) labels += ", `" + std::string(metric.label) + "`";
    append_row(out, metric.metric, labels);
  }
  out += "\n## The agent\n\n";
  out += kTableHead;
  for (const Metric& metric : agent_metrics()) append_row(out, metric, names(metric.labels));
  append_cadvisor(out);
  return out;
}

}  // namespace cgwarden::exporters
