#pragma once

#include <cstddef>
#include <memory>

#include "base/limits.h"
#include "base/result.h"
#include "base/units.h"
#include "cgroup/tree.h"
#include "cgroup/value_source.h"

namespace cgwarden::cgroup {

// For how many cgroups room is made at first; it grows by itself, which is a load like the first.
inline constexpr std::size_t kFirstRecords = 1024;
// After which a walk is cut off, natively some thousand cgroups. What a walk takes on top: the
// cgroups that the walks before it have told, which it passes by, and the flush of the first one.
inline constexpr Usec kWalkTime{2000};

// The values of all cgroups of `tree` from walks in the kernel, by a BPF program
// (kernel/bpf/cgroup_iter.c, from 6.1): no file is opened, nothing is parsed. Needs CAP_BPF and
// CAP_PERFMON, and a kernel with BTF. not_supported or not_permitted, with the reason, when it
// cannot be had; so does a build that has no BPF compiler or no libbpf.
//
// A walk holds the kernel's cgroup_mutex, so that cgroups that are made meanwhile wait for it
// (docs/adr/0022-bpf-collector-off-by-default.md): no walk goes on for longer than `walk_time` and
// sixteen cgroups more.
// Room is made for no more than `most_records` cgroups: the others are not told. From any thread;
// what it returns is one thread's at a time.
[[nodiscard]] Result<std::unique_ptr<ValueSource>> open_cgroup_iterator(
    const Tree& tree, std::size_t records = kFirstRecords,
    std::size_t most_records = limits::kCgroupsWatched, Usec walk_time = kWalkTime);

}  // namespace cgwarden::cgroup
