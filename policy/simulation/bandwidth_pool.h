#pragma once

#include "policy/simulation/cpu_setting.h"

namespace cgwarden::policy::simulation {

// /proc/sys/kernel/sched_cfs_bandwidth_slice_us: what one CPU takes from the pool at a time.
inline constexpr double kSliceUsec = 5000;
// min_cfs_rq_runtime (kernel/sched/fair.c): what a CPU keeps of a slice when it has nothing to run.
inline constexpr double kKeptUsec = 1000;

// The run time of one cgroup under a finite quota, as kernel/sched/fair.c hands it out: refilled at
// the start of each period with the quota, also while idle, up to quota + burst. Microseconds of
// CPU.
class BandwidthPool {
 public:
  // The quota must not be "max".
  explicit BandwidthPool(const CpuSetting& setting);

  // The start of a period (__refill_cfs_bandwidth_runtime). `kept`: what stays with the CPUs that
  // hold it over the refill.
  void refill(double kept = 0);
  // Less than `wanted` when the pool has less.
  [[nodiscard]] double take(double wanted);
  void give_back(double runtime) { runtime_ += runtime; }
  // A write to cpu.max, of the same value too: the pool is refilled (tg_set_cfs_bandwidth).
  void write(const CpuSetting& setting);

  [[nodiscard]] double runtime() const { return runtime_; }
  [[nodiscard]] double quota() const { return quota_; }

 private:
  double quota_ = 0;
  double burst_ = 0;
  double runtime_ = 0;
};

}  // namespace cgwarden::policy::simulation
