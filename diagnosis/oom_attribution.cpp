#include "diagnosis/oom_attribution.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace cgwarden::diagnosis {
namespace {

struct Finding {
  OomCause cause = OomCause::none;  // none: this source does not say
  const CgroupEvidence* ancestor = nullptr;
};

// What the kernel log says of this kill. A line without its dump (rate-limited) tells only a limit
// from the machine.
Finding by_log(const DeathCase& death, const OomRecord& record) {
  if (record.constraint == OomConstraint::manual) return {OomCause::manual};
  if (record.constraint == OomConstraint::global) return {OomCause::machine};
  if (record.oom_memcg.empty() || death.payload == nullptr) return {};
  if (record.limit_cut) {
    const bool below = path_is_at_or_below(record.oom_memcg, death.payload->path);
    return below ? Finding{OomCause::nested_limit} : Finding{};
  }
  if (record.oom_memcg == death.payload->path) return {OomCause::own_limit};
  if (path_is_at_or_below(record.oom_memcg, death.payload->path)) return {OomCause::nested_limit};
  for (const auto& cgroup : death.evidence.cgroups) {
    if (cgroup.path == record.oom_memcg) return {OomCause::ancestor_limit, &cgroup};
  }
  return {};
}

// Was its main process in no cgroup of the workload when it was killed? Then no counter of the
// workload tells of it. The log may have cut a long path to one above it.
bool killed_elsewhere(const DeathCase& death) {
  constexpr std::size_t kShorterThanCut = 512;
  if (death.main_kill == nullptr || death.payload == nullptr) return false;
  // Below a root that is not the kernel's, paths are not those of the log; and without the memory
  // controller it names the cgroup above that has it. One that was left empty is soon removed, with
  // its last counters: that it once had some is enough.
  const bool has_controller =
      death.payload->before.memory_events || death.payload->after.memory_events;
  if (!has_controller || !death.from_real_root) return false;
  const std::string& where = death.main_kill->task_memcg;
  if (where.empty() || path_is_at_or_below(where, death.payload->path)) return false;
  // One above it, that has controllers for those below, holds no process: it lost the controller.
  const bool above = where != "/" && path_is_at_or_below(death.payload->path, where);
  if (above && !death.payload->after.memory_events) return false;
  return !path_is_at_or_below(death.payload->path, where) || where.size() < kShorterThanCut;
}

// The log and the wait status are all there is: no counter was read where it was.
void judge_elsewhere(const DeathCase& death, OomAttribution& oom) {
  oom.record = death.main_kill;
  const Finding log = by_log(death, *oom.record);
  oom.cause = log.cause;
  oom.ancestor = log.ancestor;
  const bool limit = oom.record->constraint == OomConstraint::memcg;
  if (log.cause == OomCause::own_limit || log.cause == OomCause::nested_limit ||
      log.cause == OomCause::none) {
    oom.cause =
        limit && !oom.record->oom_memcg.empty() ? OomCause::elsewhere : OomCause::unresolved;
  }
  oom.confidence = death.main_sigkilled ? Confidence::strong : Confidence::likely;
  oom.conflicts.push_back(fmt::format(
      "its main process was in {} when it was killed, not in its own cgroup {}: somebody had moved "
      "it, and the counters there are not this workload's",
      oom.record->task_memcg, death.payload->path));
}

// What the counters say, when this was the only kill.
Finding by_counters(const DeathCase& death) {
  const auto own = death.subtree_oom == 0U ? death.subtree_oom : death.own_oom;
  if (own.value_or(0) > 0) return {OomCause::own_limit};
  const bool killed_below = death.own_oom_kill == 0U;
  if (killed_below && own && death.subtree_oom.value_or(0) > 0) return {OomCause::nested_limit};
  if (own && !death.limiting_ancestors.empty()) {
    return {OomCause::ancestor_limit, death.limiting_ancestors.front()};
  }
  if (death.counters_complete && death.limiting_ancestors.empty()) return {OomCause::machine};
  return {OomCause::unresolved};
}

// nullopt: the counter was not seen.
std::optional<bool> counters_agree(const DeathCase& death, const Finding& finding) {
  const auto rose = [](std::optional<std::uint64_t> value) -> std::optional<bool> {
    if (!value) return std::nullopt;
    return *value > 0;
  };
  switch (finding.cause) {
    case OomCause::own_limit:
      return rose(death.own_oom);
    case OomCause::nested_limit:
      return rose(death.subtree_oom);
    case OomCause::ancestor_limit:
      return rose(death.oom_rise(*finding.ancestor));
    case OomCause::machine:
    case OomCause::manual:
      if (!death.counters_complete) return std::nullopt;
      return rose(death.subtree_oom_kill);
    case OomCause::none:
    case OomCause::elsewhere:
    case OomCause::unresolved:
      return std::nullopt;
  }
  return std::nullopt;
}

std::string where(const Finding& finding) {
  switch (finding.cause) {
    case OomCause::own_limit:
      return "the workload's own limit";
    case OomCause::nested_limit:
      return "a limit below the workload's cgroup";
    case OomCause::ancestor_limit:
      return "the limit of " + printable(finding.ancestor->path);
    case OomCause::machine:
      return "the machine being out of memory";
    case OomCause::manual:
      return "sysrq-f";
    case OomCause::none:
    case OomCause::elsewhere:
    case OomCause::unresolved:
      break;
  }
  return "nothing in particular";
}

// The record taken for this kill. A killed init is known by being the only other victim.
const OomRecord* record_of(const DeathCase& death) {
  if (death.main_kill != nullptr) return death.main_kill;
  if (death.init_sigkilled && death.late_kills.size() == 1) return death.late_kills.front();
  return nullptr;
}

std::size_t limits_hit(const DeathCase& death) {
  return death.limiting_ancestors.size() + (death.own_oom.value_or(0) > 0 ? 1 : 0);
}

// A limit that the log tells of another kill is believed where no other one was hit.
bool only_one(const DeathCase& death, const Finding& log) {
  const Finding counted = by_counters(death);
  return counted.cause == log.cause && counted.ancestor == log.ancestor && limits_hit(death) == 1;
}

void judge_with_log(const DeathCase& death, const Finding& log, OomAttribution& oom) {
  oom.cause = log.cause;
  oom.ancestor = log.ancestor;
  const auto agree = counters_agree(death, log);
  const bool doubtful = oom.record->limit_inherited && !only_one(death, log);
  if (agree == true && death.main_sigkilled && death.oom_kills_seen() && !doubtful) {
    oom.confidence = Confidence::proven;
  } else if (agree == false) {
    oom.confidence = Confidence::likely;
    oom.conflicts.push_back(
        fmt::format("the kernel log (seq {}) blames {}, but no `oom` was counted there",
                    oom.record->sequence, where(log)));
  } else {
    oom.confidence = death.main_sigkilled ? Confidence::strong : Confidence::likely;
  }
  if (agree == true && doubtful) {
    oom.confidence = Confidence::likely;
    oom.conflicts.push_back(fmt::format(
        "the kernel log (seq {}) has no dump of this kill, only of the group kill right "
        "before it, and more than one limit was hit {}",
        oom.record->sequence, death.span()));
  }
}

void judge_with_counters(const DeathCase& death, OomAttribution& oom) {
  const Finding counted = by_counters(death);
  oom.cause = counted.cause;
  oom.ancestor = counted.ancestor;
  if (counted.cause == OomCause::unresolved) return;
  if (limits_hit(death) > 1) {
    oom.confidence = Confidence::likely;
    oom.conflicts.push_back(
        fmt::format("more than one limit was hit {}, and no line of the kernel log says which one "
                    "this kill came from",
                    death.span()));
  } else if (oom.record != nullptr && counted.cause == OomCause::machine) {
    oom.cause = OomCause::unresolved;
    oom.conflicts.push_back(
        "the kernel log says that a limit was hit, but neither this cgroup nor an ancestor counted "
        "`oom`");
  } else if (oom.record != nullptr) {
    oom.confidence =
        counted.cause == OomCause::nested_limit ? Confidence::strong : Confidence::proven;
  } else {
    // The victim itself is inferred: that somebody here was killed at most a second or two before
    // this one died of SIGKILL. When the kill was is everything: it may have been a child's, weeks
    // ago.
    oom.confidence = counted.cause == OomCause::nested_limit || !death.late_kills.empty() ||
                             !death.since_outlived
                         ? Confidence::likely
                         : Confidence::strong;
  }
}

}  // namespace

