#include "policy/resource_merge.h"

#include <algorithm>
#include <string>

#include "policy/kubernetes.h"

namespace cgwarden::policy {
namespace {

// Calls `visit` with each member that holds one knob, and its control file.
template <typename Visit>
void each_knob(Visit visit) {
  visit("cpu.weight", [](auto& r) -> auto& { return r.cpu_weight; });
  visit("cpu.idle", [](auto& r) -> auto& { return r.cpu_idle; });
  visit("cpu.max", [](auto& r) -> auto& { return r.cpu_max; });
  visit("cpu.max.burst", [](auto& r) -> auto& { return r.cpu_max_burst; });
  visit("memory.min", [](auto& r) -> auto& { return r.memory_min; });
  visit("memory.low", [](auto& r) -> auto& { return r.memory_low; });
  visit("memory.high", [](auto& r) -> auto& { return r.memory_high; });
  visit("memory.max", [](auto& r) -> auto& { return r.memory_max; });
  visit("memory.swap.high", [](auto& r) -> auto& { return r.memory_swap_high; });
  visit("memory.swap.max", [](auto& r) -> auto& { return r.memory_swap_max; });
  visit("memory.zswap.max", [](auto& r) -> auto& { return r.memory_zswap_max; });
  visit("memory.oom.group", [](auto& r) -> auto& { return r.memory_oom_group; });
  visit("cpuset.cpus", [](auto& r) -> auto& { return r.cpuset_cpus; });
  visit("cpuset.mems", [](auto& r) -> auto& { return r.cpuset_mems; });
  visit("io.weight", [](auto& r) -> auto& { return r.io_weight; });
  visit("pids.max", [](auto& r) -> auto& { return r.pids_max; });
  visit("cgroup.freeze", [](auto& r) -> auto& { return r.cgroup_freeze; });
  for (std::size_t i = 0; i < kHugePageSizes.size(); ++i) {
    visit("hugetlb." + std::string(kHugePageSizes.at(i)) + ".max",
          [i](auto& r) -> auto& { return r.hugetlb_max.at(i); });
  }
}

}  // namespace

void erase_knob(Resources& resources, std::string_view file) {
  const auto erase = [&](auto& map) {
    const auto at = map.find(std::string(file));
    if (at != map.end()) map.erase(at);
  };
  erase(resources.positions);
  erase(resources.percentages);
  erase(resources.devices);
  each_knob([&](std::string_view name, auto member) {
    if (name == file) member(resources).reset();
  });
}

Resources merge(const Resources& base, const Resources& over) {
  Resources out = base;
  Resources own = over;
  merge_kubernetes(out, own);
  // A value in place of a percentage, a default in place of devices, and the other way round.
  for (const auto& [file, position] : own.positions) erase_knob(out, file);
  out.positions.insert(own.positions.begin(), own.positions.end());
  out.percentages.insert(own.percentages.begin(), own.percentages.end());
  out.devices.insert(own.devices.begin(), own.devices.end());
  each_knob([&](std::string_view, auto member) {
    if (member(own)) member(out) = member(own);
  });
  return out;
}

}  // namespace cgwarden::policy
