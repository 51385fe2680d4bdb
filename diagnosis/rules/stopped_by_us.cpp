#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {

namespace {

// Did the signals we sent lead to this end? An exit by itself does, and a death by one of them.
bool explains(const std::vector<OwnAction>& actions, const MainExit& exit) {
  if (exit.kind == MainExit::Kind::exited) return true;
  return std::ranges::any_of(actions,
                             [&](const OwnAction& sent) { return sent.signal == exit.status; });
}

}  // namespace

std::optional<Verdict> stopped_by_us(const DeathCase& death) {
  auto actions = death.own_actions();
  // What a policy killed is a story of its own.
  std::erase_if(actions, [](const OwnAction& sent) { return !sent.policy.empty(); });
  const auto& exit = death.only_init_seen ? death.evidence.init_exit : death.evidence.main_exit;
  if (actions.empty() || !exit || death.main_kill != nullptr) return std::nullopt;
  if (!explains(actions, *exit)) return std::nullopt;
  // Somebody else was faster.
  if (death.signal.by_process() && !death.signal.ours) return std::nullopt;
  const OwnAction& last = actions.back();
  Verdict verdict = death.begin(VerdictClass::stopped, Confidence::proven);
  verdict.actor = Actor{std::nullopt, "cgwarden"};
  verdict.answer =
      fmt::format("{} was stopped: {}", death.evidence.workload, printable(actions.front().reason));
  for (const auto& action : actions) {
    verdict.evidence.push_back({"cgwarden", signal_name(action.signal), printable(action.reason)});
  }
  if (const auto* fatal = death.signal.origin) quote_signal(*fatal, verdict);
  const SignalSent* term = death.signal.earlier_term;
  const bool nobody_handles = term != nullptr && ignored_by_pid1(death, *term);
  if (actions.size() > 1) {
    verdict.contributing.push_back(fmt::format("it did not end on {}; {} followed",
                                               signal_name(actions.front().signal),
                                               signal_name(last.signal)));
    if (nobody_handles) {
      quote_signal(*term, verdict);
      verdict.contributing.push_back(
          "SIGTERM was ignored: the command is PID 1 of its pid namespace and has no handler for "
          "it");
    }
    verdict.advice.push_back(
        fmt::format("The command does not end on {}: handle the signal, or raise the workload's "
                    "stop timeout.",
                    signal_name(actions.front().signal)));
  }
  // Somebody else may have been faster, unseen.
  if (exit->kind != MainExit::Kind::exited && death.signal.fatal == nullptr) {
    verdict.confidence = Confidence::strong;
  }
  if (death.main_sigkilled && death.oom_kills_seen() && !death.oom_kills_are_of_others()) {
    verdict.confidence = Confidence::likely;
  }
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
