#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {
namespace {

// Those that only user space sends; SIGPIPE, SIGALRM, SIGXCPU and SIGXFSZ come from the kernel at
// the program's own doing.
constexpr std::array kSentByUsers{SIGKILL, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

// The kernel sends them when a timer of the program's own has run out or its I/O is ready. Programs
// take thousands of them a second: they are not recorded.
constexpr std::array kOwnTimers{SIGALRM, SIGVTALRM, SIGPROF, SIGIO};
// Those that a rule of their own tells of.
constexpr std::array kOtherStories{SIGSEGV, SIGILL, SIGFPE,  SIGBUS,  SIGABRT,
                                   SIGTRAP, SIGSYS, SIGPIPE, SIGXCPU, SIGXFSZ};

bool contains(const auto& signals, int signal) {
  return std::ranges::find(signals, signal) != signals.end();
}

// The kernel's record names the process itself: no other has a part in it. It may send itself a
// signal with any code, also one that is the kernel's.
Verdict killed_itself(const DeathCase& death) {
  Verdict verdict = begin_sent(death, VerdictClass::killed_by_user);
  if (!death.signal.by_process()) verdict.confidence = Confidence::strong;
  verdict.answer =
      fmt::format("{} by itself (pid {})", killed_text(death), death.evidence.main_pid);
  verdict.advice.emplace_back("The reason is the program's own: see its last words and its log.");
  return verdict;
}

// What asks for a signal by timer_create(2) and the like gets it itself.
Verdict killed_by_notification(const DeathCase& death, const SignalSent& fatal) {
  Verdict verdict = death.begin(
      VerdictClass::killed_by_user,
      // Another process can send one with such a code, and is then the sender; of a timer that is
      // whoever the CPU ran just then.
      fatal.is_to_itself() || fatal.sender.pid <= 0 ? Confidence::strong : Confidence::likely);
  verdict.actor = Actor{death.evidence.main_pid, "the program itself"};
  verdict.answer = fmt::format(
      "{} by {} that it had set up itself (pid {})", killed_text(death),
      fatal.code == -2 ? "a timer" : "a notification of a message queue or of I/O", fatal.target);
  verdict.evidence.push_back({"signal_generate", fmt::format("pid {}", fatal.target),
                              fmt::format("{}, code {}", signal_name(fatal.signal), fatal.code)});
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  verdict.contributing = death.oom.conflicts;
  verdict.advice.emplace_back(
      "The program asks for this signal (timer_create, mq_notify, fcntl F_SETSIG) and does not "
      "handle it.");
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  return verdict;
}

Verdict killed_by_terminal(const DeathCase& death, const SignalSent& fatal) {
  Verdict verdict = death.begin(VerdictClass::killed_by_user,
                                fatal.is_to_itself() ? Confidence::likely : Confidence::strong);
  verdict.actor = Actor{std::nullopt, "the terminal"};
  verdict.answer = fmt::format("{} by {}", killed_text(death), rules::terminal_text(fatal.signal));
  quote_signal(fatal, verdict);
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  verdict.ruled_out.emplace_back(
      "a process that sent it with kill(2): the kernel's record has the kernel's own code");
  verdict.contributing = death.oom.conflicts;
  if (fatal.sender.pid > 0) {
    verdict.contributing.push_back(
        "at that moment ran " + sender_text(fatal.sender) +
        ": who wrote to the terminal or closed it, or a worker of the kernel for it");
  }
  verdict.advice.emplace_back(
      "What is to outlive its terminal runs as a service, below setsid or nohup, or in tmux.");
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  return verdict;
}

// One that the program sent to itself, under whatever code.
bool is_own(const DeathCase& death, const SignalSent& fatal) {
  if (!fatal.is_to_itself() || fatal.by_own_notification()) return false;
  const bool oom_possible = fatal.is_kernels_kill() && !death.oom_ruled_out();
  return fatal.by_process() || !oom_possible;
}

// One of which nothing was recorded, and that nobody sends to end a program.
std::optional<Verdict> ended_by_odd_signal(const DeathCase& death, int signal) {
  if (contains(kOtherStories, signal)) return std::nullopt;
  Verdict verdict = death.begin(VerdictClass::killed_by_user, Confidence::likely);
  const bool timer = contains(kOwnTimers, signal);
  verdict.actor = timer ? Actor{death.evidence.main_pid, "the program itself"}
                        : Actor{std::nullopt,
                                "a process in user space (the sender was not "
                                "recorded), or the program itself"};
  verdict.subject = death.only_init_seen ? Subject::cgroup : Subject::main;
  verdict.answer = fmt::format(
      "{} was ended by {}, {}", death.evidence.workload, signal_name(signal),
      timer
          ? "which it does not handle: most likely of a timer or I/O that it had asked for itself "
            "(alarm, setitimer, O_ASYNC)"
          : "which it does not handle: sent by a process, or asked for by the program itself "
            "(timer_create, mq_notify, F_SETSIG)");
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  verdict.evidence_lost.push_back("who sent " + signal_name(signal) +
                                  ": programs use it among themselves, and it is not recorded");
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  verdict.advice.push_back("Have the program handle or ignore " + signal_name(signal) +
                           ", or find what in it asks for the signal.");
  return verdict;
}

}  // namespace

std::string terminal_text(int signal) {
  switch (signal) {
    case SIGINT:
      return "a key of its terminal (Ctrl-C)";
    case SIGQUIT:
      return "a key of its terminal (Ctrl-\\)";
    case SIGTSTP:
      return "a key of its terminal (Ctrl-Z)";
    default:
      return "its terminal: it was hung up, or its session ended";
  }
}

std::optional<Verdict> killed_by_user(const DeathCase& death) {
  const auto& exit = death.only_init_seen ? death.evidence.init_exit : death.evidence.main_exit;
  if (!exit || exit->kind == MainExit::Kind::exited) return std::nullopt;
  const SignalSent* fatal = death.signal.fatal;
  if (fatal == nullptr && contains(kOtherStories, exit->status)) return std::nullopt;
  if (fatal != nullptr && fatal->by_terminal()) return killed_by_terminal(death, *fatal);
  if (fatal != nullptr && is_own(death, *fatal)) return killed_itself(death);
  if (fatal != nullptr && fatal->by_own_notification()) {
    return killed_by_notification(death, *fatal);
  }
  if (!contains(kSentByUsers, exit->status)) return ended_by_odd_signal(death, exit->status);
  // The kernel itself sends SIGKILL; only its counters' "no" leaves user space as the sender.
  const auto ruled_out = death.oom_ruled_out();
  const bool certain = exit->status != SIGKILL || (ruled_out && death.oom.conflicts.empty());
  const bool asked_to_stop = !death.own_actions().empty();
  const bool nobody_sent = exit->status == SIGKILL && death.evidence.signals.watched &&
                           death.signal.fatal == nullptr && !death.only_init_seen;
  Verdict verdict = death.begin(
      VerdictClass::killed_by_user,
      certain && !asked_to_stop && !nobody_sent ? Confidence::strong : Confidence::likely);
  verdict.actor = Actor{std::nullopt, "a process in user space (the sender was not recorded)"};
  verdict.subject = death.only_init_seen ? Subject::cgroup : Subject::main;
  const std::string sender = !certain || nobody_sent ? "most likely by a process in user space"
                             : exit->status == SIGKILL
                                 ? "by a process in user space, not by the kernel's OOM killer"
                                 : "by a process in user space";
  verdict.answer =
      fmt::format("{} {} {} {}", death.evidence.workload,
                  death.only_init_seen ? "ended because PID 1 of its pid namespace was killed with"
                                       : "was killed with",
                  signal_name(exit->status), sender);
  if (ruled_out) verdict.ruled_out.push_back(*ruled_out);
  verdict.contributing = death.oom.conflicts;
  if (exit->status == SIGKILL && !ruled_out && !death.oom_kills_seen()) {
    verdict.evidence_lost.push_back(
        "memory.events at the start and at the end of the run: without it an OOM kill is not ruled "
        "out");
  }
  if (nobody_sent) {
    verdict.evidence_lost.emplace_back(
        "who sent SIGKILL: signals were watched and none to it was recorded; the kernel ends a few "
        "without one (seccomp's strict mode, the core dump of a process that shares its memory), "
        "and "
        "one that was sent to a single thread may have come too late to be told whose it was");
  }
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  verdict.advice.push_back(
      fmt::format("Look for who sends {}: an operator, a liveness probe or watchdog, systemd-oomd "
                  "or earlyoom (journalctl around the time).",
                  signal_name(exit->status)));
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
