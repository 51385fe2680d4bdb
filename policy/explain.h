#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cgroup/snapshot.h"
#include "policy/node_facts.h"
#include "policy/original.h"
#include "policy/plan.h"
#include "policy/policy.h"

namespace cgwarden::policy {

// A policy that has something to say about a knob.
struct Claim {
  std::string policy;
  SourcePosition position;
  int priority = 0;
  Mode mode = Mode::enforce;
  // As the kernel would print it; empty: a percentage of what is not known, or a loop's.
  std::string value;
  bool loop = false;  // a loop of the policy (`adapt:`) finds it
};

// Who gave a control file the value that it has.
enum class SetBy {
  agent,     // for a policy
  apply,     // `cgwarden policy apply`
  workload,  // us, for the workload's own resources
  nobody,    // it is what the kernel begins with
  other,     // systemd, a container runtime or a person: not us
};

// Why one control file of a cgroup has its value.
struct KnobExplanation {
  std::string file;
  std::string now;                     // as the kernel prints it
  std::optional<Effective> effective;  // as it stands now
  std::vector<Claim> claims;           // the winner of those in force first, then by precedence
  std::optional<Claim> winner;         // of the policies that are enforced
  SetBy set_by = SetBy::other;
  std::optional<Original> original;  // of the journal
  std::string pending;               // why it is not what the winner wants; empty: it is
};

struct Explanation {
  std::string cgroup;
  CgroupId id;
  std::string owner;                   // who may write it, in words
  std::vector<KnobExplanation> knobs;  // of all files that can be read
};

// Pure. nullopt: there is no such cgroup in the snapshot. `originals`: of the journal, at least of
// this cgroup.
[[nodiscard]] std::optional<Explanation> explain(const std::string& cgroup,
                                                 const cgroup::Snapshot& snapshot,
                                                 const std::vector<Policy>& policies,
                                                 const std::vector<Original>& originals,
                                                 const Access& access, const NodeFacts& facts);

// For people: knobs that have the kernel's own value and no policy are one line together.
[[nodiscard]] std::string render(const Explanation& explanation);
// {"version": 1, "cgroup": ..., "knobs": [...]}
[[nodiscard]] std::string to_json(const Explanation& explanation);

}  // namespace cgwarden::policy
