#pragma once

#include <sys/types.h>

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
  oom_ancestor_limit,
  oom_global,
  exited,          // by its own exit code, 0 included
  killed_by_user,  // SIGKILL, SIGTERM, ... sent from user space
  segfault,
  illegal_instruction,
  arithmetic_fault,
  bus_error,
  aborted,
  seccomp_violation,
  exec_failed,  // never started
  stopped,      // by us, as asked
  throttled,    // a stall: it lives
  unknown,
};

enum class Confidence { unknown, likely, strong, proven };
enum class Subject { main, child, cgroup };

[[nodiscard]] std::string_view to_string(VerdictClass verdict);  // "OOM_OWN_LIMIT"
[[nodiscard]] std::optional<VerdictClass> verdict_class_from(std::string_view name);
[[nodiscard]] const std::vector<VerdictClass>& all_verdict_classes();
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
