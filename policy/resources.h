#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "cgroup/samples.h"
#include "policy/diagnostic.h"
#include "policy/values.h"

namespace cgwarden::policy {

// The page sizes of hugetlb on x86-64 and arm64, as the kernel names their files.
inline constexpr std::array<std::string_view, 6> kHugePageSizes{"64KB",  "2MB", "32MB",
                                                                "512MB", "1GB", "16GB"};

// What a policy wants of one block device.
struct DeviceSetting {
  std::string device;  // "sda", "/dev/disk/by-id/...", "8:0"
  std::string value;   // as the kernel prints it behind the number: "rbps=1048576", "target=10000"
  std::string partition_of = {};  // the disk of which it is one, found on the node: not written
  bool operator==(const DeviceSetting&) const = default;
};

// A quantity of the blocks `requests` and `limits`, as it is written.
struct KubernetesQuantity {
  std::uint64_t value = 0;
  SourcePosition position;
};
// By name ("requests.cpu"), as kubernetes.h has them.
using KubernetesBlock = std::map<std::string_view, KubernetesQuantity>;

// The blocks `cpu: cpuset: memory: io: pids: hugetlb: cgroup:` of a Policy or Workload. An absent
// member means "not managed", never a default.
struct Resources {
  std::optional<std::uint32_t> cpu_weight;  // cpu.weight 1..10000
  std::optional<bool> cpu_idle;             // cpu.idle
  std::optional<cgroup::CpuMax> cpu_max;    // cpu.max: `1.5` cores, `500m`, `250ms/100ms`, `max`;
                                            // quota >= 1 ms, period 1 ms..1 s
  std::optional<Usec> cpu_max_burst;        // cpu.max.burst, at most the quota
  std::optional<LimitOf<Bytes>> memory_min;
  std::optional<LimitOf<Bytes>> memory_low;
  std::optional<LimitOf<Bytes>> memory_high;
  std::optional<LimitOf<Bytes>> memory_max;
  std::optional<LimitOf<Bytes>> memory_swap_high;
  std::optional<LimitOf<Bytes>> memory_swap_max;
  std::optional<LimitOf<Bytes>> memory_zswap_max;
  std::optional<bool> memory_oom_group;
  std::optional<std::string> cpuset_cpus;  // "0-3,7", as the kernel prints it
  std::optional<std::string> cpuset_mems;
  std::optional<std::uint32_t> io_weight;  // io.weight's default, 1..10000
  std::optional<LimitOf<std::uint64_t>> pids_max;
  // hugetlb.<size>.max, in the order of kHugePageSizes.
  std::array<std::optional<LimitOf<Bytes>>, kHugePageSizes.size()> hugetlb_max;
  std::optional<bool> cgroup_freeze;  // cgroup.freeze

  // io.max, io.latency, and io.weight of single devices, by control-file name.
  std::map<std::string, std::vector<DeviceSetting>, std::less<>> devices;

  // What the knobs of `requests` and `limits` were made of, for when more of them comes.
  KubernetesBlock kubernetes;

  // Values that are percentages, by control-file name, until percentage.h makes them values of a
  // cgroup. A Policy alone has them.
  std::map<std::string, Percentage, std::less<>> percentages;

  // Where each knob was written, by control-file name ("memory.max").
  std::map<std::string, SourcePosition> positions;

  [[nodiscard]] bool empty() const;
};

}  // namespace cgwarden::policy
