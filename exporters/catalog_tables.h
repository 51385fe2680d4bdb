#pragma once

#include <vector>

#include "exporters/catalog.h"

// The parts of cgroup_metrics(), one per controller.
namespace cgwarden::exporters {

using CgroupMetrics = std::vector<CgroupMetric>;

[[nodiscard]] CgroupMetrics cpu_metrics();
[[nodiscard]] CgroupMetrics memory_metrics();
[[nodiscard]] CgroupMetrics memory_limit_metrics();
[[nodiscard]] CgroupMetrics pressure_metrics();
[[nodiscard]] CgroupMetrics io_metrics();
[[nodiscard]] CgroupMetrics pids_metrics();
// cgwarden_cgroup_info, populated and frozen.
[[nodiscard]] CgroupMetrics core_metrics();

// The parts of an export group; `group` is set by cgroup_metrics().
[[nodiscard]] CgroupMetrics cgroup_group_metrics();
[[nodiscard]] CgroupMetrics cpu_group_metrics();
[[nodiscard]] CgroupMetrics cpuset_group_metrics();
[[nodiscard]] CgroupMetrics memory_group_metrics();
[[nodiscard]] CgroupMetrics memory_stat_group_metrics();
[[nodiscard]] CgroupMetrics memory_numa_stat_group_metrics();
[[nodiscard]] CgroupMetrics io_group_metrics();
[[nodiscard]] CgroupMetrics pids_group_metrics();
[[nodiscard]] CgroupMetrics hugetlb_group_metrics();
[[nodiscard]] CgroupMetrics rdma_group_metrics();
[[nodiscard]] CgroupMetrics misc_group_metrics();

}  // namespace cgwarden::exporters
