#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/units.h"

namespace cgwarden::diagnosis {

// Names in metrics, JSON and runbook are those of to_string: upper case, as in "OOM_OWN_LIMIT".
enum class VerdictClass {
  oom_own_limit,
  oom_nested_limit,  // a limit that the workload set on a cgroup below its own
  oom_ancestor_limit,
  oom_global,
  oom_manual,              // sysrq-f
  exited,                  // by its own exit code, 0 included
  killed_by_user,          // SIGKILL, SIGTERM, ... sent from user space
  killed_by_cgroup_kill,   // 1 written to cgroup.kill
  killed_by_systemd_oomd,  // systemd-oomd, or another oomd that leaves its marks
  killed_by_policy,        // by us: a kill rule or the stall guard of a policy
  killed_by_watchdog,      // SIGKILL by a program, while it was throttled
  term_ignored,            // it lived on after SIGTERM, and SIGKILL followed
  term_ignored_by_pid1,    // because PID 1 of a pid namespace has no handler
  pid_namespace_ended,     // the kernel kills what PID 1 leaves behind
  rlimit_exceeded,
  segfault,
  illegal_instruction,
  arithmetic_fault,
  bus_error,
  aborted,
  seccomp_violation,
  broken_pipe,        // it wrote to what nobody reads any more (SIGPIPE)
  exec_failed,        // never started
  stopped,            // by us, as asked
  machine_restarted,  // it ran when the machine stopped, crashed or lost its power
  agent_restarted,    // it ended while no agent watched, and left no exit status
  // Stalls and events of one that lives:
  throttled,
  oom_child,              // a child process was OOM-killed
  stalled_oom_no_victim,  // out of memory, and nothing may be killed
  stalled_memory_high,    // held back at memory.high
  stalled_io_throttled,   // waits for what io.max lets through
  oom_forecast,           // grows towards a memory.max; a policy asked to be told
  pids_limit,             // it cannot fork
  frozen,                 // by cgroup.freeze
  stopped_by_signal,      // SIGSTOP
  unknown,
};

enum class Confidence { unknown, likely, strong, proven };
enum class Subject { main, child, cgroup };

[[nodiscard]] std::string_view to_string(VerdictClass verdict);  // "OOM_OWN_LIMIT"
[[nodiscard]] std::optional<VerdictClass> verdict_class_from(std::string_view name);
[[nodiscard]] const std::vector<VerdictClass>& all_verdict_classes();
// Of a death; else of a stall or an event, and the workload lives.
[[nodiscard]] bool is_of_death(VerdictClass verdict);
// A death by the kernel's OOM killer.
[[nodiscard]] bool is_oom_death(VerdictClass verdict);
[[nodiscard]] std::string_view to_string(Confidence confidence);
[[nodiscard]] std::string_view to_string(Subject subject);

struct EvidenceItem {
  std::string source;     // "memory.events.local", "kmsg", "waitid", "cpu.stat", "launcher"
  std::string reference;  // cgroup path, sequence number, pid
  std::string quote;      // what was read, or the delta
};

struct LimitHit {
  std::string cgroup;
  std::string file;   // "memory.max"
  std::string value;  // as the kernel prints it
};

// Who did it, as far as known.
struct Actor {
  std::optional<pid_t> pid;
  std::string what;  // "the kernel's OOM killer", "cgwarden", "a process in user space (sender not
                     // recorded)"
  // Of a process that could be looked up; empty: not known.
  std::string exe = {};
  std::string cgroup = {};
  std::optional<std::uint32_t> uid = {};
  std::optional<std::uint32_t> login_uid = {};  // of the session it descends from
};

struct Victim {
  pid_t pid = -1;
  std::string comm;
  std::optional<Bytes> rss;
};

struct Verdict {
  std::string workload;
  unsigned incarnation = 0;
  VerdictClass verdict = VerdictClass::unknown;
  Confidence confidence = Confidence::unknown;
  Subject subject = Subject::main;
  bool death = true;   // false: a stall of a living workload
  TimePoint from;      // start of the incarnation, or of the stall
  TimePoint when;      // of the death, or of the last observation
  bool over = false;   // a stall that was seen to end; `when`: it still held
  std::string answer;  // one sentence: the first line of `why`
  std::optional<Actor> actor;
  std::optional<LimitHit> limit;
  std::optional<Victim> victim;
  std::vector<EvidenceItem> evidence;
  std::vector<std::string> ruled_out;
  std::vector<std::string> contributing;
  std::vector<std::string> evidence_lost;
  std::vector<std::string> advice;
  std::string stderr_tail;
};

inline constexpr int kVerdictVersion = 1;
// One JSON object with "version"; the store's and --json's form.
[[nodiscard]] std::string to_json(const Verdict& verdict);
[[nodiscard]] Result<Verdict> parse_verdict(const std::string& json, const std::string& where);

}  // namespace cgwarden::diagnosis
