#include <fmt/format.h>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> killed_by_sender(const DeathCase& death) {
  if (!death.signal.by_process()) return std::nullopt;
  const SignalSent& origin = *death.signal.origin;
  // Raised by the program itself, as by abort(3): the story of the fault rules.
  if (origin.sender.pid == origin.target) return std::nullopt;
  Verdict verdict = begin_sent(death, VerdictClass::killed_by_user);
  verdict.answer = fmt::format("{}, sent by {}", killed_text(death), sender_text(origin.sender));
  verdict.advice.emplace_back(
      "Ask its owner, or look in its log, why it sent the signal: the kernel records who, not "
      "why.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
