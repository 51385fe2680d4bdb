#include <fmt/format.h>

#include <csignal>

#include "diagnosis/rules/sender.h"
#include "diagnosis/stall.h"

namespace cgwarden::diagnosis::stalls {

std::optional<Verdict> stopped_by_signal(const StallEvidence& evidence) {
  if (evidence.main_state != 'T') return std::nullopt;
  const SignalSent* sent = nullptr;
  for (const auto& record : evidence.signals.records) {
    const bool stops = record.signal == SIGSTOP || record.signal == SIGTSTP;
    if (stops && record.delivered()) sent = &record;
    // What stopped it again, as a read from its terminal does, was not seen.
    if (record.signal == SIGCONT) sent = nullptr;
  }
  Verdict verdict = begin(evidence, VerdictClass::stopped_by_signal, Confidence::proven);
  verdict.subject = Subject::main;
  verdict.answer = fmt::format("the main process of {} (pid {}) is stopped and waits for SIGCONT",
                               evidence.workload, evidence.main_pid);
  verdict.evidence.push_back(
      {"/proc/PID/stat", fmt::format("pid {}", evidence.main_pid), "state T (stopped)"});
  if (sent != nullptr && sent->by_terminal()) {
    verdict.actor = Actor{std::nullopt, "the terminal"};
    verdict.answer += ": it was sent SIGTSTP by " + rules::terminal_text(sent->signal);
    rules::quote_signal(*sent, verdict);
  } else if (sent != nullptr) {
    verdict.actor = rules::actor_of(sent->sender);
    verdict.answer += ": it was sent " +
                      std::string(sent->signal == SIGSTOP ? "SIGSTOP" : "SIGTSTP") + " by " +
                      rules::sender_text(sent->sender);
    rules::quote_signal(*sent, verdict);
  } else {
    verdict.actor = Actor{std::nullopt, "a process in user space (the sender was not recorded)"};
  }
  verdict.ruled_out.emplace_back("cgroup.freeze: a frozen process is in state S");
  verdict.advice.push_back(fmt::format("kill -CONT {}", evidence.main_pid));
  return verdict;
}

}  // namespace cgwarden::diagnosis::stalls
