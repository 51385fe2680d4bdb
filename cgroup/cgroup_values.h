// What the BPF program tells of one cgroup: the numbers that the kernel's own show functions print
// from, in the kernel's units. Plain C, as both sides compile it (clang -target bpf and ours).
#ifndef CGWARDEN_CGROUP_CGROUP_VALUES_H
#define CGWARDEN_CGROUP_CGROUP_VALUES_H

#include <linux/types.h>

// Bits of CgroupValues::files: the values of these are exactly what the file would print.
enum CgroupValuesFile {
  kValuesCpuStat = 1,
  kValuesMemory = 2,  // memory.current and memory.events
  kValuesCpuPressure = 4,
  kValuesMemoryPressure = 8,
  kValuesIoPressure = 16,
  kValuesPids = 32,   // pids.current
  kValuesEvents = 64  // cgroup.events
};

// Bits of CgroupValues::keys: lines of cpu.stat that not every cgroup or kernel has.
enum CgroupValuesKey {
  kValuesNice = 1,       // nice_usec
  kValuesForceIdle = 2,  // core_sched.force_idle_usec
  kValuesBandwidth = 4   // nr_periods and what follows it
};

// kernel/sched/psi.c: io some, io full, memory some, memory full, cpu some, cpu full.
enum { kValuesPressureStates = 6, kValuesMemoryEvents = 6 };
// Possible processors of which the parts of pressure are looked at for each cgroup. With more of
// them pressure is read from files, which are then no dearer.
enum { kValuesMostCpus = 512 };

struct CgroupValues {
  __u64 id;  // of the kernfs node: the inode
  __u32 files;
  __u32 keys;
  // cgroup_base_stat::cputime and what cputime_adjust() made of it at the last read of the file.
  __u64 runtime_nsec;
  __u64 user_nsec;
  __u64 system_nsec;
  __u64 shown_user_nsec;
  __u64 shown_system_nsec;
  __u64 nice_nsec;
  __u64 force_idle_nsec;
  __u64 throttled_nsec;
  __u64 burst_nsec;
  __u32 nr_periods;
  __u32 nr_throttled;
  __u32 nr_bursts;
  __u32 populated;
  __u64 memory_bytes;
  // low, high, max, oom, oom_kill, oom_group_kill.
  __u64 memory_events[kValuesMemoryEvents];
  __u64 pids;
  __u64 stalled_nsec[kValuesPressureStates];
  // avg10, avg60, avg300 in percent with 11 bits of fraction (FSHIFT).
  __u32 averages[kValuesPressureStates][3];
  __u32 frozen;
  __u32 reserved;
};

#endif
