#include "diagnosis/verdict.h"

#include <array>
#include <utility>

namespace cgwarden::diagnosis {
namespace {

constexpr std::array kNames{
    std::pair{VerdictClass::oom_own_limit, std::string_view("OOM_OWN_LIMIT")},
    std::pair{VerdictClass::oom_nested_limit, std::string_view("OOM_NESTED_LIMIT")},
    std::pair{VerdictClass::oom_ancestor_limit, std::string_view("OOM_ANCESTOR_LIMIT")},
    std::pair{VerdictClass::oom_global, std::string_view("OOM_GLOBAL")},
    std::pair{VerdictClass::oom_manual, std::string_view("OOM_MANUAL")},
    std::pair{VerdictClass::exited, std::string_view("EXITED")},
    std::pair{VerdictClass::killed_by_user, std::string_view("KILLED_BY_USER")},
    std::pair{VerdictClass::killed_by_cgroup_kill, std::string_view("KILLED_BY_CGROUP_KILL")},
    std::pair{VerdictClass::killed_by_systemd_oomd, std::string_view("KILLED_BY_SYSTEMD_OOMD")},
    std::pair{VerdictClass::killed_by_policy, std::string_view("KILLED_BY_POLICY")},
    std::pair{VerdictClass::killed_by_watchdog, std::string_view("KILLED_BY_WATCHDOG")},
    std::pair{VerdictClass::term_ignored, std::string_view("TERM_IGNORED")},
    std::pair{VerdictClass::term_ignored_by_pid1, std::string_view("TERM_IGNORED_BY_PID1")},
    std::pair{VerdictClass::pid_namespace_ended, std::string_view("PID_NAMESPACE_ENDED")},
    std::pair{VerdictClass::rlimit_exceeded, std::string_view("RLIMIT_EXCEEDED")},
    std::pair{VerdictClass::segfault, std::string_view("SEGFAULT")},
    std::pair{VerdictClass::illegal_instruction, std::string_view("ILLEGAL_INSTRUCTION")},
    std::pair{VerdictClass::arithmetic_fault, std::string_view("ARITHMETIC_FAULT")},
    std::pair{VerdictClass::bus_error, std::string_view("BUS_ERROR")},
    std::pair{VerdictClass::aborted, std::string_view("ABORTED")},
    std::pair{VerdictClass::seccomp_violation, std::string_view("SECCOMP_VIOLATION")},
    std::pair{VerdictClass::broken_pipe, std::string_view("BROKEN_PIPE")},
    std::pair{VerdictClass::exec_failed, std::string_view("EXEC_FAILED")},
    std::pair{VerdictClass::stopped, std::string_view("STOPPED")},
    std::pair{VerdictClass::machine_restarted, std::string_view("MACHINE_RESTARTED")},
    std::pair{VerdictClass::agent_restarted, std::string_view("AGENT_RESTARTED")},
    std::pair{VerdictClass::throttled, std::string_view("THROTTLED")},
    std::pair{VerdictClass::oom_child, std::string_view("OOM_CHILD")},
    std::pair{VerdictClass::stalled_oom_no_victim, std::string_view("STALLED_OOM_NO_VICTIM")},
    std::pair{VerdictClass::stalled_memory_high, std::string_view("STALLED_MEMORY_HIGH")},
    std::pair{VerdictClass::stalled_io_throttled, std::string_view("STALLED_IO_THROTTLED")},
    std::pair{VerdictClass::oom_forecast, std::string_view("OOM_FORECAST")},
    std::pair{VerdictClass::pids_limit, std::string_view("PIDS_LIMIT")},
    std::pair{VerdictClass::frozen, std::string_view("FROZEN")},
    std::pair{VerdictClass::stopped_by_signal, std::string_view("STOPPED_BY_SIGNAL")},
    std::pair{VerdictClass::unknown, std::string_view("UNKNOWN")},
};

}  // namespace

std::string_view to_string(VerdictClass verdict) {
  for (const auto& [value, name] : kNames) {
    if (value == verdict) return name;
  }
  return "UNKNOWN";
}

std::optional<VerdictClass> verdict_class_from(std::string_view name) {
  for (const auto& [value, text] : kNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

const std::vector<VerdictClass>& all_verdict_classes() {
  static const std::vector<VerdictClass> classes = [] {
    std::vector<VerdictClass> all;
    for (const auto& [value, name] : kNames) all.push_back(value);
    return all;
  }();
  return classes;
}

bool is_of_death(VerdictClass verdict) {
  switch (verdict) {
    case VerdictClass::throttled:
    case VerdictClass::oom_child:
    case VerdictClass::stalled_oom_no_victim:
    case VerdictClass::stalled_memory_high:
    case VerdictClass::stalled_io_throttled:
    case VerdictClass::oom_forecast:
    case VerdictClass::pids_limit:
    case VerdictClass::frozen:
    case VerdictClass::stopped_by_signal:
      return false;
    default:
      return true;
  }
}

bool is_oom_death(VerdictClass verdict) {
  return verdict == VerdictClass::oom_own_limit || verdict == VerdictClass::oom_nested_limit ||
         verdict == VerdictClass::oom_ancestor_limit || verdict == VerdictClass::oom_global ||
         verdict == VerdictClass::oom_manual;
}

std::string_view to_string(Confidence confidence) {
  switch (confidence) {
    case Confidence::unknown:
      return "unknown";
    case Confidence::likely:
      return "likely";
    case Confidence::strong:
      return "strong";
    case Confidence::proven:
      return "proven";
  }
  return "unknown";
}

std::string_view to_string(Subject subject) {
  switch (subject) {
    case Subject::main:
      return "main";
    case Subject::child:
      return "child";
    case Subject::cgroup:
      return "cgroup";
  }
  return "main";
}

}  // namespace cgwarden::diagnosis
