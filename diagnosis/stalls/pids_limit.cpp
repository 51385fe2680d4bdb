#include <fmt/format.h>

#include <vector>

#include "diagnosis/death_case.h"
#include "diagnosis/rules/sender.h"
#include "diagnosis/stall.h"

namespace cgwarden::diagnosis::stalls {
namespace {

std::optional<std::uint64_t> rise_of(const std::optional<cgroup::PidsEvents>& before,
                                     const std::optional<cgroup::PidsEvents>& after) {
  if (!before || !after) return std::nullopt;
  return rise(before->max, after->max);
}

// Of a moment whose local counter was not read, the other one tells the same where nothing below
// this cgroup has ever added to it.
std::optional<std::uint64_t> local_rise(const StallCgroup& cgroup) {
  const auto& local = cgroup.after.pids_events_local;
  const auto& with_below = cgroup.after.pids_events;
  if (cgroup.before.pids_events_local) return rise_of(cgroup.before.pids_events_local, local);
  if (!local || !with_below || local->max != with_below->max) return std::nullopt;
  return rise_of(cgroup.before.pids_events, with_below);
}

// One process short of it: what could not fork has ended since.
bool stands_at_limit(const StallCgroup& cgroup) {
  if (!cgroup.pids_max || is_max(*cgroup.pids_max) || !cgroup.pids_current) return false;
  return *cgroup.pids_current + 1 >= std::get<std::uint64_t>(*cgroup.pids_max);
}

bool has_limit(const StallCgroup& cgroup) { return cgroup.pids_max && !is_max(*cgroup.pids_max); }

// Whether forks were the cgroup's own, where the counter is of a limit above it.
enum class Forker { proven, logged, logged_before, not_told, another };

struct Hit {
  const StallCgroup* cgroup = nullptr;
  std::uint64_t refused = 0;
  Confidence confidence = Confidence::likely;
  const StallCgroup* or_else = nullptr;  // another one that may have been it
  Forker forker = Forker::proven;
  const RefusedFork* line = nullptr;  // of the kernel log, that names it
};

// The paths of the log begin at the kernel's root, which has no files of this controller.
bool from_real_root(const StallEvidence& evidence) {
  const StallCgroup& top = evidence.cgroups.back();
  return top.path == "/" && !top.pids_max && !top.after.pids_events;
}

// The log names a cgroup that forks at the first refusal in its life, and not again; whichever
// limit it was.
Forker forker_by_log(const StallEvidence& evidence, const RefusedFork*& line) {
  const auto& forks = evidence.refused_forks;
  if (forks.lines.empty()) {
    const bool complete = is_complete_for(forks, evidence.cgroups.front().id);
    return complete && from_real_root(evidence) ? Forker::another : Forker::not_told;
  }
  line = &forks.lines.back();
  const Usec from = evidence.counted_from.value_or(evidence.from.boottime);
  const bool now = line->id && line->boottime + rules::kPrintkSlack >= from;
  if (!now) return Forker::logged_before;
  // A limit further down refused some: the line may be of that.
  const StallCgroup& payload = evidence.cgroups.front();
  if (rise_of(payload.before.pids_events, payload.after.pids_events).value_or(0) == 0) {
    return Forker::logged;
  }
  line = nullptr;
  return Forker::not_told;
}

// From 6.12 the counter is where the limit is. Who wanted to fork is then told by the log alone for
// a limit above.
Hit by_local_counters(const StallEvidence& evidence) {
  Hit hit;
  for (const auto& cgroup : evidence.cgroups) {
    const auto refused = local_rise(cgroup).value_or(0);
    if (refused == 0 || !has_limit(cgroup)) continue;
    if (&cgroup == &evidence.cgroups.front()) return {&cgroup, refused, Confidence::proven};
    if (hit.cgroup != nullptr) {
      hit.or_else = &cgroup;
      hit.confidence = Confidence::likely;
      break;
    }
    hit = Hit{&cgroup, refused};
    hit.forker = forker_by_log(evidence, hit.line);
    if (hit.forker == Forker::logged) hit.confidence = Confidence::strong;
    // None of its forks was ever refused.
    if (hit.forker == Forker::another) return {};
  }
  return hit;
}

bool is_full(const StallCgroup& cgroup) {
  return stands_at_limit(cgroup) &&
         *cgroup.pids_current >= std::get<std::uint64_t>(*cgroup.pids_max);
}

// Before it is where the fork was; whose limit it is shows in who stands at it. One that is one
// short may have been full, beside one that is.
Hit by_forker(const StallEvidence& evidence) {
  const StallCgroup& payload = evidence.cgroups.front();
  const auto refused = rise_of(payload.before.pids_events, payload.after.pids_events).value_or(0);
  if (refused == 0) return {};
  std::vector<const StallCgroup*> limited;
  std::vector<const StallCgroup*> at_limit;
  std::vector<const StallCgroup*> full;
  for (const auto& cgroup : evidence.cgroups) {
    if (has_limit(cgroup)) limited.push_back(&cgroup);
    if (stands_at_limit(cgroup)) at_limit.push_back(&cgroup);
    if (is_full(cgroup)) full.push_back(&cgroup);
  }
  if (limited.empty()) return {};
  // Another limit may have been reached at the time, and no more.
  const Confidence sure = limited.size() == 1 ? Confidence::proven : Confidence::strong;
  if (at_limit.size() == 1) return {at_limit.front(), refused, sure};
  if (at_limit.empty()) {
    return {limited.front(), refused,
            limited.size() == 1 ? Confidence::strong : Confidence::likely};
  }
  const StallCgroup* named = full.empty() ? at_limit.front() : full.front();
  for (const auto* other : at_limit) {
    if (other != named) return {named, refused, Confidence::likely, other};
  }
  return {};
}

// "could not fork" where that is known of it.
std::string answer_of(const StallEvidence& evidence, const Hit& hit, const std::string& limit) {
  const bool own = hit.cgroup == &evidence.cgroups.front();
  if (hit.forker == Forker::not_told || hit.forker == Forker::logged_before) {
    return fmt::format(
        "{} may have been refused a fork: {} above it reached its limit pids.max = {}, {} forks "
        "below that were refused",
        evidence.workload, hit.cgroup->path, limit, hit.refused);
  }
  if (hit.forker == Forker::logged) {
    return fmt::format(
        "{} could not fork: {} above it reached its limit pids.max = {}, {} forks below that were "
        "refused",
        evidence.workload, hit.cgroup->path, limit, hit.refused);
  }
  return fmt::format("{} could not fork: {} reached its limit pids.max = {}, {} forks were refused",
                     evidence.workload, own ? "it" : hit.cgroup->path + " above it", limit,
                     hit.refused);
}

void say_whose_forks(const Hit& hit, Verdict& verdict) {
  if (hit.line != nullptr) {
    verdict.evidence.push_back({"kmsg", fmt::format("seq {}", hit.line->sequence), hit.line->line});
  }
  switch (hit.forker) {
    case Forker::logged:
      verdict.contributing.emplace_back(
          "this kernel counts a refused fork where the limit is; its log names who wanted to fork "
          "first, and others below that cgroup may have been refused some, too");
      break;
    case Forker::logged_before:
      verdict.contributing.emplace_back(
          "this kernel counts a refused fork where the limit is, and its log names who wanted to "
          "fork once in a cgroup's life: that was earlier, and these may have been another's below "
          "that cgroup");
      break;
    case Forker::not_told:
      verdict.contributing.emplace_back(
          "this kernel counts a refused fork where the limit is: it may have been another's below "
          "that cgroup");
      break;
    case Forker::proven:
    case Forker::another:
      break;
  }
}

}  // namespace

std::optional<Verdict> pids_limit(const StallEvidence& evidence) {
  const StallCgroup& payload = evidence.cgroups.front();
  const bool counted_at_limit = payload.after.pids_events_local.has_value();
  const Hit hit = counted_at_limit ? by_local_counters(evidence) : by_forker(evidence);
  if (hit.cgroup == nullptr) return std::nullopt;
  const bool own = hit.cgroup == &payload;
  const std::string limit = std::to_string(std::get<std::uint64_t>(*hit.cgroup->pids_max));
  Verdict verdict = begin(evidence, VerdictClass::pids_limit, hit.confidence);
  verdict.actor = Actor{std::nullopt, "the kernel's pids controller"};
  verdict.limit = LimitHit{hit.cgroup->path, "pids.max", limit};
  verdict.answer = answer_of(evidence, hit, limit);
  verdict.evidence.push_back({counted_at_limit ? "pids.events.local" : "pids.events",
                              counted_at_limit ? hit.cgroup->path : payload.path,
                              fmt::format("max +{}", hit.refused)});
  if (hit.cgroup->pids_current) {
    verdict.evidence.push_back(
        {"pids.current", hit.cgroup->path, std::to_string(*hit.cgroup->pids_current)});
  }
  if (!own && payload.pids_current) {
    verdict.evidence.push_back(
        {"pids.current", payload.path, std::to_string(*payload.pids_current)});
  }
  say_whose_forks(hit, verdict);
  if (hit.or_else != nullptr) {
    verdict.contributing.push_back(
        fmt::format("it is one of two: {} stands at its pids.max = {} as well, and this kernel "
                    "counts a refused fork where the fork was",
                    hit.or_else->path, std::get<std::uint64_t>(*hit.or_else->pids_max)));
  }
  verdict.advice.push_back(
      own ? "Raise pids.max, or look for a leak of processes or threads."
          : "Raise pids.max of " + hit.cgroup->path +
                ", or bound what else runs below it; the workload's own limit was not reached.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::stalls
