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

// By whom a control file is written.
enum class Through {
  cgroupfs,  // by us
  systemd,   // by systemd, as a property of the unit whose cgroup it is
};

// What a limit or a protection is worth where it stands.
struct Effective {
  std::string value;  // "0.5 CPUs", "67108864 (64.0 MiB)", "max"
  std::string by;     // the cgroup whose setting makes it so; its own path: nothing above does
  bool operator==(const Effective&) const = default;
};

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
  OnDrift drift = OnDrift::repair;
  bool allow_oom = false;
  Through through = Through::cgroupfs;
  std::optional<Effective> effective = {};  // with the whole plan in force; add_effective()
  bool step = false;  // on the way to what the policy wants, which a later plan writes
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
  std::vector<Write> later;  // of a later plan, once what it waits for is in force: a burst
                             // beside a quota that systemd writes
  std::vector<Skip> skips;
  std::vector<Held> held;            // what is in force and needs no write
  std::vector<Diagnostic> warnings;  // accepted by the kernel but useless or dangerous: high >=
                                     // max, max below current use, matched nothing
  [[nodiscard]] bool empty() const { return writes.empty(); }
};

// Who may write a cgroup: one manager alone (systemd's CGROUP_DELEGATION.md).
struct Access {
  Through through = Through::cgroupfs;
  std::string refusal = {};    // why it is not written; empty: it may be
  bool adoptable = false;      // a policy with `owner: adopt` writes it all the same
  std::string_view rule = {};  // of lint_rules.h; may be empty
  std::string holds = {};      // a protected cgroup, or a glob of some, that is below it whatever
                               // the snapshot says; empty: none is by its name
};
using Ownership = std::function<Access(std::string_view cgroup_path)>;

// Pure. Equal values make no write; a second plan after an applied first is empty. A policy of mode
// plan never changes what the others enforce: its writes are those of a world in which all policies
// are in force, and stand behind the enforced ones of the same cgroup. `pause` is called after
// every few cgroups, for who must not wait for all of them; it may plan something else.
[[nodiscard]] Plan plan(const cgroup::Snapshot& snapshot, const std::vector<Policy>& policies,
                        const Ownership& owner_of = {}, const NodeFacts& facts = {},
                        const std::function<void()>& pause = {});

// Fills Write::effective of cpu.max, memory.{min,low,high,max,swap.max} and pids.max: the least of
// the limits of the cgroup and of those above it, and the protection that is left of the setting
// (cgroup-v2.rst; mm/page_counter.c). Of enforced writes with the enforced policies in force, of
// the others with all. Absent where a value it depends on is not known.
void add_effective(Plan& plan, const cgroup::Snapshot& snapshot,
                   const std::vector<Policy>& policies, const NodeFacts& facts);

// The writes that give one cgroup its own Resources (a workload's), in the same order and with the
// same compare.
[[nodiscard]] Plan plan_resources(const cgroup::Sample& sample, const Resources& resources,
                                  const std::string& owner);

// Like a diff: "/path\n  memory.max  max -> 67108864 (64.0 MiB)   policy NAME (file:line)".
[[nodiscard]] std::string render(const Plan& plan);

// "67108864 (64.0 MiB)", "50000 100000 (0.5 CPUs)": what a value of this file means.
[[nodiscard]] std::string with_meaning(std::string_view file, const std::string& value);

// {"version": 1, "writes": [...], "later": [...], "skips": [...], "warnings": [...]}; bytes of a
// cgroup's name that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string to_json(const Plan& plan);

}  // namespace cgwarden::policy
