// Walks a cgroup and all below it in the kernel (BPF iterator "cgroup") and writes one CgroupValues
// each into a map that the agent has in its memory. A walk that takes its time is cut off, and the
// next one goes on where it ended: cgroup_mutex is held no longer than that. A value that could
// differ from what the file prints is not offered: the agent then reads the file.
#include "cgroup/cgroup_values.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <linux/bpf.h>

#include "cgroup/bpf/kernel_types.h"

// GPL-only helpers and kfuncs are for programs that say so; the rest of the project is not derived
// from this file.
char LICENSE[] SEC("license") = "GPL";

// Set before loading, by what the kernel's BTF says.
const volatile __u32 capacity = 1;
const volatile __u32 cpus = 0;  // possible ones; 0: no pressure
const volatile __u32 page_size = 4096;
const volatile __u32 frozen_bit = 0;
const volatile __u32 css_online = 0;
const volatile __u32 css_visible = 0;
const volatile __u32 flush_css = 0;  // no _Bool: C++ reads this

// Of one walk.
const volatile __u64 walk_nsec = 0;
// A look at the clock is not much less than a cgroup: one for so many of them, which are the least
// that a walk gets on by.
enum { kBetweenLooks = 16 };

// How many the walk came across; more than `capacity` are not written. Set to 0 before each walk.
__u32 seen = 0;
// Before each walk: how many the walks before it have written. They are passed by.
__u32 written = 0;
// There are more. Set to 0 before each walk.
__u32 cut = 0;
static __u64 walk_end = 0;
// By processor: how far its part of a per-CPU variable is from the variable's address.
static __u64 cpu_offsets[kValuesMostCpus];
// As the scheduler counts it, not later than now: when this process was last given the processor.
static __u64 clock_nsec = 0;

// A processor's part of a pressure group, copied whole: its size and offsets are known when the
// program is loaded.
struct PressureOfCpu {
  __u64 words[24];
};
// What the stack has no room for. One walk at a time uses it.
static struct PressureOfCpu part_copy;
static struct PressureOfCpu part_again;
static __u64 total_copy[kValuesPressureStates];
static __u64 total_again[kValuesPressureStates];
static __u64 averaged_copy[kValuesPressureStates];
static unsigned long average_copy[kValuesPressureStates][3];

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct CgroupValues);
} records SEC(".maps");

// Tells cpu_offsets. The kernel's own table is a symbol, and many kernels do not tell those of data
// (CONFIG_KALLSYMS_ALL).
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} probe SEC(".maps");

extern void cgroup_rstat_flush(struct cgroup* cgrp) __ksym __weak;           // 6.1 to 6.15
extern void css_rstat_flush(struct cgroup_subsys_state* css) __ksym __weak;  // 6.16

// The barrier keeps the offset out of the load, whose size libbpf would check against the array's.
#define member_address(pointer, type, member)                                                \
  ({                                                                                         \
    __u64 offset = __builtin_preserve_field_info(((type*)0)->member, BPF_FIELD_BYTE_OFFSET); \
    barrier_var(offset);                                                                     \
    (const char*)(pointer) + offset;                                                         \
  })

// As container_of: the state is the first member of what controllers make of it, today.
#define container(css, type) \
  ((type*)((char*)(css) - __builtin_preserve_field_info(((type*)0)->css, BPF_FIELD_BYTE_OFFSET)))

static __always_inline struct cgroup_subsys_state* controller(struct cgroup* cgrp, __u32 id,
                                                              __u32 wanted) {
  struct cgroup_subsys_state* css = 0;
  __u32 flags = 0;
  const char* states = member_address(cgrp, struct cgroup, subsys);
  if (bpf_probe_read_kernel(&css, sizeof css, states + id * sizeof css) != 0 || !css) return 0;
  if (BPF_CORE_READ_INTO(&flags, css, flags) != 0) return 0;
  return (flags & wanted) == wanted ? css : 0;
}

// kernel/cgroup/rstat.c cgroup_base_stat_cputime_show, kernel/sched/core.c cpu_extra_stat_show.
static __always_inline void read_cpu(struct cgroup* cgrp, struct CgroupValues* out) {
  const struct cgroup_base_stat* stat = &cgrp->bstat;
  out->runtime_nsec = stat->cputime.sum_exec_runtime;
  out->user_nsec = stat->cputime.utime;
  out->system_nsec = stat->cputime.stime;
  out->shown_user_nsec = cgrp->prev_cputime.utime;
  out->shown_system_nsec = cgrp->prev_cputime.stime;
  out->files |= kValuesCpuStat;
  if (bpf_core_field_exists(stat->ntime)) {
    out->nice_nsec = stat->ntime;
    out->keys |= kValuesNice;
  }
  if (bpf_core_field_exists(stat->forceidle_sum)) {
    out->force_idle_nsec = stat->forceidle_sum;
    out->keys |= kValuesForceIdle;
  }
  if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, cpu_cgrp_id)) return;
  if (!bpf_core_field_exists(((struct task_group*)0)->cfs_bandwidth)) return;
  struct cgroup_subsys_state* css =
      controller(cgrp, bpf_core_enum_value(enum cgroup_subsys_id, cpu_cgrp_id), css_online);
  if (!css) return;
  const struct cfs_bandwidth* bandwidth = &container(css, struct task_group)->cfs_bandwidth;
  long failed = 0;
  failed |= BPF_CORE_READ_INTO(&out->nr_periods, bandwidth, nr_periods);
  failed |= BPF_CORE_READ_INTO(&out->nr_throttled, bandwidth, nr_throttled);
  failed |= BPF_CORE_READ_INTO(&out->throttled_nsec, bandwidth, throttled_time);
  failed |= BPF_CORE_READ_INTO(&out->nr_bursts, bandwidth, nr_burst);
  failed |= BPF_CORE_READ_INTO(&out->burst_nsec, bandwidth, burst_time);
  if (failed) {
    out->files &= ~kValuesCpuStat;
  } else {
    out->keys |= kValuesBandwidth;
  }
}

