#pragma once

#include <cstddef>

#include "cgroup/cgroup_values.h"
#include "cgroup/samples.h"

namespace cgwarden::cgroup {

// Puts into the sample what the file at `file` of sampled_files() would say, rounded as the kernel
// rounds it. false, and the sample as it was, when the values do not offer that file or are none
// that a kernel prints: the file has to be read.
[[nodiscard]] bool take_value(const CgroupValues& values, std::size_t file, Sample& sample);

// The kernel keeps user and system time from falling, but only from one read of the file to the
// next (kernel/sched/cputime.c cputime_adjust): does the same where `now` and `before` may come
// from the file or not. The sum stays.
void keep_rising(const CpuStat& before, CpuStat& now);

}  // namespace cgwarden::cgroup
