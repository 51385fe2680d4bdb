#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/snapshot.h"
#include "policy/node_facts.h"
#include "policy/policy.h"
#include "policy/resources.h"

namespace cgwarden::policy {

// One control-file write that would bring the kernel to what the policy says.
struct Write {
  std::string cgroup;  // path
  CgroupId id;
  std::string file;       // "memory.max"
  std::string old_value;  // as the kernel would print it
  std::string new_value;
  std::string policy;       // name of the winner
  SourcePosition position;  // of the knob in its file
  Mode mode = Mode::enforce;
  std::vector<std::string>
      losers;  // policies that wanted another value here, highest priority first
};

// A knob that a policy wants but that is not written, with the reason ("controller memory is not
// enabled for /x", "owned by systemd").
struct Skip {
  std::string cgroup;
  std::string file;
  std::string policy;
  SourcePosition position;
  std::string reason;
  std::string_view rule{};  // of lint_rules.h; may be empty
};

// A knob that has the value that an enforced policy wants.
struct Held {
  CgroupId id;
  std::string file;
  std::string value;  // as the kernel prints it
};

// Writes stand in kernel-legal order: parents before children; within a cgroup cpu.idle before
// cpu.weight, a lowered cpu.max.burst before cpu.max before a raised cpu.max.burst, memory.max
// raised before and lowered after memory.high and so on.
struct Plan {
  std::vector<Write> writes;
  std::vector<Skip> skips;
  std::vector<Held> held;            // what is in force and needs no write
  std::vector<Diagnostic> warnings;  // accepted by the kernel but useless or dangerous: high >=
                                     // max, max below current use, matched nothing
  [[nodiscard]] bool empty() const { return writes.empty(); }
};

// May this cgroup be written through cgroupfs? A reason when not (policy.md section 7: systemd
// takes its cgroups back at the next reload).
using Ownership = std::function<std::optional<std::string>(std::string_view cgroup_path)>;

// Pure. Equal values make no write; a second plan after an applied first is empty. A policy of mode
// plan never changes what the others enforce: its writes are those of a world in which all policies
// are in force, and stand behind the enforced ones of the same cgroup.
[[nodiscard]] Plan plan(const cgroup::Snapshot& snapshot, const std::vector<Policy>& policies,
                        const Ownership& may_not_write = {}, const NodeFacts& facts = {});

// The writes that give one cgroup its own Resources (a workload's), in the same order and with the
// same compare.
[[nodiscard]] Plan plan_resources(const cgroup::Sample& sample, const Resources& resources,
                                  const std::string& owner);

// Like a diff: "/path\n  memory.max  max -> 67108864 (64.0 MiB)   policy NAME (file:line)".
[[nodiscard]] std::string render(const Plan& plan);

// {"version": 1, "writes": [...], "skips": [...], "warnings": [...]}; bytes of a cgroup's name that
// are not UTF-8 become U+FFFD.
[[nodiscard]] std::string to_json(const Plan& plan);

}  // namespace cgwarden::policy