// mm/memcontrol.c memory_current_read, __memory_events_show.
static __always_inline void read_memory(struct cgroup* cgrp, struct CgroupValues* out) {
  if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)) return;
  struct cgroup_subsys_state* css = controller(
      cgrp, bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id), css_online | css_visible);
  if (!css) return;
  _Static_assert(MEMCG_OOM_GROUP_KILL == kValuesMemoryEvents - 1, "one number for each key");
  if (bpf_core_enum_value(enum memcg_memory_event, MEMCG_LOW) != MEMCG_LOW ||
      bpf_core_enum_value(enum memcg_memory_event, MEMCG_OOM) != MEMCG_OOM ||
      bpf_core_enum_value(enum memcg_memory_event, MEMCG_OOM_KILL) != MEMCG_OOM_KILL ||
      bpf_core_enum_value(enum memcg_memory_event, MEMCG_OOM_GROUP_KILL) != MEMCG_OOM_GROUP_KILL) {
    return;
  }
  struct mem_cgroup* memcg = container(css, struct mem_cgroup);
  long failed = BPF_CORE_READ_INTO(&out->memory_bytes, memcg, memory.usage.counter);
  out->memory_bytes *= page_size;
  failed |= bpf_probe_read_kernel(out->memory_events, sizeof out->memory_events,
                                  member_address(memcg, struct mem_cgroup, memory_events));
  if (!failed) out->files |= kValuesMemory;
}

// kernel/cgroup/pids.c pids_current_read.
static __always_inline void read_pids(struct cgroup* cgrp, struct CgroupValues* out) {
  if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)) return;
  struct cgroup_subsys_state* css = controller(
      cgrp, bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id), css_online | css_visible);
  if (!css) return;
  struct pids_cgroup* pids = container(css, struct pids_cgroup);
  if (BPF_CORE_READ_INTO(&out->pids, pids, counter.counter) == 0) out->files |= kValuesPids;
}

#define of_cpu(member) ((const __u32*)member_address(part_copy.words, struct psi_group_cpu, member))

// The states of which this processor has stall time that the totals lack: a read of the file adds
// it, weighted by what the other processors did.
static __always_inline __u32 unsettled(__u64 pcpu, __u32 cpu) {
  const __u32 all = (1U << kValuesPressureStates) - 1;
  const __u32 size = bpf_core_type_size(struct psi_group_cpu);
  if (size == 0 || size > sizeof part_copy || cpu >= kValuesMostCpus) return all;
  const void* part = (const void*)(pcpu + cpu_offsets[cpu]);
  if (bpf_probe_read_kernel(part_copy.words, size, part) != 0) return all;
  if (bpf_probe_read_kernel(part_again.words, size, part) != 0) return all;
  // The scheduler was at it.
  __u64 changed = 0;
  for (int word = 0; word < 24; ++word) changed |= part_copy.words[word] ^ part_again.words[word];
  if (changed) return all;
  __u32 states = *of_cpu(state_mask) & all;
  const __u32* times = of_cpu(times);
  const __u32* settled = of_cpu(times_prev);  // its first row: PSI_AVGS
#pragma unroll
  for (int state = 0; state < kValuesPressureStates; ++state) {
    if (times[state] != settled[state]) states |= 1U << state;
  }
  return states;
}

static __always_inline _Bool states_are_known(void) {
  return bpf_core_enum_value(enum psi_states, PSI_IO_SOME) == PSI_IO_SOME &&
         bpf_core_enum_value(enum psi_states, PSI_IO_FULL) == PSI_IO_FULL &&
         bpf_core_enum_value(enum psi_states, PSI_MEM_SOME) == PSI_MEM_SOME &&
         bpf_core_enum_value(enum psi_states, PSI_MEM_FULL) == PSI_MEM_FULL &&
         bpf_core_enum_value(enum psi_states, PSI_CPU_SOME) == PSI_CPU_SOME &&
         bpf_core_enum_value(enum psi_states, PSI_CPU_FULL) == PSI_CPU_FULL;
}

