#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "base/text.h"
#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {
namespace {

// From the write to cgroup.kill to the end of a process that hangs in the kernel's reclaim.
constexpr Usec kDiesWithin{60'000'000};

// The newest one that can have ended it. What is killed below its cgroup leaves a main process of
// its own alone: then only the kernel's record tells.
std::optional<OwnAction> kill_of(const DeathCase& death) {
  auto actions = death.own_actions();
  std::erase_if(actions, [&](const OwnAction& action) {
    return action.policy.empty() || action.signal != SIGKILL ||
           (action.part && !death.signal.ours) ||
           action.boottime + kDiesWithin < death.evidence.ended.boottime;
  });
  if (actions.empty()) return std::nullopt;
  return actions.back();
}

bool is_kernels(const DeathCase& death) {
  const auto& signal = death.signal;
  return death.main_kill != nullptr ||
         (signal.fatal != nullptr && !signal.namespace_ended && signal.fatal->is_kernels_kill());
}

}  // namespace

std::optional<Verdict> killed_by_policy(const DeathCase& death) {
  const auto kill = kill_of(death);
  if (!kill || !death.main_sigkilled || is_kernels(death)) return std::nullopt;
  // Somebody else was faster.
  if (death.signal.by_process() && !death.signal.ours) return std::nullopt;
  const bool recorded = death.signal.by_process() && death.signal.ours;
  Verdict verdict = recorded ? begin_sent(death, VerdictClass::killed_by_policy)
                             : death.begin(VerdictClass::killed_by_policy, Confidence::strong);
  verdict.subject = Subject::cgroup;
  verdict.actor = Actor{std::nullopt, "cgwarden, " + printable(kill->policy)};
  if (recorded) verdict.actor->pid = death.signal.origin->sender.pid;
  verdict.answer = fmt::format("{} was killed by cgwarden, {}: {}", death.evidence.workload,
                               printable(kill->policy), printable(kill->reason));
  verdict.evidence.push_back({"cgwarden", "cgroup.kill", printable(kill->reason)});
  if (!recorded) {
    if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
    death.contribute_oom_kills(verdict);
    death.quote_memory_events(verdict);
    // Two may have killed it at once.
    if (death.oom_kills_seen() && !death.oom_kills_are_of_others()) {
      verdict.confidence = Confidence::likely;
    }
  }
  verdict.advice.emplace_back(
      "`cgwarden events --kind policy_adapt` has the decision with all that it was made from. If "
      "another one should have died, mark this one with ManagedOOMPreference=avoid (the extended "
      "attribute user.oomd_avoid), or give the rule another `by`.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
