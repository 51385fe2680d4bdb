#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string_view>

#include "base/text.h"
#include "diagnosis/rules/last_words.h"
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

// What speaks for a fault.
enum class Witness {
  none,    // the wait status alone, which is that of the same signal sent with kill(2) too
  itself,  // sent to itself: as a handler does after a fault, or with a code that it made up
  abort,   // the same of what abort(3) and breakpoints raise so
  code,    // the kernel's code of a fault, which rt_tgsigqueueinfo(2) to itself can forge
};

Witness witness_of(const Fault& fault, const SignalSent* record) {
  if (record == nullptr) return Witness::none;
  const bool aborts = fault.signal == SIGABRT || fault.signal == SIGTRAP;
  if (aborts && record->by_process()) return Witness::abort;
  // The kernel never raises it.
  if (fault.signal == SIGABRT) return Witness::abort;
  return record->looks_like_fault() ? Witness::code : Witness::itself;
}

// The kernel's line about it.
const FaultRecord* line_of(const DeathCase& death, const Fault& fault, const SignalSent* record) {
  const Usec when = record != nullptr ? record->boottime : death.evidence.ended.boottime;
  for (const auto& line : death.evidence.faults) {
    const bool of_it = line.thread == death.evidence.main_pid ||
                       (record != nullptr && line.thread == record->target_task);
    const bool in_time =
        line.boottime + kPrintkSlack >= when && line.boottime <= when + kPrintkSlack;
    const bool of_kind = (line.what == "seccomp") == (fault.signal == SIGSYS) &&
                         line.signal.value_or(fault.signal) == fault.signal;
    if (of_it && in_time && of_kind) return &line;
  }
  return nullptr;
}

// A SIGSYS that it sent to itself, with no system call refused before it, is no seccomp filter's.
// The others stay what a shell calls them: handlers of faults end so, too.
bool is_own_deed(const DeathCase& death, const Fault& fault, Witness witness,
                 const SignalSent* record) {
  return fault.signal == SIGSYS && witness == Witness::itself && record->by_process() &&
         death.evidence.signals.watched;
}

std::string_view what_of(const Fault& fault, const SignalSent* record) {
  if (fault.signal != SIGSEGV || record == nullptr || record->code != SignalSent::kFromKernel) {
    return fault.what;
  }
  return "the kernel ended it with a SIGSEGV that has no address: an address that cannot be or an "
         "instruction that only the kernel may run (a general protection fault), a stack with no "
         "room for a signal's frame, or an execve(2) that failed half-way";
}

Confidence confidence_of(Witness witness, const SignalSent* record, const FaultRecord* line) {
  switch (witness) {
    case Witness::none:
      return line != nullptr ? Confidence::strong : Confidence::likely;
    case Witness::itself:
      return Confidence::likely;
    case Witness::abort:
      return record->by_process() ? Confidence::proven : Confidence::strong;
    case Witness::code:
      return line != nullptr ? Confidence::proven : Confidence::strong;
  }
  return Confidence::likely;
}

void quote_line(const FaultRecord& line, Verdict& verdict) {
  verdict.evidence.push_back({"kmsg", fmt::format("seq {}", line.sequence), line.line});
  if (!line.syscall) return;
  verdict.answer +=
      fmt::format("; it was system call {} (arch {})", *line.syscall, printable(line.arch));
}

}  // namespace

std::optional<Verdict> fault_signal(const DeathCase& death) {
  const auto& exit = death.evidence.main_exit;
  if (!exit || exit->kind == MainExit::Kind::exited) return std::nullopt;
  const auto* fault = std::ranges::find(kFaults, exit->status, &Fault::signal);
  if (fault == kFaults.end()) return std::nullopt;
  const SignalSent* record = death.signal.fatal;
  const Witness witness = witness_of(*fault, record);
  if (is_own_deed(death, *fault, witness, record)) return std::nullopt;
  const FaultRecord* line = line_of(death, *fault, record);
  Verdict verdict = death.begin(fault->verdict, confidence_of(witness, record, line));
  if (record != nullptr) {
    quote_signal(*record, verdict);
    verdict.actor = Actor{death.evidence.main_pid, "the program itself"};
    verdict.ruled_out.push_back("another process: the kernel's record of the signal says that " +
                                std::string(witness == Witness::code
                                                ? "the kernel raised it for what the program did"
                                                : "the program sent it to itself"));
  }
  verdict.answer = fmt::format("{} crashed: {}", death.evidence.workload, what_of(*fault, record));
  if (witness == Witness::itself) {
    verdict.answer = fmt::format(
        "{} ended by {}, which it sent to itself: as a handler does after a fault, or without one",
        death.evidence.workload, signal_name(fault->signal));
  }
  if (line != nullptr) quote_line(*line, verdict);
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  verdict.advice.emplace_back(fault->advice);
  verdict.contributing.push_back(exit->kind == MainExit::Kind::dumped
                                     ? "the kernel wrote a core dump"
                                     : "no core dump was written");
  // What gives up in words of its own: an exception of C++ that nobody caught, an assertion.
  if (fault->signal == SIGABRT && !death.oom_kills_seen()) add_last_words(death, verdict);
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
