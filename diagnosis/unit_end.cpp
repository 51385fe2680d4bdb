#include "diagnosis/unit_end.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <utility>

#include "identity/identity.h"

#include "base/text.h"

namespace cgwarden::diagnosis {
namespace {

// From the kill to systemd's word of it.
constexpr Usec kLate{2'000'000};

bool is_in(const std::string& path, const UnitEnd& end) {
  const auto identity = identity::of_path(path);
  // A user's unit may have any name.
  return identity.unit == end.unit && !identity.owner;
}

std::string signal_text(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name == nullptr ? fmt::format("signal {}", signal) : fmt::format("SIG{}", name);
}

VerdictClass class_of_signal(int signal) {
  switch (signal) {
    case SIGSEGV:
      return VerdictClass::segfault;
    case SIGILL:
      return VerdictClass::illegal_instruction;
    case SIGFPE:
      return VerdictClass::arithmetic_fault;
    case SIGBUS:
      return VerdictClass::bus_error;
    case SIGABRT:
    case SIGTRAP:
      return VerdictClass::aborted;
    case SIGPIPE:
      return VerdictClass::broken_pipe;
    case SIGSYS:
      return VerdictClass::seccomp_violation;
    default:
      return VerdictClass::killed_by_user;
  }
}

UnitVerdict oom_verdict(const UnitEnd& end, const OomIncident& incident,
                        const std::vector<OomRecord>& records) {
  const VerdictClass verdict =
      limit_of(incident, records, [&](const std::string& path) { return is_in(path, end); });
  const std::string victims = fmt::format(
      "{} was ended by the kernel's OOM killer in {} ({} killed)", end.unit,
      printable(incident.cgroup),
      incident.victims.size() == 1 ? "1 process"
                                   : fmt::format("{} processes", incident.victims.size()));
  switch (verdict) {
    case VerdictClass::oom_own_limit:
      return {verdict, victims + ", at a memory limit of its own"};
    case VerdictClass::oom_ancestor_limit:
      return {verdict, victims + ", at a memory limit above it"};
    case VerdictClass::oom_global:
      return {verdict, victims + ", because the node had no memory left"};
    default:
      return {VerdictClass::unknown, victims + "; the kernel log does not say at which limit"};
  }
}

}  // namespace

bool may_be_oom(const UnitEnd& end) {
  return end.result == "oom-kill" || (end.code == CLD_KILLED && end.status == SIGKILL);
}

const OomIncident* oom_of(const UnitEnd& end, const std::vector<OomIncident>& incidents) {
  if (!may_be_oom(end)) return nullptr;
  const OomIncident* found = nullptr;
  for (const auto& incident : incidents) {
    const bool during = incident.boottime >= end.started && incident.boottime <= end.ended + kLate;
    if (!incident.attributed || !during || !is_in(incident.cgroup, end)) continue;
    const bool of_main = end.code == CLD_KILLED && end.status == SIGKILL &&
                         std::ranges::find(incident.victims, end.main_pid, &OomVictim::pid) !=
                             incident.victims.end();
    if (of_main || end.result == "oom-kill") found = &incident;
  }
  return found;
}

UnitVerdict unit_verdict(const UnitEnd& end, const OomIncident* incident,
                         const std::vector<OomRecord>& records) {
  if (incident != nullptr) return oom_verdict(end, *incident, records);
  if (end.stopped && end.result == "success") {
    return {VerdictClass::stopped, end.unit + " was stopped as asked"};
  }
  if (auto answer = answer_of_result(end)) return {answer->verdict, std::move(answer->text)};
  if (end.code == CLD_EXITED) {
    return {VerdictClass::exited, fmt::format("{} exited with code {}", end.unit, end.status)};
  }
  if (end.code != CLD_KILLED && end.code != CLD_DUMPED) {
    if (end.result == "success") {
      return {VerdictClass::stopped, end.unit + " ended; it had no main process"};
    }
    return {VerdictClass::unknown,
            fmt::format("{} ended with systemd's result {} and no main process", end.unit,
                        printable(end.result))};
  }
  const std::string by = fmt::format("{} was ended by {}", end.unit, signal_text(end.status));
  std::string text = by + (end.code == CLD_DUMPED ? " and left a core dump" : "");
  if (end.result == "oom-kill") {
    text += "; systemd says oom-kill, but no such kill was seen in this run";
    if (end.status == SIGKILL) return {VerdictClass::unknown, text};
  }
  return {class_of_signal(end.status), text};
}

}  // namespace cgwarden::diagnosis
