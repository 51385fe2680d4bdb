#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {

// kernel/seccomp.c, __secure_computing_strict(): it ends the thread without a signal, so that there
// is a status of SIGKILL that nobody sent.
std::optional<Verdict> strict_seccomp(const DeathCase& death) {
  const DeathEvidence& evidence = death.evidence;
  if (!death.main_sigkilled || death.only_init_seen || death.signal.fatal != nullptr) {
    return std::nullopt;
  }
  const auto line = std::ranges::find_if(evidence.faults, [&](const FaultRecord& fault) {
    return fault.what == "seccomp" && fault.signal == SIGKILL &&
           fault.thread == evidence.main_pid &&
           fault.boottime <= evidence.ended.boottime + kPrintkSlack &&
           fault.boottime + kPrintkSlack >= evidence.ended.boottime;
  });
  if (line == evidence.faults.end()) return std::nullopt;
  const bool alone = evidence.signals.watched && death.oom_ruled_out();
  Verdict verdict =
      death.begin(VerdictClass::seccomp_violation, alone ? Confidence::proven : Confidence::strong);
  verdict.actor = Actor{evidence.main_pid, "the program itself"};
  verdict.answer = fmt::format(
      "{} was ended by the kernel: it made system call {}, and in strict mode seccomp lets it only "
      "read, write, exit and return from a signal (SIGKILL)",
      evidence.workload, line->syscall.value_or(-1));
  verdict.evidence.push_back({"kmsg", fmt::format("seq {}", line->sequence), line->line});
  if (evidence.signals.watched) {
    verdict.ruled_out.emplace_back("another process: no SIGKILL was sent to it");
  }
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  verdict.advice.emplace_back(
      "A program in strict mode must not call anything else: a filter (SECCOMP_SET_MODE_FILTER) "
      "can "
      "allow what it needs.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
