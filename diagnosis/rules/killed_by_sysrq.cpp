#include <fmt/format.h>

#include <algorithm>
#include <csignal>

#include "base/text.h"
#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis::rules {
namespace {

// From the key to the end of the last process, on a machine that has them all to end at once.
constexpr Usec kEndsWithin{10'000'000};

}  // namespace

const FaultRecord* sysrq_line(const DeathCase& death, int signal, Usec from, Usec to) {
  const FaultRecord* found = nullptr;
  for (const auto& line : death.evidence.faults) {
    if (line.what == "sysrq" && line.signal == signal && line.boottime <= to + kPrintkSlack &&
        line.boottime + kPrintkSlack >= from) {
      found = &line;
    }
  }
  return found;
}

std::string sysrq_text(int signal) {
  return signal == SIGTERM ? "sysrq-e, with which somebody had the kernel send SIGTERM to every "
                             "process"
                           : "sysrq-i, with which somebody had the kernel kill every process";
}

std::optional<Verdict> killed_by_sysrq(const DeathCase& death) {
  const DeathEvidence& evidence = death.evidence;
  const auto& exit = death.only_init_seen ? evidence.init_exit : evidence.main_exit;
  // With all others its shim is killed, which would have taken down the status.
  const bool unseen = !exit && evidence.agent_was_away;
  if (!unseen && (!exit || exit->kind == MainExit::Kind::exited)) return std::nullopt;
  const int signal = unseen ? SIGKILL : exit->status;
  const SignalSent* record = death.signal.origin;
  // The kernel sends it to the process, not to one thread, right after the line.
  if (record != nullptr &&
      (record->code != SignalSent::kFromKernel || !record->group || death.signal.namespace_ended)) {
    return std::nullopt;
  }
  const Usec ended = evidence.ended.boottime;
  const FaultRecord* line =
      record != nullptr ? sysrq_line(death, signal, record->boottime, record->boottime)
                        : sysrq_line(death, signal, ended - std::min(kEndsWithin, ended), ended);
  // One of before its start was to the run before.
  if (line == nullptr || line->boottime < evidence.started.boottime) return std::nullopt;
  const Confidence unrecorded = evidence.signals.watched ? Confidence::likely : Confidence::strong;
  const Confidence seen = record != nullptr ? Confidence::proven : unrecorded;
  Verdict verdict = death.begin(VerdictClass::killed_by_user, unseen ? Confidence::likely : seen);
  verdict.subject = Subject::cgroup;
  verdict.actor = Actor{std::nullopt, "the kernel, asked by sysrq"};
  verdict.answer = fmt::format("{} was killed with {} by {}", evidence.workload,
                               signal_name(signal), sysrq_text(signal));
  verdict.evidence.push_back({"kmsg", fmt::format("seq {}", line->sequence), line->line});
  if (record != nullptr) {
    quote_signal(*record, verdict);
    if (record->sender.pid > 0) {
      verdict.contributing.push_back(
          "at that moment ran " + sender_text(record->sender) +
          ": who wrote to /proc/sysrq-trigger, or whom the key interrupted");
    }
  }
  if (unseen) verdict.evidence_lost.emplace_back("the wait status of the main process");
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  death.contribute_oom_kills(verdict);
  death.quote_memory_events(verdict);
  verdict.advice.emplace_back(
      "Ask who used the magic SysRq key, or wrote to /proc/sysrq-trigger: everything on this "
      "machine was signalled. kernel.sysrq (sysctl) forbids the key, not the file.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::rules
