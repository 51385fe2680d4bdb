#pragma once

#include <string>
#include <vector>

#include "exporters/catalog.h"
#include "exporters/metrics.h"

// The page /metrics/cadvisor: the same snapshot under cAdvisor's names and labels, so that
// dashboards and alerts made for kubelet and cAdvisor (kubernetes-mixin) work unchanged.
namespace cgwarden::exporters {

// One cgroup with what else its lines need.
struct CadvisorRow {
  const cgroup::Sample& sample;
  const identity::Known* known = nullptr;  // nullptr: not known
  const identity::DeviceNames* device_names = nullptr;
  TimePoint taken;
};

struct CadvisorMetric {
  Metric metric;
  std::vector<CgroupSeries> series;
  std::string_view label = {};
  void (*visit)(const CadvisorRow& row, LineSink& sink) = nullptr;
};

[[nodiscard]] const std::vector<CadvisorMetric>& cadvisor_metrics();

// `id`, and as far as they are known `name`, `image`, `container`, `pod`, `namespace`, as kubelet
// has them: a pod and its sandbox have no `container`; what somebody made inside a container has
// its `id` only, so that sums over containers count nothing twice.
[[nodiscard]] std::string cadvisor_labels(const cgroup::Sample& sample,
                                          const identity::Known* known);

// Like render_metrics, with cadvisor_metrics() of every cgroup.
[[nodiscard]] std::string render_cadvisor(const View& view, Exposition exposition);

}  // namespace cgwarden::exporters
