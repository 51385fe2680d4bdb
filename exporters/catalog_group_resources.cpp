// Export groups hugetlb, rdma and misc.
#include "exporters/catalog_grouped_readers.h"
#include "exporters/catalog_tables.h"

namespace cgwarden::exporters {
namespace {

using cgroup::HugetlbSize;
using cgroup::RdmaDevice;
using readers::GroupedFiles;
using readers::Sample;
using readers::value_of;
using enum MetricType;

template <auto Member>
void sizes(const Sample& sample, LineSink& sink) {
  if (!sample.grouped) return;
  for (const HugetlbSize& size : sample.grouped->hugetlb) {
    const auto value = value_of(size.*Member);
    if (value) sink.line(label("pagesize", size.size), *value);
  }
}

template <auto File, auto Key>
void rdma_devices(const Sample& sample, LineSink& sink) {
  for (const RdmaDevice& device : readers::grouped_rows<File>(sample, limits::kExportedResources)) {
    const auto value = value_of(device.*Key);
    if (value) sink.line(label("device", device.device), *value);
  }
}

template <auto File>
void resources(const Sample& sample, LineSink& sink) {
  for (const auto& one : readers::grouped_rows<File>(sample, limits::kExportedResources)) {
    const auto value = value_of(std::optional(one.value));
    if (value) sink.line(label("resource", one.name), *value);
  }
}

template <auto Member>
CgroupMetric huge_bytes(std::string_view name, std::string_view help) {
  return {{name, gauge, "bytes", help}, {}, "pagesize", sizes<Member>};
}
template <auto Member>
CgroupMetric huge_events(std::string_view name, std::string_view help) {
  return {{name, counter, "", help}, {}, "pagesize", sizes<Member>};
}
template <auto File, auto Key>
CgroupMetric rdma(std::string_view name, std::string_view help) {
  return {{name, gauge, "", help}, {}, "device", rdma_devices<File, Key>};
}
template <auto File>
CgroupMetric misc(std::string_view name, MetricType type, std::string_view help) {
  return {{name, type, "", help}, {}, "resource", resources<File>};
}

}  // namespace

CgroupMetrics hugetlb_group_metrics() {
  return {
      huge_bytes<&HugetlbSize::current>("cgwarden_cgroup_hugetlb_current_bytes",
                                        "Huge pages in use (hugetlb.SIZE.current)."),
      huge_bytes<&HugetlbSize::max>(
          "cgwarden_cgroup_hugetlb_max_bytes",
          "Limit of huge pages in use (hugetlb.SIZE.max); absent without a limit."),
      huge_bytes<&HugetlbSize::rsvd_current>(
          "cgwarden_cgroup_hugetlb_rsvd_current_bytes",
          "Huge pages reserved by mappings (hugetlb.SIZE.rsvd.current)."),
      huge_bytes<&HugetlbSize::rsvd_max>(
          "cgwarden_cgroup_hugetlb_rsvd_max_bytes",
          "Limit of reserved huge pages (hugetlb.SIZE.rsvd.max); absent without a limit."),
      huge_events<&HugetlbSize::events_max>(
          "cgwarden_cgroup_hugetlb_events_max_total",
          "Refusals because of a limit, descendants included (hugetlb.SIZE.events max)."),
      huge_events<&HugetlbSize::events_local_max>(
          "cgwarden_cgroup_hugetlb_events_local_max_total",
          "Refusals because of the cgroup's own limit (hugetlb.SIZE.events.local max)."),
  };
}

CgroupMetrics rdma_group_metrics() {
  constexpr auto kCurrent = &GroupedFiles::rdma_current;
  constexpr auto kMax = &GroupedFiles::rdma_max;
  return {
      rdma<kCurrent, &RdmaDevice::hca_handle>("cgwarden_cgroup_rdma_current_hca_handle",
                                              "Handles in use (rdma.current hca_handle)."),
      rdma<kCurrent, &RdmaDevice::hca_object>("cgwarden_cgroup_rdma_current_hca_object",
                                              "Objects in use (rdma.current hca_object)."),
      rdma<kMax, &RdmaDevice::hca_handle>(
          "cgwarden_cgroup_rdma_max_hca_handle",
          "Limit of handles (rdma.max hca_handle); absent without a limit."),
      rdma<kMax, &RdmaDevice::hca_object>(
          "cgwarden_cgroup_rdma_max_hca_object",
          "Limit of objects (rdma.max hca_object); absent without a limit."),
  };
}

CgroupMetrics misc_group_metrics() {
  return {
      misc<&GroupedFiles::misc_capacity>("cgwarden_cgroup_misc_capacity", gauge,
                                         "What the machine has (misc.capacity, root only)."),
      misc<&GroupedFiles::misc_current>("cgwarden_cgroup_misc_current", gauge,
                                        "What is in use (misc.current)."),
      misc<&GroupedFiles::misc_peak>("cgwarden_cgroup_misc_peak", gauge,
                                     "Highest misc.current (misc.peak, from Linux 6.11)."),
      misc<&GroupedFiles::misc_max>("cgwarden_cgroup_misc_max", gauge,
                                    "Limit (misc.max); absent without a limit."),
      misc<&GroupedFiles::misc_events>(
          "cgwarden_cgroup_misc_events_max_total", counter,
          "Refusals because of a limit, descendants included (misc.events max)."),
      misc<&GroupedFiles::misc_events_local>(
          "cgwarden_cgroup_misc_events_local_max_total", counter,
          "Refusals because of the cgroup's own limit (misc.events.local max, from Linux 6.11)."),
  };
}

}  // namespace cgwarden::exporters
