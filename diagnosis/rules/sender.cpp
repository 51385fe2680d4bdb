#include "diagnosis/rules/sender.h"

#include <fmt/format.h>

#include <csignal>

#include "base/text.h"

namespace cgwarden::diagnosis::rules {
namespace {

std::string_view result_text(int result) {
  switch (result) {
    case 0:
      return "delivered";
    case 1:
      return "ignored";
    case 2:
      return "already pending";
    default:
      return "queue full";
  }
}

}  // namespace

std::string sender_text(const ProcessSeen& sender) {
  if (sender.pid <= 0) return "the kernel";
  const std::string& name = !sender.command.empty() ? sender.command
                            : !sender.exe.empty()   ? sender.exe
                                                    : sender.comm;
  std::string text = fmt::format("pid {}", sender.pid);
  if (!name.empty()) text += " `" + printable(name) + "`";
  std::string more;
  const auto add = [&](const std::string& part) { more += (more.empty() ? "" : ", ") + part; };
  if (!sender.exe.empty() && sender.exe != name) add(printable(sender.exe));
  if (sender.uid) add(fmt::format("uid {}", *sender.uid));
  if (sender.login_uid) add(fmt::format("logged in as uid {}", *sender.login_uid));
  if (!sender.cgroup.empty()) add("of " + printable(sender.cgroup));
  if (name.empty()) add("gone before it could be looked up");
  return more.empty() ? text : text + " (" + more + ")";
}

Actor actor_of(const ProcessSeen& sender) {
  Actor actor{sender.pid, sender_text(sender)};
  actor.exe = sender.exe;
  actor.cgroup = sender.cgroup;
  actor.uid = sender.uid;
  actor.login_uid = sender.login_uid;
  return actor;
}

void quote_signal(const SignalSent& record, Verdict& verdict) {
  verdict.evidence.push_back(
      {"signal_generate", fmt::format("pid {}", record.target),
       fmt::format("{}, code {}, group {}, {}; sent by {}", signal_name(record.signal), record.code,
                   record.group ? 1 : 0, result_text(record.result), sender_text(record.sender))});
}

bool ignored_by_pid1(const DeathCase& death, const SignalSent& term) {
  const DeathEvidence& evidence = death.evidence;
  return !term.delivered() && (term.target_is_namespace_init ||
                               (evidence.main_is_pid1 && term.target == evidence.main_pid));
}

Verdict begin_sent(const DeathCase& death, VerdictClass verdict_class) {
  const bool seen = death.evidence.main_exit || death.evidence.init_exit;
  // What was lost lowers it.
  const bool said = !death.evidence.lost.empty();
  Verdict verdict =
      death.begin(verdict_class, seen || said ? Confidence::proven : Confidence::strong);
  if (!seen) verdict.evidence_lost.emplace_back("the wait status of the main process");
  const auto& signal = death.signal;
  verdict.actor = actor_of(signal.origin->sender);
  verdict.subject = death.only_init_seen ? Subject::cgroup : Subject::main;
  quote_signal(*signal.origin, verdict);
  if (signal.origin != signal.fatal) quote_signal(*signal.fatal, verdict);
  if (const auto ruled_out = death.oom_ruled_out()) {
    verdict.ruled_out.push_back(*ruled_out);
  } else if (signal.fatal->signal == SIGKILL) {
    verdict.ruled_out.push_back(
        "OOM: the SIGKILL that ended it came from a process; the kernel's own has another code");
  }
  verdict.contributing = death.oom.conflicts;
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  return verdict;
}

std::string killed_text(const DeathCase& death) {
  return fmt::format("{} {} {}", death.evidence.workload,
                     death.only_init_seen || death.signal.namespace_ended
                         ? "ended because PID 1 of its pid namespace was killed with"
                         : "was killed with",
                     signal_name(death.signal.fatal->signal));
}

std::string throttled_text(const DeathCase& death) {
  // From this share of throttled periods on, throttling belongs to the story of a death.
  constexpr std::uint64_t kSharePercent = 25;
  constexpr std::uint64_t kPeriods = 10;
  if (death.payload == nullptr || !death.payload->before.cpu_stat ||
      !death.payload->after.cpu_stat) {
    return {};
  }
  const auto& before = *death.payload->before.cpu_stat;
  const auto& after = *death.payload->after.cpu_stat;
  const auto periods = rise(before.nr_periods, after.nr_periods);
  const auto throttled = rise(before.nr_throttled, after.nr_throttled);
  if (!periods || !throttled || *periods < kPeriods ||
      *throttled * 100 < *periods * kSharePercent) {
    return {};
  }
  return fmt::format("throttled in {} of {} periods ({} %) of its cpu.max", *throttled, *periods,
                     *throttled * 100 / *periods);
}

}  // namespace cgwarden::diagnosis::rules
