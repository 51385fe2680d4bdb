#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "base/text.h"
#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {

namespace {

using ParentDeath = SignalAttribution::ParentDeath;

// Who looks for it knows what it does, and why is in its log.
bool is_earlyoom(const ProcessSeen& sender) {
  return path_is_at_or_below(sender.cgroup, "/system.slice/earlyoom.service");
}

void tell_parent_death(const DeathCase& death, Verdict& verdict) {
  const SignalSent& origin = *death.signal.origin;
  if (death.signal.parent_death == ParentDeath::possible) {
    verdict.confidence = std::min(verdict.confidence, Confidence::strong);
    verdict.contributing.emplace_back(
        "the parent of the main process had changed, and the sender ended about then: as its "
        "parent's end it may have been PR_SET_PDEATHSIG");
    return;
  }
  verdict.confidence = Confidence::likely;
  verdict.answer = fmt::format(
      "{} as its parent {} ended: it had asked for {} at its parent's death (PR_SET_PDEATHSIG), or "
      "that one sent it as its last deed",
      killed_text(death), sender_text(origin.sender), signal_name(origin.signal));
  verdict.advice.emplace_back(
      "Look for what ended the parent: a process that asked for PR_SET_PDEATHSIG goes with it.");
}

// A SIGTERM that is part of the story, but no refusal to end.
void tell_idle_term(const DeathCase& death, Verdict& verdict) {
  const SignalSent* term = death.signal.idle_term;
  if (term == nullptr) return;
  quote_signal(*term, verdict);
  const std::string before = human_duration(death.signal.fatal->boottime - term->boottime);
  switch (death.signal.idle) {
    case SignalAttribution::Idle::of_another:
      verdict.contributing.push_back(fmt::format("it had lived on after SIGTERM from {} {} before",
                                                 sender_text(term->sender), before));
      break;
    case SignalAttribution::Idle::frozen:
    case SignalAttribution::Idle::stopped:
      verdict.contributing.push_back(fmt::format(
          "it could not, or perhaps not, handle the SIGTERM of {} before: it was {}", before,
          death.signal.idle == SignalAttribution::Idle::frozen ? "frozen (cgroup.freeze)"
                                                               : "stopped (SIGSTOP)"));
  }
}

}  // namespace

std::optional<Verdict> killed_by_sender(const DeathCase& death) {
  if (!death.signal.by_process()) return std::nullopt;
  const SignalSent& origin = *death.signal.origin;
  // Raised by the program itself, as by abort(3): the story of the fault rules.
  if (origin.sender.pid == origin.target) return std::nullopt;
  Verdict verdict = begin_sent(death, VerdictClass::killed_by_user);
  verdict.answer = fmt::format("{}, sent by {}", killed_text(death), sender_text(origin.sender));
  tell_idle_term(death, verdict);
  if (death.signal.parent_death != ParentDeath::no) tell_parent_death(death, verdict);
  if (origin.target_tracer.value_or(0) > 0 && origin.target_tracer == origin.sender.pid) {
    verdict.contributing.emplace_back("the sender traced it with ptrace(2), as a debugger does");
  }
  if (origin.signal == SIGKILL && origin.by_cgroup_kill() && !origin.target_tracer) {
    verdict.contributing.emplace_back(
        "it was not sent with kill(2): the sender wrote to cgroup.kill of a cgroup that it was in "
        "without the others, or ended it by ptrace(2)");
  }
  if (is_earlyoom(origin.sender)) {
    verdict.contributing.emplace_back(
        "earlyoom kills when the machine is short of memory and swap: `journalctl -u earlyoom` has "
        "its reason");
  }
  for (const auto& [name, value] : origin.oomd_marks) {
    verdict.evidence.push_back({"xattr", origin.oomd_cgroup, name + "=" + printable(value)});
  }
  verdict.advice.emplace_back(
      "Ask its owner, or look in its log, why it sent the signal: the kernel records who, not "
      "why.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
