// The members of the kernel's structures that the program reads, and no other. The loader puts the
// offsets of the running kernel in (CO-RE), so that order and size do not matter here. Of an array
// only the place is asked for; BTF has those of two dimensions flat.
#ifndef CGWARDEN_CGROUP_BPF_KERNEL_TYPES_H
#define CGWARDEN_CGROUP_BPF_KERNEL_TYPES_H

#include <linux/types.h>

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
  long counter;
} atomic_long_t;

typedef struct {
  __s64 counter;
} atomic64_t;

struct mutex {
  atomic_long_t owner;
};

struct cgroup;

struct cgroup_subsys_state {
  struct cgroup* cgroup;
  unsigned int flags;
};

struct kernfs_node {
  __u64 id;
};

struct task_cputime {
  __u64 stime;
  __u64 utime;
  unsigned long long sum_exec_runtime;
};

struct prev_cputime {
  __u64 utime;
  __u64 stime;
};

struct cgroup_base_stat {
  struct task_cputime cputime;
  __u64 forceidle_sum;  // CONFIG_SCHED_CORE
  __u64 ntime;          // 6.11
};

enum psi_states {
  PSI_IO_SOME,
  PSI_IO_FULL,
  PSI_MEM_SOME,
  PSI_MEM_FULL,
  PSI_CPU_SOME,
  PSI_CPU_FULL,
};

struct psi_group_cpu {
  __u32 state_mask;
  __u32 times[1];
  __u32 times_prev[1];
};

struct psi_group {
  _Bool enabled;
  struct mutex avgs_lock;
  struct psi_group_cpu* pcpu;  // __percpu
  __u64 avg_total[1];
  __u64 avg_next_update;
  __u64 total[1];
  unsigned long avg[1];
};

struct cgroup {
  unsigned long flags;
  int nr_populated_csets;
  int nr_populated_domain_children;
  int nr_populated_threaded_children;
  struct kernfs_node* kn;
  struct cgroup_subsys_state* subsys[1];
  struct cgroup_base_stat bstat;
  struct prev_cputime prev_cputime;
  struct psi_group* psi;  // NULL with psi=0
};

struct cfs_bandwidth {
  int nr_periods;
  int nr_throttled;
  int nr_burst;
  __u64 throttled_time;
  __u64 burst_time;
};

struct task_group {
  struct cgroup_subsys_state css;
  struct cfs_bandwidth cfs_bandwidth;  // CONFIG_CFS_BANDWIDTH
};

struct page_counter {
  atomic_long_t usage;
};

enum memcg_memory_event {
  MEMCG_LOW,
  MEMCG_HIGH,
  MEMCG_MAX,
  MEMCG_OOM,
  MEMCG_OOM_KILL,
  MEMCG_OOM_GROUP_KILL,
};

struct mem_cgroup {
  struct cgroup_subsys_state css;
  struct page_counter memory;
  atomic_long_t memory_events[1];
};

struct pids_cgroup {
  struct cgroup_subsys_state css;
  atomic64_t counter;
};

enum cgroup_subsys_id {
  cpu_cgrp_id = 1,
  memory_cgrp_id = 4,
  pids_cgrp_id = 11,
};

struct sched_info {
  unsigned long long last_arrival;
};

struct task_struct {
  struct sched_info sched_info;  // empty without CONFIG_SCHED_INFO
};

struct bpf_array {
  void* pptrs[1];
};

struct bpf_iter_meta {
  __u64 seq_num;
};

struct bpf_iter__cgroup {
  struct bpf_iter_meta* meta;
  struct cgroup* cgroup;
};

#pragma clang attribute pop

#endif
