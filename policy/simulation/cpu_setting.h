#pragma once

#include "base/units.h"
#include "cgroup/samples.h"

namespace cgwarden::policy::simulation {

// cpu.max and cpu.max.burst together (Documentation/scheduler/sched-bwc.rst). burst <= quota, or
// the kernel refuses it.
struct CpuSetting {
  cgroup::CpuMax max{Max{}, Usec{100000}};
  Usec burst{0};
  bool operator==(const CpuSetting&) const = default;
};

// What it reserves: quota / period. Not for a quota of "max".
[[nodiscard]] inline double cores(const CpuSetting& setting) {
  return static_cast<double>(std::get<Usec>(setting.max.quota).count()) /
         static_cast<double>(setting.max.period.count());
}

}  // namespace cgwarden::policy::simulation
