#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/samples.h"
#include "tests/cgroup/grouped_facts.h"

namespace cgwarden::cgroup::testing {

inline Facts facts(const CpuStat& s) {
  Facts f;
  add(f, "usage_usec", s.usage_usec);
  add(f, "user_usec", s.user_usec);
  add(f, "system_usec", s.system_usec);
  add(f, "nice_usec", s.nice_usec);
  add(f, "core_sched.force_idle_usec", s.core_sched_force_idle_usec);
  add(f, "nr_periods", s.nr_periods);
  add(f, "nr_throttled", s.nr_throttled);
  add(f, "throttled_usec", s.throttled_usec);
  add(f, "nr_bursts", s.nr_bursts);
  add(f, "burst_usec", s.burst_usec);
  return f;
}

inline Facts facts(const CpuStatLocal& s) {
  Facts f;
  add(f, "throttled_usec", s.throttled_usec);
  return f;
}

inline Facts facts(const CpuMax& s) {
  return {{"quota", show(s.quota)}, {"period", show(s.period)}};
}

inline Facts facts(const MemoryEvents& s) {
  Facts f;
  add(f, "low", s.low);
  add(f, "high", s.high);
  add(f, "max", s.max);
  add(f, "oom", s.oom);
  add(f, "oom_kill", s.oom_kill);
  add(f, "oom_group_kill", s.oom_group_kill);
  return f;
}

inline Facts facts(const SwapEvents& s) {
  Facts f;
  add(f, "high", s.high);
  add(f, "max", s.max);
  add(f, "fail", s.fail);
  return f;
}

inline Facts facts(const MemoryStat& s) {
  Facts f;
  add(f, "anon", s.anon);
  add(f, "file", s.file);
  add(f, "kernel", s.kernel);
  add(f, "kernel_stack", s.kernel_stack);
  add(f, "pagetables", s.pagetables);
  add(f, "percpu", s.percpu);
  add(f, "sock", s.sock);
  add(f, "shmem", s.shmem);
  add(f, "zswap", s.zswap);
  add(f, "zswapped", s.zswapped);
  add(f, "file_mapped", s.file_mapped);
  add(f, "file_dirty", s.file_dirty);
  add(f, "file_writeback", s.file_writeback);
  add(f, "swapcached", s.swapcached);
  add(f, "inactive_anon", s.inactive_anon);
  add(f, "active_anon", s.active_anon);
  add(f, "inactive_file", s.inactive_file);
  add(f, "active_file", s.active_file);
  add(f, "unevictable", s.unevictable);
  add(f, "slab_reclaimable", s.slab_reclaimable);
  add(f, "slab_unreclaimable", s.slab_unreclaimable);
  add(f, "slab", s.slab);
  add(f, "workingset_refault_anon", s.workingset_refault_anon);
  add(f, "workingset_refault_file", s.workingset_refault_file);
  add(f, "pgscan", s.pgscan);
  add(f, "pgsteal", s.pgsteal);
  add(f, "pgfault", s.pgfault);
  add(f, "pgmajfault", s.pgmajfault);
  return f;
}

inline Facts facts(const std::vector<MemoryNode>& nodes) {
  Facts f;
  for (const MemoryNode& node : nodes) {
    const std::string name = "N" + std::to_string(node.node);
    f[name] = "";
    for (const auto& [key, value] : facts(node.stat)) f[name + " " + key] = value;
    for (const auto& [key, value] : facts(node.more)) f[name + " " + key] = value;
  }
  return f;
}

inline void add_line(Facts& f, const std::string& key, const std::optional<PressureLine>& line) {
  if (!line) return;
  const auto percent = [&](const char* name, double value) {
    char text[64];
    const auto [end, error] =
        std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 2);
    f[key + "." + name] = error == std::errc{} ? std::string(text, end) : "too long";
  };
  percent("avg10", line->avg10);
  percent("avg60", line->avg60);
  percent("avg300", line->avg300);
  f[key + ".total"] = show(line->total_usec);
}

