// Daemon: ends of units and containers, which are nobody's workload. RunEnds joins what is told of
// one end; one verdict of it goes to the counters, the events, the log and the store.
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "identity/identity.h"
#include "identity/subject.h"

#include "agent/daemon.h"
#include "agent/incident.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "diagnosis/death_case.h"
#include "diagnosis/diagnose.h"

namespace cgwarden::agent {
namespace {

using diagnosis::Verdict;
using diagnosis::VerdictClass;

// From the kill to the death of the last process, and to the signal on the bus.
constexpr Usec kOomdLate{30'000'000};

// What systemd says alone, of a run that was too short to be looked at, or beside no process
// connector.
Verdict verdict_of_answer(const RunEnds::Decided& end, TimePoint now) {
  const auto at = [&](Usec boottime) {
    return TimePoint{boottime, now.wall - std::min(now.wall, now.boottime - boottime)};
  };
  Verdict verdict;
  verdict.workload = to_key(end.subject);
  verdict.verdict = end.answer.verdict;
  verdict.confidence = verdict.verdict == VerdictClass::unknown ? diagnosis::Confidence::unknown
                                                                : diagnosis::Confidence::likely;
  verdict.when = at(end.ended);
  verdict.from = end.unit ? at(end.unit->started) : verdict.when;
  verdict.answer = printable(end.answer.text);
  if (end.unit) {
    verdict.evidence.push_back({"systemd", end.unit->unit, quote_unit_end(*end.unit)});
    if (const auto answer = answer_of_result(*end.unit); answer && !answer->advice.empty()) {
      verdict.advice.push_back(answer->advice);
    }
  }
  verdict.evidence_lost.emplace_back(
      "the counters of its cgroup: it had ended before they were read");
  return verdict;
}

// Timers end their services all day, and services are stopped; only what went wrong is news.
bool is_fine(const Verdict& verdict, const RunEnds::Decided& end) {
  if (verdict.verdict == VerdictClass::stopped) return true;
  if (verdict.verdict == VerdictClass::exited) {
    return end.evidence ? end.evidence->main_exit && end.evidence->main_exit->status == 0
                        : end.unit && end.unit->status == 0;
  }
  return end.subject.kind == identity::Subject::Kind::container &&
         verdict.verdict == VerdictClass::unknown && !end.evidence;
}

}  // namespace

void Daemon::units_changed(const UnitTracker::News& news) {
  const TimePoint now = clock_.now();
  // Not of units with a name for one use.
  const auto subject_of_unit = [](const std::string& unit) {
    return identity::subject_of(identity::of_path("/system.slice/" + unit));
  };
  for (const auto& restart : news.restarts) {
    if (const auto unit = subject_of_unit(restart.unit)) {
      subjects_.restarted(*unit, restart.result, now);
    }
  }
  for (const auto& end : news.ends) {
    if (const auto unit = subject_of_unit(end.unit)) run_ends_.ended(*unit, end);
  }
}

void Daemon::oomd_killed(const std::string& cgroup, const std::string& reason) {
  log::info("oomd_killed", {{"cgroup", printable(cgroup)}, {"reason", printable(reason)}});
  oomd_kills_.push_back({cgroup, reason, clock_.now().boottime});
  if (oomd_kills_.size() > limits::kUnitEndsPending) oomd_kills_.pop_front();
}

// What ages or is overwritten is read at once; the verdict waits for systemd's word.
void Daemon::foreign_died(const identity::Subject& subject, diagnosis::DeathEvidence evidence,
                          bool others_live) {
  add_kernel_log(kernel_log_of(evidence.started, evidence.ended), evidence);
  if (senders_) add_signals(*senders_, evidence);
  add_policy_writes(evidence);
  if (!evidence.cgroups.empty()) {
    evidence.before_death = memory_events_watch_->largest_of(
        evidence.cgroups.front().id, evidence.started.boottime, evidence.ended.boottime);
  }
  if (others_live) {
    run_ends_.lingers(subject, std::move(evidence));
  } else {
    run_ends_.died(subject, std::move(evidence));
  }
}

Verdict Daemon::verdict_of(RunEnds::Decided end) const {
  if (!end.evidence) return verdict_of_answer(end, clock_.now());
  auto& evidence = *end.evidence;
  const bool asked = end.unit && end.unit->stopped && end.unit->result == "success";
  for (const auto& kill : oomd_kills_) {
    const Usec ended = evidence.ended.boottime;
    const bool in_time = kill.boottime + kOomdLate >= ended && kill.boottime <= ended + kOomdLate;
    if (in_time && diagnosis::path_is_at_or_below(end.cgroup, kill.cgroup)) {
      evidence.oomd_kill = kill;
    }
  }
  add_policy_kills(end.cgroup, evidence);
  Verdict verdict = diagnosis::diagnose(evidence);
  verdict.workload = to_key(end.subject);
  if (verdict.verdict == VerdictClass::killed_by_policy) return verdict;
  // As a service ends every time, with the signal that its unit names; a Result of its own is a
  // failure.
  const bool failed = end.unit && end.unit->result != "success";
  const bool by_systemd = !failed && verdict.verdict == VerdictClass::killed_by_user &&
                          verdict.actor && verdict.actor->pid == 1 && evidence.main_exit &&
                          evidence.main_exit->status == SIGTERM;
  if (asked || by_systemd) verdict.verdict = VerdictClass::stopped;
  return verdict;
}

void Daemon::observe_ends(const cgroup::Snapshot& snapshot) {
  const TimePoint now = clock_.now();
  const auto identities = identification_.table();
  for (const auto& sample : snapshot.ended()) {
    const identity::Known* known = identities->find(sample.id);
    if (known == nullptr || !known->subject) continue;
    if (known->subject->kind != identity::Subject::Kind::container) continue;
    run_ends_.ended({*known->subject, sample.path, now.boottime});
  }
  const auto records = [&](Usec from, Usec to) {
    return kernel_log_of({from, {}}, {to, {}}).kills;
  };
  struct Bad {
    RunEnds::Decided end;
    Verdict verdict;
  };
  std::vector<Bad> bad;
  std::vector<Verdict> verdicts;
  for (auto& end : run_ends_.take(now.boottime, records)) {
    Verdict verdict = verdict_of(end);
    if (!identity::is_passing(end.subject)) {
      subjects_.died(end.subject, verdict.verdict, end.cgroup, end.ended, now);
    }
    if (is_fine(verdict, end)) continue;
    verdicts.push_back(verdict);
    bad.push_back({std::move(end), std::move(verdict)});
  }
  // Who reads of it finds it in the store.
  store_verdicts(verdicts);
  for (const auto& [end, verdict] : bad) announce_end(end, verdict);
}

void Daemon::announce_end(const RunEnds::Decided& end, const Verdict& verdict) {
  const bool of_unit = end.subject.kind == identity::Subject::Kind::unit;
  log::event(log::Level::info, of_unit ? "unit_died" : "container_died",
             {{of_unit ? "unit" : "container", printable(identity::spoken_name(end.subject))},
              {"verdict", std::string(to_string(verdict.verdict))},
              {"confidence", std::string(to_string(verdict.confidence))},
              {"answer", verdict.answer}},
             message_id(diagnosis::EventKind::death));
  diagnosis::Event event{.kind = diagnosis::EventKind::death,
                         .when = verdict.when,
                         .cgroup = end.cgroup,
                         .verdict = std::string(to_string(verdict.verdict)),
                         .text = verdict.answer};
  (of_unit ? event.unit : event.container) = end.subject.name;
  tell(std::move(event));
}

}  // namespace cgwarden::agent
