#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cgroup/snapshot.h"
#include "policy/decision.h"
#include "policy/node_facts.h"

namespace cgwarden::policy {

// One cgroup with all policies in force.
struct CgroupState {
  const cgroup::Sample* sample = nullptr;
  const CgroupState* parent = nullptr;  // nullptr for the root
  std::vector<const CgroupState*> children;
  std::vector<const Policy*> matching;  // sorted by precedence; may be copies of NodeState
  Decisions decisions;

  // nullptr when nobody decides it, or its value is not known.
  [[nodiscard]] const Decision* decided(std::string_view file) const;
  // Decided, else as it is; absent when neither is known. "max" is the most.
  [[nodiscard]] std::optional<std::uint64_t> after(std::string_view file) const;
  [[nodiscard]] std::optional<std::uint64_t> now(std::string_view file) const;
  [[nodiscard]] std::optional<std::string> text_after(std::string_view file) const;
};

// The state that policies lead to on a machine. Refers to its arguments.
class NodeState {
 public:
  NodeState(const cgroup::Snapshot& snapshot, const std::vector<Policy>& policies,
            const NodeFacts& facts);
  // Sorted by path. Its addresses stay.
  [[nodiscard]] const std::deque<CgroupState>& cgroups() const { return cgroups_; }

 private:
  std::deque<CgroupState> cgroups_;
  std::optional<std::vector<Policy>> numbered_;  // copies whose devices have numbers
  std::deque<Policy> resolved_;                  // copies whose percentages are values
};

}  // namespace cgwarden::policy
