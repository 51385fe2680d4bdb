#include <fmt/format.h>

#include <csignal>

#include "base/text.h"
#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> term_ignored(const DeathCase& death) {
  const SignalSent* term = death.signal.earlier_term;
  if (!death.signal.by_process() || term == nullptr) return std::nullopt;
  const SignalSent& kill = *death.signal.origin;
  const bool pid1 = ignored_by_pid1(death, *term);
  Verdict verdict =
      begin_sent(death, pid1 ? VerdictClass::term_ignored_by_pid1 : VerdictClass::term_ignored);
  if (!death.signal.term_certain) verdict.confidence = Confidence::strong;
  quote_signal(*term, verdict);
  const std::string after = human_duration(kill.boottime - term->boottime);
  std::string why = "it did not end on the SIGTERM";
  if (pid1) {
    why = "it had ignored the SIGTERM, because PID 1 of a pid namespace has no default action";
  } else if (!term->delivered()) {
    why = "it ignores SIGTERM, and had ignored that";
  }
  verdict.answer = fmt::format("{} by {}: {} of {} before", killed_text(death),
                               sender_text(kill.sender), why, after);
  if (pid1) {
    verdict.advice.emplace_back(
        "Install a handler for SIGTERM in the command, or run it below an init (init: true), which "
        "passes the signal to a process that is not PID 1.");
  } else {
    verdict.advice.emplace_back(
        "Make the command end on SIGTERM, or give it more time before SIGKILL follows.");
  }
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
