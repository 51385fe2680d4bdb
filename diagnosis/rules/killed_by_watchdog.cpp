#include <fmt/format.h>

#include <csignal>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> killed_by_watchdog(const DeathCase& death) {
  if (!death.signal.by_process()) return std::nullopt;
  const SignalSent& origin = *death.signal.origin;
  if (origin.signal != SIGKILL && origin.signal != SIGABRT) return std::nullopt;
  // Not itself, and nobody at a terminal.
  if (origin.sender.pid == origin.target || origin.sender.login_uid) return std::nullopt;
  const std::string throttled = throttled_text(death);
  if (throttled.empty()) return std::nullopt;
  Verdict verdict = begin_sent(death, VerdictClass::killed_by_watchdog);
  // That it sent the signal is proven, why it did is concluded.
  verdict.confidence = Confidence::strong;
  verdict.answer = fmt::format("{} by {}; it was {}, too slow for a watchdog or probe",
                               killed_text(death), sender_text(origin.sender), throttled);
  verdict.evidence.push_back({"cpu.stat", death.payload->path, throttled});
  verdict.advice.emplace_back(
      "Raise cpu.max or set cpu.max.burst, or give the probe more time: who is throttled answers "
      "late.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
