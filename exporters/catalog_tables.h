#pragma once

#include <vector>

#include "exporters/catalog.h"

// The parts of cgroup_metrics(), one per controller.
namespace cgwarden::exporters {

[[nodiscard]] std::vector<CgroupMetric> cpu_metrics();
[[nodiscard]] std::vector<CgroupMetric> memory_metrics();
[[nodiscard]] std::vector<CgroupMetric> memory_limit_metrics();
[[nodiscard]] std::vector<CgroupMetric> pressure_metrics();
[[nodiscard]] std::vector<CgroupMetric> io_metrics();
[[nodiscard]] std::vector<CgroupMetric> pids_metrics();
// cgwarden_cgroup_info, populated and frozen.
[[nodiscard]] std::vector<CgroupMetric> core_metrics();

}  // namespace cgwarden::exporters
