#pragma once

#include <string>
#include <vector>

#include "policy/decision.h"
#include "policy/plan.h"

namespace cgwarden::policy {

// A write with the amounts that its place depends on.
struct OrderedWrite {
  Write write;
  std::uint64_t old_amount = 0;
  std::uint64_t new_amount = 0;
};

// Puts the writes of one cgroup in an order in which the kernel accepts each of them
// (kernel/sched/core.c: a burst above the quota, or a weight while cpu.idle is 1, are EINVAL), and
// in which no memory limit is tightened before a looser one gives way.
void sort_by_kernel_order(std::vector<OrderedWrite>& writes);

struct Refusal {
  std::string reason;
  std::string_view rule;  // of lint_rules.h
};

// The decisions that the kernel would refuse because of another knob's value, by control-file name,
// with the reason. Values of knobs that are not decided are those of `sample`.
[[nodiscard]] std::map<std::string_view, Refusal> find_refused(const Decisions& decisions,
                                                               const cgroup::Sample& sample);

}  // namespace cgwarden::policy