inline Facts facts(const Pressure& s) {
  Facts f;
  add_line(f, "some", s.some);
  add_line(f, "full", s.full);
  return f;
}

inline Facts facts(const std::vector<IoStat>& devices) {
  Facts f;
  for (const IoStat& d : devices) {
    const std::string key = device_key(d);
    f[key] = "";
    add(f, key + " rbytes", d.rbytes);
    add(f, key + " wbytes", d.wbytes);
    add(f, key + " rios", d.rios);
    add(f, key + " wios", d.wios);
    add(f, key + " dbytes", d.dbytes);
    add(f, key + " dios", d.dios);
  }
  return f;
}

inline Facts facts(const std::vector<IoMax>& devices) {
  Facts f;
  for (const IoMax& d : devices) {
    const std::string key = device_key(d);
    f[key] = "";
    add(f, key + " rbps", d.rbps);
    add(f, key + " wbps", d.wbps);
    add(f, key + " riops", d.riops);
    add(f, key + " wiops", d.wiops);
  }
  return f;
}

inline Facts facts(const IoWeight& s) {
  Facts f;
  if (s.default_weight) f["default"] = std::to_string(*s.default_weight);
  for (const IoWeight::Device& d : s.devices) f[device_key(d)] = std::to_string(d.weight);
  return f;
}

inline Facts facts(const PidsEvents& s) {
  Facts f;
  add(f, "max", s.max);
  return f;
}

inline Facts facts(const CgroupEvents& s) {
  Facts f;
  add(f, "populated", s.populated);
  add(f, "frozen", s.frozen);
  return f;
}

inline Facts facts(const CgroupStat& s) {
  Facts f;
  add(f, "nr_descendants", s.nr_descendants);
  add(f, "nr_dying_descendants", s.nr_dying_descendants);
  return f;
}

inline Facts facts(CgroupType type) {
  switch (type) {
    case CgroupType::domain:
      return {{"type", "domain"}};
    case CgroupType::domain_threaded:
      return {{"type", "domain threaded"}};
    case CgroupType::domain_invalid:
      return {{"type", "domain invalid"}};
    case CgroupType::threaded:
      return {{"type", "threaded"}};
  }
  return {};
}

inline Facts facts(const std::vector<std::string>& words) {
  Facts f;
  for (const std::string& word : words) f[word] = word;
  return f;
}

inline Facts facts(std::uint64_t value) { return {{"", show(value)}}; }
inline Facts facts(bool value) { return {{"", show(value)}}; }
inline Facts facts(Bytes value) { return {{"", show(value)}}; }
inline Facts facts(Usec value) { return {{"", show(value)}}; }
inline Facts facts(std::uint32_t value) { return {{"", std::to_string(value)}}; }
template <typename T>
Facts facts(const LimitOf<T>& value) {
  return {{"", show(value)}};
}

