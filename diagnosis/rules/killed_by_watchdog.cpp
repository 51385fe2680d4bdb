#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {

namespace {

// Who is named like one may be one; that is all there is, where no manager says so (as systemd does
// with Result=watchdog).
bool is_named_watchdog(const ProcessSeen& sender) {
  return std::ranges::any_of(
      std::array{&sender.comm, &sender.exe, &sender.command}, [](const std::string* text) {
        return std::ranges::any_of(
            std::array{"watchdog", "liveness", "probe", "healthcheck", "monit"},
            [&](const char* word) { return text->find(word) != std::string::npos; });
      });
}

}  // namespace

std::optional<Verdict> killed_by_watchdog(const DeathCase& death) {
  if (!death.signal.by_process()) return std::nullopt;
  const SignalSent& origin = *death.signal.origin;
  if (origin.signal != SIGKILL && origin.signal != SIGABRT) return std::nullopt;
  // Not itself, and nobody at a terminal.
  if (origin.sender.pid == origin.target || origin.sender.login_uid) return std::nullopt;
  const std::string throttled = throttled_text(death);
  if (throttled.empty() || !is_named_watchdog(origin.sender)) return std::nullopt;
  Verdict verdict = begin_sent(death, VerdictClass::killed_by_watchdog);
  // That it sent the signal is proven; why it did is concluded from two names.
  verdict.confidence = Confidence::likely;
  verdict.answer = fmt::format("{} by {}; it was {}, too slow for a watchdog or probe",
                               killed_text(death), sender_text(origin.sender), throttled);
  verdict.evidence.push_back({"cpu.stat", death.payload->path, throttled});
  verdict.advice.emplace_back(
      "Raise cpu.max or set cpu.max.burst, or give the probe more time: who is throttled answers "
      "late.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
