#include "agent/adapt_claims.h"

#include <algorithm>

#include "policy/decision.h"
#include "policy/selector.h"

namespace cgwarden::agent {
namespace {

using policy::Mode;
using policy::Policy;

bool fixes(const Policy& policy, const char* file) {
  return policy.resources.positions.contains(file);
}

// Has it a loop or a value for this knob, and is it the loop?
struct LoopOf {
  bool (*is_loop)(const Policy& policy);
  const char* file;
};
constexpr LoopOf kCpuLoop{[](const Policy& policy) { return policy.adapt.cpu.has_value(); },
                          "cpu.max"};
constexpr LoopOf kHighLoop{
    [](const Policy& policy) { return policy.adapt.memory_high.has_value(); }, "memory.high"};

// The winner of one knob in one world, if it is a loop.
const Policy* winner_of(const std::vector<const Policy*>& matching, const LoopOf& loop,
                        bool enforced_only) {
  for (const Policy* policy : matching) {
    if (enforced_only && policy->mode != Mode::enforce) continue;
    if (loop.is_loop(*policy)) return policy;
    if (fixes(*policy, loop.file)) return nullptr;
  }
  return nullptr;
}

// That of the enforced policies first: its writes are real, and one that is only tried out must not
// see them as its own.
const Policy* runner_of(const std::vector<const Policy*>& matching, const LoopOf& loop) {
  if (const Policy* enforced = winner_of(matching, loop, true)) return enforced;
  const Policy* planned = winner_of(matching, loop, false);
  return planned != nullptr && planned->mode == Mode::plan ? planned : nullptr;
}

}  // namespace

AdaptClaimants::AdaptClaimants(const std::vector<Policy>& policies) : policies_(policies) {
  for (const Policy& policy : policies) {
    ordered_.push_back(&policy);
    loops_ += policy.adapt.empty() ? 0 : 1;
  }
  if (!empty()) policy::sort_by_precedence(ordered_);
}

AdaptClaims AdaptClaimants::of(std::string_view path) const {
  AdaptClaims claims;
  const bool any = std::ranges::any_of(ordered_, [&](const Policy* policy) {
    return !policy->adapt.empty() && applies_to(*policy, path);
  });
  if (!any) return claims;
  std::vector<const Policy*> matching;
  std::ranges::copy_if(ordered_, std::back_inserter(matching),
                       [&](const Policy* policy) { return applies_to(*policy, path); });
  const auto place = [&](const Policy* policy) -> std::optional<std::size_t> {
    if (policy == nullptr) return std::nullopt;
    return static_cast<std::size_t>(policy - policies_.data());
  };
  claims.cpu = place(runner_of(matching, kCpuLoop));
  claims.memory_high = place(runner_of(matching, kHighLoop));
  // A guard has no value of its own to win by: that of the highest policy runs, the enforced first.
  const auto highest = [&](auto has) {
    const auto found = [&](Mode mode) {
      return std::ranges::find_if(
          matching, [&](const Policy* policy) { return policy->mode == mode && has(*policy); });
    };
    const auto enforced = found(Mode::enforce);
    return enforced != matching.end() ? enforced : found(Mode::plan);
  };
  const auto claim = [&](auto has) {
    const auto at = highest(has);
    return at == matching.end() ? std::nullopt : place(*at);
  };
  claims.time_to_oom = claim([](const Policy& p) { return p.adapt.time_to_oom.has_value(); });
  claims.kill = claim([](const Policy& p) { return p.adapt.kill.has_value(); });
  const auto guard = highest([](const Policy& p) { return p.adapt.stall.has_value(); });
  if (guard == matching.end()) return claims;
  claims.stall = place(*guard);
  // A loop that finds memory.high raises by itself.
  claims.may_raise = !claims.memory_high && std::none_of(matching.begin(), guard, [](auto* policy) {
    return policy->mode == Mode::enforce && fixes(*policy, "memory.high");
  });
  return claims;
}

}  // namespace cgwarden::agent