inline void add_grouped(Facts& all, const GroupedFiles& g) {
  const auto file = [&](const std::string& name, const auto& member) {
    if (!member) return;
    all[name] = "present";
    for (const auto& [key, value] : facts(*member)) all[name + "|" + key] = value;
  };
  file("cgroup.stat", g.cgroup_subsystems);
  file("cgroup.max.depth", g.cgroup_max_depth);
  file("cgroup.max.descendants", g.cgroup_max_descendants);
  file("cpu.uclamp.min", g.cpu_uclamp_min);
  file("cpu.uclamp.max", g.cpu_uclamp_max);
  file("cpuset.cpus", g.cpuset_cpus);
  file("cpuset.cpus.effective", g.cpuset_cpus_effective);
  file("cpuset.cpus.exclusive", g.cpuset_cpus_exclusive);
  file("cpuset.cpus.exclusive.effective", g.cpuset_cpus_exclusive_effective);
  file("cpuset.cpus.isolated", g.cpuset_cpus_isolated);
  file("cpuset.mems", g.cpuset_mems);
  file("cpuset.mems.effective", g.cpuset_mems_effective);
  file("cpuset.cpus.partition", g.cpuset_cpus_partition);
  file("memory.stat", g.memory_stat);
  file("memory.numa_stat", g.memory_numa_stat);
  file("memory.zswap.current", g.memory_zswap_current);
  file("memory.zswap.max", g.memory_zswap_max);
  file("memory.zswap.writeback", g.memory_zswap_writeback);
  file("io.stat", g.io_cost);
  file("io.latency", g.io_latency);
  file("io.prio.class", g.io_prio_class);
  file("io.cost.qos", g.io_cost_qos);
  file("io.cost.model", g.io_cost_model);
  file("rdma.current", g.rdma_current);
  file("rdma.max", g.rdma_max);
  file("misc.capacity", g.misc_capacity);
  file("misc.current", g.misc_current);
  file("misc.peak", g.misc_peak);
  file("misc.max", g.misc_max);
  file("misc.events", g.misc_events);
  file("misc.events.local", g.misc_events_local);
  for (const HugetlbSize& size : g.hugetlb) {
    const std::string name = "hugetlb." + size.size + ".";
    file(name + "current", size.current);
    file(name + "max", size.max);
    file(name + "rsvd.current", size.rsvd_current);
    file(name + "rsvd.max", size.rsvd_max);
    file(name + "events", size.events_max);
    file(name + "events.local", size.events_local_max);
  }
}

// "cpu.stat|usage_usec" -> "123" for every present member.
inline Facts facts(const Sample& s) {
  Facts all;
  if (s.grouped) add_grouped(all, *s.grouped);
  const auto file = [&](const char* name, const auto& member) {
    if (!member) return;
    all[name] = "present";
    for (const auto& [key, value] : facts(*member)) all[std::string(name) + "|" + key] = value;
  };
  file("cpu.stat", s.cpu_stat);
  file("cpu.stat.local", s.cpu_stat_local);
  file("cpu.max", s.cpu_max);
  file("cpu.max.burst", s.cpu_max_burst);
  file("cpu.weight", s.cpu_weight);
  file("cpu.idle", s.cpu_idle);
  file("memory.current", s.memory_current);
  file("memory.peak", s.memory_peak);
  file("memory.min", s.memory_min);
  file("memory.low", s.memory_low);
  file("memory.high", s.memory_high);
  file("memory.max", s.memory_max);
  file("memory.oom.group", s.memory_oom_group);
  file("memory.swap.current", s.memory_swap_current);
  file("memory.swap.peak", s.memory_swap_peak);
  file("memory.swap.high", s.memory_swap_high);
  file("memory.swap.max", s.memory_swap_max);
  file("memory.swap.events", s.memory_swap_events);
  file("memory.stat", s.memory_stat);
  file("memory.events", s.memory_events);
  file("memory.events.local", s.memory_events_local);
  file("cpu.pressure", s.cpu_pressure);
  file("memory.pressure", s.memory_pressure);
  file("io.pressure", s.io_pressure);
  file("irq.pressure", s.irq_pressure);
  file("io.stat", s.io_stat);
  file("io.max", s.io_max);
  file("io.weight", s.io_weight);
  file("pids.current", s.pids_current);
  file("pids.peak", s.pids_peak);
  file("pids.max", s.pids_max);
  file("pids.events", s.pids_events);
  file("pids.events.local", s.pids_events_local);
  file("cgroup.events", s.cgroup_events);
  file("cgroup.stat", s.cgroup_stat);
  file("cgroup.type", s.cgroup_type);
  file("cgroup.freeze", s.cgroup_freeze);
  file("cgroup.controllers", s.controllers);
  file("cgroup.subtree_control", s.subtree_control);
  return all;
}

}  // namespace cgwarden::cgroup::testing