// kernel/sched/psi.c psi_show: it settles the stall times of all processors, and the averages when
// their time has come. A resource is offered when neither would change anything.
static __always_inline void read_pressure(struct cgroup* cgrp, struct CgroupValues* out) {
  if (!bpf_core_field_exists(cgrp->psi)) return;
  struct psi_group* group = cgrp->psi;
  if (cpus == 0 || !group || !group->enabled || !states_are_known()) return;
  // Somebody settles it now: the parts do not fit each other.
  if (*(volatile long*)&group->avgs_lock.owner.counter != 0) return;
  const _Bool current = clock_nsec != 0 && clock_nsec < group->avg_next_update;
  __u32 stale = 0;
  // The first row of total: PSI_AVGS.
  const char* total = member_address(group, struct psi_group, total);
  long failed = bpf_probe_read_kernel(total_copy, sizeof total_copy, total);
  failed |= bpf_probe_read_kernel(averaged_copy, sizeof averaged_copy,
                                  member_address(group, struct psi_group, avg_total));
  failed |= bpf_probe_read_kernel(average_copy, sizeof average_copy,
                                  member_address(group, struct psi_group, avg));
  if (failed) return;
  for (int state = 0; state < kValuesPressureStates; ++state) {
    const unsigned long* average = average_copy[state];
    out->stalled_nsec[state] = total_copy[state];
    out->averages[state][0] = average[0];
    out->averages[state][1] = average[1];
    out->averages[state][2] = average[2];
    if ((average[0] | average[1] | average[2]) != 0 || total_copy[state] != averaged_copy[state]) {
      stale |= 1U << state;
    }
  }
  if (current) stale = 0;
  __u64 parts = 0;
  if (bpf_probe_read_kernel(&parts, sizeof parts, &group->pcpu) != 0) return;
  for (__u32 cpu = 0; cpu < cpus && cpu < kValuesMostCpus; ++cpu) stale |= unsettled(parts, cpu);
  if (*(volatile long*)&group->avgs_lock.owner.counter != 0) return;
  if (bpf_probe_read_kernel(total_again, sizeof total_again, total) != 0) return;
  for (int state = 0; state < kValuesPressureStates; ++state) {
    if (total_copy[state] != total_again[state]) return;
  }
  if (!(stale & (1U << PSI_IO_SOME | 1U << PSI_IO_FULL))) out->files |= kValuesIoPressure;
  if (!(stale & (1U << PSI_MEM_SOME | 1U << PSI_MEM_FULL))) out->files |= kValuesMemoryPressure;
  if (!(stale & (1U << PSI_CPU_SOME | 1U << PSI_CPU_FULL))) out->files |= kValuesCpuPressure;
}

// The address itself: the verifier counts with no pointer into a map.
static __always_inline __u64 address_of(const void* pointer) {
  __u64 address = 0;
  bpf_probe_read_kernel(&address, sizeof address, &pointer);
  return address;
}

static __always_inline void start_clock(void) {
  walk_end = bpf_ktime_get_ns() + walk_nsec;
  const struct task_struct* task = bpf_get_current_task_btf();
  clock_nsec =
      bpf_core_field_exists(task->sched_info.last_arrival) ? task->sched_info.last_arrival : 0;
}

// In the first walk: what processors have not handed up yet goes into all cgroups below.
static __always_inline void prepare(struct cgroup* top) {
  if (flush_css) {
    css_rstat_flush((struct cgroup_subsys_state*)top);
  } else {
    cgroup_rstat_flush(top);
  }
  __u64 variable = 0;
  const __u32 first = 0;
  bpf_probe_read_kernel(&variable, sizeof variable,
                        member_address(address_of(&probe), struct bpf_array, pptrs));
  for (__u32 cpu = 0; cpu < cpus && cpu < kValuesMostCpus; ++cpu) {
    const void* part = bpf_map_lookup_percpu_elem(&probe, &first, cpu);
    if (part) cpu_offsets[cpu] = address_of(part) - variable;
  }
}

SEC("iter.s/cgroup")
int tell_values(struct bpf_iter__cgroup* context) {
  struct cgroup* cgrp = context->cgroup;
  if (!cgrp) return 0;
  const __u32 place = seen++;
  if (place == 0) start_clock();
  if (place == 0 && written == 0) prepare(cgrp);
  if (place < written || place >= capacity) return 0;
  struct CgroupValues* out = bpf_map_lookup_elem(&records, &place);
  if (!out) return 0;
  out->id = cgrp->kn->id;
  out->files = 0;
  out->keys = 0;
  // The root's files are made of the machine's totals.
  if (out->id == 1) return 0;
  out->populated = cgrp->nr_populated_csets + cgrp->nr_populated_domain_children +
                   cgrp->nr_populated_threaded_children;
  out->frozen = (cgrp->flags >> frozen_bit) & 1;
  out->files |= kValuesEvents;
  read_cpu(cgrp, out);
  read_memory(cgrp, out);
  read_pids(cgrp, out);
  read_pressure(cgrp, out);
  if ((place + 1 - written) % kBetweenLooks != 0 || bpf_ktime_get_ns() < walk_end) return 0;
  cut = 1;
  return 1;  // ends the walk
}
