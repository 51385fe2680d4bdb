// Export group io.
#include "exporters/catalog_grouped_readers.h"
#include "exporters/catalog_tables.h"

namespace cgwarden::exporters {
namespace {

using cgroup::IoCost;
using cgroup::IoCostModel;
using cgroup::IoCostQos;
using cgroup::IoLatency;
using cgroup::IoMax;
using cgroup::IoWeight;
using readers::grouped_devices;
using readers::GroupedFiles;
using readers::Sample;
using readers::usec_value;
using enum MetricType;

template <auto Key>
void io_max(const Sample& sample, LineSink& sink) {
  if (!sample.io_max) return;
  const std::span<const IoMax> all = *sample.io_max;
  for (const IoMax& device : all.first(std::min(all.size(), limits::kExportedDevices))) {
    const auto value = readers::value_of(device.*Key);
    if (value) sink.line(readers::device_label(device), *value);
  }
}

void io_weight(const Sample& sample, LineSink& sink) {
  if (!sample.io_weight) return;
  if (sample.io_weight->default_weight) {
    sink.line(R"(device="default")", Value::count(*sample.io_weight->default_weight));
  }
  const std::span<const IoWeight::Device> all = sample.io_weight->devices;
  for (const auto& device : all.first(std::min(all.size(), limits::kExportedDevices))) {
    sink.line(readers::device_label(device), Value::count(device.weight));
  }
}

void prio_class(const Sample& sample, LineSink& sink) {
  readers::word<&GroupedFiles::io_prio_class>(sample, "class", sink);
}

CgroupMetric of_devices(const Metric& metric, void (*visit)(const Sample&, LineSink&)) {
  return {metric, {}, "device", visit};
}

template <auto Key>
CgroupMetric limit(std::string_view name, std::string_view help) {
  return of_devices({name, gauge, "", help}, io_max<Key>);
}

template <auto Key>
CgroupMetric cost_time(std::string_view name, std::string_view help) {
  return of_devices({name, counter, "seconds", help},
                    grouped_devices<&GroupedFiles::io_cost, Key, usec_value>);
}

Value ratio(cgroup::Percent percent) { return readers::to_value(percent); }
Value number(std::uint64_t value) { return Value::count(value); }

template <auto Key>
CgroupMetric qos_ratio(std::string_view name, std::string_view help) {
  return of_devices({name, gauge, "ratio", help},
                    grouped_devices<&GroupedFiles::io_cost_qos, Key, ratio>);
}

template <auto Key>
CgroupMetric qos_time(std::string_view name, std::string_view help) {
  return of_devices({name, gauge, "seconds", help},
                    grouped_devices<&GroupedFiles::io_cost_qos, Key, usec_value>);
}

template <auto Key>
CgroupMetric model(std::string_view name, std::string_view help) {
  return of_devices({name, gauge, "", help},
                    grouped_devices<&GroupedFiles::io_cost_model, Key, number>);
}

CgroupMetrics limits_and_weights() {
  return {
      limit<&IoMax::rbps>("cgwarden_cgroup_io_max_rbps",
                          "Limit of bytes read per second (io.max rbps); absent without a limit."),
      limit<&IoMax::wbps>(
          "cgwarden_cgroup_io_max_wbps",
          "Limit of bytes written per second (io.max wbps); absent without a limit."),
      limit<&IoMax::riops>("cgwarden_cgroup_io_max_riops",
                           "Limit of reads per second (io.max riops); absent without a limit."),
      limit<&IoMax::wiops>("cgwarden_cgroup_io_max_wiops",
                           "Limit of writes per second (io.max wiops); absent without a limit."),
      of_devices({"cgwarden_cgroup_io_weight", gauge, "",
                  "Share of device time relative to siblings, 1 to 10000; device \"default\" for "
                  "those not named (io.weight)."},
                 io_weight),
      of_devices({"cgwarden_cgroup_io_latency_target_seconds", gauge, "seconds",
                  "Latency that the cgroup is to see on the device (io.latency target)."},
                 grouped_devices<&GroupedFiles::io_latency, &IoLatency::target_usec, usec_value>),
      {{"cgwarden_cgroup_io_prio_class", gauge, "",
        "1 with what is done to the I/O priority of requests as `class` (io.prio.class)."},
       {},
       "class",
       prio_class},
  };
}

CgroupMetrics cost() {
  return {
      of_devices({"cgwarden_cgroup_io_cost_vrate_ratio", gauge, "ratio",
                  "Speed of the device's virtual time (io.stat cost.vrate of the root)."},
                 grouped_devices<&GroupedFiles::io_cost, &IoCost::vrate, ratio>),
      cost_time<&IoCost::usage_usec>("cgwarden_cgroup_io_cost_usage_seconds_total",
                                     "Device time used by the cost model (io.stat cost.usage)."),
      cost_time<&IoCost::wait_usec>("cgwarden_cgroup_io_cost_wait_seconds_total",
                                    "Time waited for device time (io.stat cost.wait)."),
      cost_time<&IoCost::indebt_usec>("cgwarden_cgroup_io_cost_indebt_seconds_total",
                                      "Time in debt of device time (io.stat cost.indebt)."),
      cost_time<&IoCost::indelay_usec>("cgwarden_cgroup_io_cost_indelay_seconds_total",
                                       "Time delayed to pay debt (io.stat cost.indelay)."),
      of_devices({"cgwarden_cgroup_io_cost_qos_enable", gauge, "",
                  "1 while the cost model controls the device (io.cost.qos enable, root only)."},
                 grouped_devices<&GroupedFiles::io_cost_qos, &IoCostQos::enable, number>),
      qos_ratio<&IoCostQos::rpct>("cgwarden_cgroup_io_cost_qos_rpct_ratio",
                                  "Percentile of read latency that counts (io.cost.qos rpct)."),
      qos_time<&IoCostQos::rlat_usec>("cgwarden_cgroup_io_cost_qos_rlat_seconds",
                                      "Read latency above which the device is saturated "
                                      "(io.cost.qos rlat)."),
      qos_ratio<&IoCostQos::wpct>("cgwarden_cgroup_io_cost_qos_wpct_ratio",
                                  "Percentile of write latency that counts (io.cost.qos wpct)."),
      qos_time<&IoCostQos::wlat_usec>("cgwarden_cgroup_io_cost_qos_wlat_seconds",
                                      "Write latency above which the device is saturated "
                                      "(io.cost.qos wlat)."),
      qos_ratio<&IoCostQos::min>("cgwarden_cgroup_io_cost_qos_min_ratio",
                                 "Slowest speed of the device's virtual time (io.cost.qos min)."),
      qos_ratio<&IoCostQos::max>("cgwarden_cgroup_io_cost_qos_max_ratio",
                                 "Highest speed of the device's virtual time (io.cost.qos max)."),
      model<&IoCostModel::rbps>("cgwarden_cgroup_io_cost_model_rbps",
                                "Bytes per second of sequential reads (io.cost.model rbps)."),
      model<&IoCostModel::rseqiops>("cgwarden_cgroup_io_cost_model_rseqiops",
                                    "4 KiB sequential reads per second (io.cost.model rseqiops)."),
      model<&IoCostModel::rrandiops>("cgwarden_cgroup_io_cost_model_rrandiops",
                                     "4 KiB random reads per second (io.cost.model rrandiops)."),
      model<&IoCostModel::wbps>("cgwarden_cgroup_io_cost_model_wbps",
                                "Bytes per second of sequential writes (io.cost.model wbps)."),
      model<&IoCostModel::wseqiops>("cgwarden_cgroup_io_cost_model_wseqiops",
                                    "4 KiB sequential writes per second (io.cost.model wseqiops)."),
      model<&IoCostModel::wrandiops>("cgwarden_cgroup_io_cost_model_wrandiops",
                                     "4 KiB random writes per second (io.cost.model wrandiops)."),
  };
}

}  // namespace

CgroupMetrics io_group_metrics() {
  CgroupMetrics all = limits_and_weights();
  for (auto& metric : cost()) all.push_back(std::move(metric));
  return all;
}

}  // namespace cgwarden::exporters
