#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "policy/policy.h"

namespace cgwarden::agent {

// Whose loops run on one cgroup: places in the list of policies.
struct AdaptClaims {
  std::optional<std::size_t> cpu;
  std::optional<std::size_t> memory_high;
  std::optional<std::size_t> stall;
  std::optional<std::size_t> time_to_oom;
  std::optional<std::size_t> kill;  // whose kill rule watches it
  bool may_raise = false;           // no policy above the stall's has a memory.high of its own

  [[nodiscard]] bool empty() const {
    return !cpu && !memory_high && !stall && !time_to_oom && !kill;
  }
};

// As knobs are decided (policy/decision.h): a loop is a value of its knob, and runs where it wins
// it. A loop of mode plan runs where it wins among all policies and none of the enforced has one.
// Refers to the policies.
class AdaptClaimants {
 public:
  explicit AdaptClaimants(const std::vector<policy::Policy>& policies);
  // No policy has a loop.
  [[nodiscard]] bool empty() const { return loops_ == 0; }
  [[nodiscard]] AdaptClaims of(std::string_view path) const;

 private:
  const std::vector<policy::Policy>& policies_;
  std::vector<const policy::Policy*> ordered_;  // by precedence
  std::size_t loops_ = 0;
};

}  // namespace cgwarden::agent
