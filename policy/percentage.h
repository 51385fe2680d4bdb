#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cgroup/snapshot.h"
#include "policy/absence.h"
#include "policy/decision.h"
#include "policy/node_facts.h"

namespace cgwarden::policy {

// Makes the percentages of policies values, cgroup by cgroup, parents first. `of node` counts from
// the machine's memory, CPUs or kernel.pid_max; `of parent` from the nearest ancestor that has the
// limit (memory.max, cpu.max, pids.max) by the policies in force or, without one, by itself; when
// none has, from the machine. Refers to its arguments.
class PercentageBases {
 public:
  PercentageBases(const cgroup::Snapshot& snapshot, const NodeFacts& facts)
      : snapshot_(snapshot), facts_(facts) {}

  // Percentages without a known base stay.
  [[nodiscard]] Policy resolve(const Policy& policy, const cgroup::Sample& sample) const;
  // What is decided for a cgroup, for those below it.
  void note(const cgroup::Sample& sample, const Decisions& decisions);

 private:
  [[nodiscard]] std::optional<std::uint64_t> base_of(std::string_view file, PercentBase base,
                                                     const cgroup::Sample& sample) const;
  [[nodiscard]] std::optional<std::uint64_t> of_node(std::string_view limit) const;

  const cgroup::Snapshot& snapshot_;
  const NodeFacts& facts_;
  // By path, then limit file: the amount, for cpu.max in microseconds of each 100 ms.
  std::map<std::string, std::map<std::string_view, std::uint64_t>> decided_;
};

// Why a decision has no value.
[[nodiscard]] Absence explain_unknown_base(const Decision& decision);

}  // namespace cgwarden::policy
