#pragma once

#include <optional>

#include "diagnosis/death_case.h"
#include "diagnosis/verdict.h"

// One rule per file. A rule gives its verdict when it holds and nothing when it does not;
// diagnose() asks them in the order below.
namespace cgwarden::diagnosis::rules {

// The launcher reported a stage that failed: the command never ran.
[[nodiscard]] std::optional<Verdict> exec_failed(const DeathCase& death);
// It ran when the machine was restarted.
[[nodiscard]] std::optional<Verdict> machine_restarted(const DeathCase& death);
// A policy of ours killed its cgroup (`adapt.kill`, `adapt.stall`).
[[nodiscard]] std::optional<Verdict> killed_by_policy(const DeathCase& death);
// We signalled it and it ended by that signal or by itself; not when it was OOM-killed or crashed.
[[nodiscard]] std::optional<Verdict> stopped_by_us(const DeathCase& death);
// Killed at memory.max of its own cgroup.
[[nodiscard]] std::optional<Verdict> own_limit_oom(const DeathCase& death);
// Killed at a limit that it set itself, on a cgroup below its own.
[[nodiscard]] std::optional<Verdict> nested_limit_oom(const DeathCase& death);
// Killed at the limit of a cgroup above it.
[[nodiscard]] std::optional<Verdict> ancestor_limit_oom(const DeathCase& death);
// Killed at the limit of a cgroup into which its main process had been moved.
[[nodiscard]] std::optional<Verdict> moved_process_oom(const DeathCase& death);
// Killed because the machine was out of memory, or by sysrq-f.
[[nodiscard]] std::optional<Verdict> global_oom(const DeathCase& death);
// Killed by the OOM killer, but the sources do not say at whose limit: class UNKNOWN.
[[nodiscard]] std::optional<Verdict> unresolved_oom(const DeathCase& death);
// What systemd itself says that it did to its service, or could not do: Result=.
[[nodiscard]] std::optional<Verdict> systemd_result(const DeathCase& death);
// Of a process whose SIGKILL the kernel's record shows, in this order:
// by an oomd that left its marks on the cgroup;
[[nodiscard]] std::optional<Verdict> killed_by_oomd(const DeathCase& death);
// by a write to cgroup.kill;
[[nodiscard]] std::optional<Verdict> killed_by_cgroup_kill(const DeathCase& death);
// after a SIGTERM that it outlived;
[[nodiscard]] std::optional<Verdict> term_ignored(const DeathCase& death);
// by a program, while it was throttled;
[[nodiscard]] std::optional<Verdict> killed_by_watchdog(const DeathCase& death);
// by anybody, with any signal.
[[nodiscard]] std::optional<Verdict> killed_by_sender(const DeathCase& death);
// By the kernel, as somebody had it signal every process by hand (sysrq-e, sysrq-i).
[[nodiscard]] std::optional<Verdict> killed_by_sysrq(const DeathCase& death);
// By the kernel, because PID 1 of its pid namespace ended.
[[nodiscard]] std::optional<Verdict> pid_namespace_ended(const DeathCase& death);
// SIGXCPU, SIGXFSZ, and the SIGKILL of a hard RLIMIT_CPU.
[[nodiscard]] std::optional<Verdict> rlimit_exceeded(const DeathCase& death);
// The SIGKILL that the kernel gives for a system call beyond SECCOMP_MODE_STRICT.
[[nodiscard]] std::optional<Verdict> strict_seccomp(const DeathCase& death);
// By the kernel, as its tracer ended (PTRACE_O_EXITKILL).
[[nodiscard]] std::optional<Verdict> tracer_ended(const DeathCase& death);
// SIGPIPE of its own write.
[[nodiscard]] std::optional<Verdict> broken_pipe(const DeathCase& death);
// SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGABRT, SIGTRAP, SIGSYS.
[[nodiscard]] std::optional<Verdict> fault_signal(const DeathCase& death);
// Any other signal that people and programs send, when its record was not seen.
[[nodiscard]] std::optional<Verdict> killed_by_user(const DeathCase& death);
// Its own exit code.
[[nodiscard]] std::optional<Verdict> exited(const DeathCase& death);
// Nobody saw its status, because no agent ran when it ended.
[[nodiscard]] std::optional<Verdict> agent_restarted(const DeathCase& death);

}  // namespace cgwarden::diagnosis::rules
