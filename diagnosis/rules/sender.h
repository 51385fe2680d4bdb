#pragma once

#include <string>

#include "diagnosis/death_case.h"
#include "diagnosis/verdict.h"

// The words for who sent a signal, shared by the rules.
namespace cgwarden::diagnosis::rules {

// "pid 812 `/usr/bin/kill -9 77` (uid 0, of /user.slice/user-0.slice)"; "a process that was gone
// when it was looked for" when nothing of it is known.
[[nodiscard]] std::string sender_text(const ProcessSeen& sender);
[[nodiscard]] Actor actor_of(const ProcessSeen& sender);
// One line per record: "signal:signal_generate | pid 77 | SIGKILL, code 0, group 1, ...".
void quote_signal(const SignalSent& record, Verdict& verdict);
// Was this SIGTERM ignored because its target is PID 1 of a pid namespace and has no handler?
[[nodiscard]] bool ignored_by_pid1(const DeathCase& death, const SignalSent& term);
// What a verdict of a signal by a process begins with: proven by the kernel's record, the record
// quoted, OOM ruled out or contributing.
[[nodiscard]] Verdict begin_sent(const DeathCase& death, VerdictClass verdict_class);
// "leaker was killed with SIGKILL"
[[nodiscard]] std::string killed_text(const DeathCase& death);
// "a key of its terminal (Ctrl-C)": what sent SIGINT, SIGQUIT, SIGTSTP or SIGHUP with the kernel's
// code.
[[nodiscard]] std::string terminal_text(int signal);
// From an event to the kernel's line about it: printk has a clock of its own.
inline constexpr Usec kPrintkSlack{2'000'000};
// The kernel's line that says that it sent `signal` to every process, asked by sysrq, between two
// moments of CLOCK_BOOTTIME give or take kPrintkSlack; the last one. nullptr: there is none.
[[nodiscard]] const FaultRecord* sysrq_line(const DeathCase& death, int signal, Usec from, Usec to);
// "sysrq-e, with which somebody ..."
[[nodiscard]] std::string sysrq_text(int signal);
// The share of throttled periods of the run, in words; empty when throttling is no part of it.
[[nodiscard]] std::string throttled_text(const DeathCase& death);

}  // namespace cgwarden::diagnosis::rules
