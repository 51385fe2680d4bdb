#include <fmt/format.h>

#include <array>
#include <csignal>
#include <string_view>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {
namespace {

struct Fault {
  int signal;
  VerdictClass verdict;
  std::string_view what;
  std::string_view advice;
};

constexpr std::array kFaults{
    Fault{SIGSEGV, VerdictClass::segfault, "it touched memory that is not its own (SIGSEGV)",
          "Look for a core dump and the kernel log's segfault line with the instruction address."},
    Fault{SIGILL, VerdictClass::illegal_instruction,
          "it ran an instruction this CPU does not have (SIGILL)",
          "Compare the CPU flags of this host with those the program was built for."},
    Fault{SIGFPE, VerdictClass::arithmetic_fault,
          "a division by zero or another arithmetic fault (SIGFPE)",
          "Look for a core dump; integer division by zero is the usual cause."},
    Fault{SIGBUS, VerdictClass::bus_error,
          "it touched a mapped page that could not be filled (SIGBUS)",
          "Look for a truncated mapped file, a full tmpfs or /dev/shm, or missing huge pages."},
    Fault{SIGABRT, VerdictClass::aborted, "it aborted itself (SIGABRT)",
          "The last words often hold the assertion or exception that made it abort."},
    Fault{SIGTRAP, VerdictClass::aborted,
          "it ran into a breakpoint instruction (SIGTRAP), with which compilers and browsers abort",
          "The last words often hold the assertion that made it abort."},
    Fault{SIGSYS, VerdictClass::seccomp_violation,
          "it made a system call that its seccomp filter forbids (SIGSYS)",
          "The kernel log's audit line (type=1326) names the system call; allow it only if it is "
          "needed."},
};

// abort(3) and breakpoints raise theirs; any other that a program sends to itself is passed on by a
// handler that saw a fault before, or is no fault.
bool raised_by_itself(const Fault& fault, const SignalSent* record) {
  return record != nullptr && record->by_process() && fault.signal != SIGABRT &&
         fault.signal != SIGTRAP;
}

}  // namespace

std::optional<Verdict> fault_signal(const DeathCase& death) {
  const auto& exit = death.evidence.main_exit;
  if (!exit || exit->kind == MainExit::Kind::exited) return std::nullopt;
  for (const auto& fault : kFaults) {
    if (fault.signal != exit->status) continue;
    // A wait status alone cannot tell a fault from the same signal sent with kill(2).
    const SignalSent* record = death.signal.fatal;
    const bool raised = raised_by_itself(fault, record);
    Verdict verdict = death.begin(
        fault.verdict, record != nullptr && !raised ? Confidence::proven : Confidence::likely);
    if (record != nullptr) {
      quote_signal(*record, verdict);
      verdict.actor = Actor{death.evidence.main_pid, "the program itself"};
      verdict.ruled_out.push_back(
          "another process: the kernel's record of the signal says that " +
          std::string(record->by_process() ? "the program sent it to itself"
                                           : "the kernel raised it for what the program did"));
    }
    verdict.answer = fmt::format("{} crashed: {}", death.evidence.workload, fault.what);
    if (raised) {
      verdict.answer = fmt::format(
          "{} ended by {}, which it sent to itself: as a handler does after a fault, or without "
          "one",
          death.evidence.workload, signal_name(fault.signal));
    }
    if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
    verdict.advice.emplace_back(fault.advice);
    verdict.contributing.push_back(exit->kind == MainExit::Kind::dumped
                                       ? "the kernel wrote a core dump"
                                       : "no core dump was written");
    death.contribute_oom_kills(verdict);
    death.quote_memory_events(verdict);
    return verdict;
  }
  return std::nullopt;
}

}  // namespace cgwarden::diagnosis::rules
