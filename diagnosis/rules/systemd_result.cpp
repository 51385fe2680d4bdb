#include <fmt/format.h>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {

std::optional<Verdict> systemd_result(const DeathCase& death) {
  if (!death.evidence.unit_end) return std::nullopt;
  const UnitEnd& end = *death.evidence.unit_end;
  auto answer = answer_of_result(end);
  if (!answer) return std::nullopt;
  // Why it was not done in time is the better answer.
  if (end.result == "timeout") {
    if (auto ignored = term_ignored(death)) return ignored;
  }
  const bool sent_by_systemd = death.signal.by_process() && death.signal.origin->sender.pid == 1;
  // A program may exit with a code of systemd's by itself; what systemd did, it knows.
  const bool own_code = answer->verdict == VerdictClass::exec_failed && end.code != 0;
  Verdict verdict = sent_by_systemd ? begin_sent(death, answer->verdict)
                                    : death.begin(answer->verdict, own_code ? Confidence::likely
                                                                            : Confidence::strong);
  if (!verdict.actor && end.code != 0 && !own_code) verdict.actor = Actor{pid_t{1}, "systemd"};
  verdict.answer = std::move(answer->text);
  if (!answer->advice.empty()) verdict.advice.push_back(std::move(answer->advice));
  if (answer->verdict != VerdictClass::killed_by_watchdog) return verdict;
  // Why it was late is a conclusion, that the watchdog ended it is not.
  const std::string throttled = throttled_text(death);
  if (throttled.empty()) return verdict;
  verdict.answer += fmt::format("; it was {}, too slow to answer in time", throttled);
  verdict.evidence.push_back({"cpu.stat", death.payload->path, throttled});
  verdict.advice.insert(verdict.advice.begin(),
                        "Raise CPUQuota= (cpu.max) or set cpu.max.burst: who is throttled answers "
                        "late.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
