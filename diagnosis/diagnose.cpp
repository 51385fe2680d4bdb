#include "diagnosis/diagnose.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "base/text.h"
#include "diagnosis/death_case.h"
#include "diagnosis/rules/rules.h"
#include "diagnosis/rules/sender.h"

namespace cgwarden::diagnosis {
namespace {

Confidence one_step_lower(Confidence confidence) {
  switch (confidence) {
    case Confidence::proven:
      return Confidence::strong;
    case Confidence::strong:
    case Confidence::likely:
      return Confidence::likely;
    case Confidence::unknown:
      return Confidence::unknown;
  }
  return Confidence::unknown;
}

Verdict unknown(const DeathCase& death) {
  Verdict verdict = death.begin(VerdictClass::unknown, Confidence::unknown);
  const auto& exit = death.evidence.main_exit;
  if (exit && exit->kind != MainExit::Kind::exited) {
    verdict.answer = fmt::format("{} was ended by {}; what raised it is not known",
                                 death.evidence.workload, signal_name(exit->status));
  } else {
    verdict.answer = fmt::format("it is not known how {} ended: nobody saw its exit status",
                                 death.evidence.workload);
    verdict.evidence_lost.push_back("the wait status of the main process");
  }
  verdict.contributing = death.oom.conflicts;
  death.contribute_oom_kills(verdict);
  if (const auto ruled_out = death.oom_ruled_out()) verdict.ruled_out.push_back(*ruled_out);
  death.quote_memory_events(verdict);
  return verdict;
}

void add_throttling(const DeathCase& death, Verdict& verdict) {
  const std::string text = rules::throttled_text(death);
  if (!text.empty()) verdict.contributing.push_back("it was " + text + " during the run");
}

void add_own_actions(const DeathCase& death, Verdict& verdict) {
  if (verdict.verdict == VerdictClass::stopped ||
      verdict.verdict == VerdictClass::killed_by_policy) {
    return;
  }
  for (const auto& action : death.own_actions()) {
    if (!action.policy.empty()) {
      verdict.contributing.push_back(fmt::format("{} had killed {} before that: {}", action.policy,
                                                 action.part ? "what is below it" : "its cgroup",
                                                 action.reason));
      continue;
    }
    verdict.contributing.push_back(fmt::format("cgwarden had sent {} before that: {}",
                                               signal_name(action.signal), action.reason));
  }
}

// A program that ends by itself has often been asked to.
void add_asked_to_end(const DeathCase& death, Verdict& verdict) {
  if (verdict.verdict != VerdictClass::exited) return;
  constexpr Usec kAnswers{30'000'000};
  const Usec ended = death.evidence.ended.boottime;
  const Usec from = std::max(death.evidence.started.boottime, ended - std::min(kAnswers, ended));
  if (const auto* line = rules::sysrq_line(death, SIGTERM, from, ended)) {
    verdict.evidence.push_back({"kmsg", fmt::format("seq {}", line->sequence), line->line});
    verdict.contributing.push_back("it had been sent SIGTERM shortly before by " +
                                   rules::sysrq_text(SIGTERM));
  }
  for (const auto& record : death.evidence.signals.records) {
    const bool asks =
        record.signal == SIGTERM || record.signal == SIGINT || record.signal == SIGHUP;
    if (!asks || (!record.by_process() && !record.by_terminal()) || !record.delivered() ||
        record.target != death.evidence.main_pid ||
        record.boottime + kAnswers < death.evidence.ended.boottime) {
      continue;
    }
    rules::quote_signal(record, verdict);
    const bool by_parent =
        parent_death_of(death.evidence, record) == SignalAttribution::ParentDeath::likely;
    verdict.contributing.push_back(fmt::format(
        "it had been sent {} by {} shortly before{}", signal_name(record.signal),
        record.by_terminal() ? rules::terminal_text(record.signal)
                             : rules::sender_text(record.sender),
        by_parent ? ": its parent, whose end may have sent it (PR_SET_PDEATHSIG)" : ""));
  }
}

// What cgwarden itself changed about it is a part of the story, and seldom all of it.
void add_policy_writes(const DeathCase& death, Verdict& verdict) {
  const Usec ended = death.evidence.ended.boottime;
  for (const auto& write : death.evidence.policy_writes) {
    if (write.boottime > ended) continue;
    verdict.evidence.push_back({"policy", write.cgroup, write.text});
    verdict.contributing.push_back(
        fmt::format("{} before: {}", human_duration(ended - write.boottime), write.text));
  }
}

// The log is rate-limited without a word: that fewer kills are in it than the counters tell of is
// the only sign. True: what is missing may have been the main process's.
bool add_missing_lines(const DeathCase& death, Verdict& verdict) {
  // A group kill counts a process more than once.
  if (death.group_killed != nullptr) return false;
  const std::uint64_t seen = death.other_kills.size() + (death.main_kill != nullptr ? 1 : 0);
  const std::uint64_t counted = death.run_oom_kill.value_or(0);
  // Without any line the verdict is of the counters alone, and no stronger for it.
  if (seen == 0 || counted <= seen + death.run_nested_group_kills) return false;
  verdict.evidence_lost.push_back(
      fmt::format("kernel log: {} OOM kills were counted in this run and {} of them are in the "
                  "log; the rest was lost, or not logged because there were so many",
                  counted, seen));
  return death.main_kill == nullptr && death.main_sigkilled && !death.signal.by_process();
}

// The counters of a cgroup that went with its last process ("counters of PATH: ...") would only
// have told of the OOM killer there. A SIGKILL that the kernel recorded as ours was not its, and
// one that the log tells of in another cgroup is counted in that one alone.
bool stands_without_counters(const DeathCase& death, const Verdict& verdict) {
  const bool recorded_ours = verdict.verdict == VerdictClass::killed_by_policy &&
                             death.signal.by_process() && death.signal.ours;
  const bool of_another =
      death.oom.cause == OomCause::elsewhere && verdict.verdict == VerdictClass::oom_ancestor_limit;
  return (recorded_ours || of_another) &&
         std::ranges::all_of(death.evidence.lost, [](const std::string& what) {
           return what.starts_with("counters of ");
         });
}

// They hold paths and names that others chose; the fields of the verdict keep the bytes as they
// are.
void make_sentences_printable(Verdict& verdict) {
  verdict.answer = printable(verdict.answer);
  for (auto* list :
       {&verdict.ruled_out, &verdict.contributing, &verdict.evidence_lost, &verdict.advice}) {
    for (auto& sentence : *list) sentence = printable(sentence);
  }
}

}  // namespace

Verdict diagnose(const DeathEvidence& evidence) {
  const DeathCase death(evidence);
  static constexpr std::array kRules{rules::exec_failed,
                                     rules::machine_restarted,
                                     rules::killed_by_policy,
                                     rules::stopped_by_us,
                                     rules::own_limit_oom,
                                     rules::nested_limit_oom,
                                     rules::ancestor_limit_oom,
                                     rules::moved_process_oom,
                                     rules::global_oom,
                                     rules::unresolved_oom,
                                     rules::systemd_result,
                                     rules::killed_by_oomd,
                                     rules::killed_by_cgroup_kill,
                                     rules::term_ignored,
                                     rules::killed_by_watchdog,
                                     rules::killed_by_sysrq,
                                     rules::killed_by_sender,
                                     rules::pid_namespace_ended,
                                     rules::strict_seccomp,
                                     rules::tracer_ended,
                                     rules::rlimit_exceeded,
                                     rules::broken_pipe,
                                     rules::fault_signal,
                                     rules::killed_by_user,
                                     rules::exited,
                                     rules::agent_restarted};
  std::optional<Verdict> found;
  for (const auto rule : kRules) {
    found = rule(death);
    if (found) break;
  }
  Verdict verdict = found ? std::move(*found) : unknown(death);
  if (evidence.unit_end) {
    verdict.evidence.push_back(
        {"systemd", evidence.unit_end->unit, quote_unit_end(*evidence.unit_end)});
  }
  add_throttling(death, verdict);
  add_own_actions(death, verdict);
  add_asked_to_end(death, verdict);
  add_policy_writes(death, verdict);
  verdict.evidence_lost.insert(verdict.evidence_lost.begin(), evidence.lost_earlier.begin(),
                               evidence.lost_earlier.end());
  verdict.evidence_lost.insert(verdict.evidence_lost.begin(), evidence.lost.begin(),
                               evidence.lost.end());
  // What could not be seen cannot have been weighed; only a launcher's own report needs no other
  // witness.
  const bool lines_missing = add_missing_lines(death, verdict);
  const bool weakened = !evidence.lost.empty() || lines_missing;
  if (weakened && verdict.verdict != VerdictClass::exec_failed &&
      !stands_without_counters(death, verdict)) {
    verdict.confidence = one_step_lower(verdict.confidence);
  }
  if (evidence.output_dropped.value > 0) {
    verdict.evidence_lost.push_back(
        human_bytes(evidence.output_dropped) +
        " of its output are missing in its logs: they could not be written (is the disk full?)");
  }
  make_sentences_printable(verdict);
  return verdict;
}

}  // namespace cgwarden::diagnosis