OomAttribution attribute_oom(const DeathCase& death) {
  OomAttribution oom;
  // The kernel saw a process send it: what the counters tell of was somebody else's end.
  if (death.signal.by_process()) return oom;
  const bool status_lost = !death.evidence.main_exit && !death.evidence.init_exit;
  if (!death.main_sigkilled && !(status_lost && death.main_kill != nullptr)) return oom;
  if (killed_elsewhere(death)) {
    judge_elsewhere(death, oom);
    return oom;
  }
  if (death.subtree_oom_kill == 0U) {
    if (death.main_kill != nullptr) {
      oom.conflicts.push_back(
          fmt::format("the kernel log (seq {}) names pid {} as an OOM victim, but {} counted no "
                      "OOM kill",
                      death.main_kill->sequence, death.evidence.main_pid, death.payload->path));
    }
    return oom;
  }
  if (!death.oom_kills_seen() && death.main_kill == nullptr) return oom;
  if (death.oom_kills_are_of_others()) return oom;

  oom.record = record_of(death);
  const Finding log = oom.record != nullptr ? by_log(death, *oom.record) : Finding{};
  if (log.cause != OomCause::none) {
    judge_with_log(death, log, oom);
  } else if (death.oom_kills_seen()) {
    judge_with_counters(death, oom);
  } else {
    oom.cause = OomCause::unresolved;
  }
  // Which pid was init's is not recorded. A group kill took it, if no process sent a SIGKILL.
  const auto& signals = death.evidence.signals;
  const bool by_group = death.group_killed != nullptr && signals.watched &&
                        std::ranges::none_of(signals.records, [](const SignalSent& record) {
                          return record.signal == SIGKILL && record.by_process();
                        });
  if (death.main_kill == nullptr && death.init_sigkilled && !by_group) {
    oom.confidence = std::min(oom.confidence, Confidence::likely);
  }
  if (!death.limiting_ancestors.empty() && oom.cause == OomCause::own_limit) {
    oom.conflicts.push_back(fmt::format("{} also hit its limit {}",
                                        death.limiting_ancestors.front()->path, death.span()));
  }
  return oom;
}

}  // namespace cgwarden::diagnosis
