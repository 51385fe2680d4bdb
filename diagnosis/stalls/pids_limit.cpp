#include <fmt/format.h>

#include <vector>

#include "diagnosis/death_case.h"
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

struct Hit {
  const StallCgroup* cgroup = nullptr;
  std::uint64_t refused = 0;
  Confidence confidence = Confidence::likely;
  const StallCgroup* or_else = nullptr;  // another one that may have been it
};

// From 6.12 the counter is where the limit is. Who wanted to fork is then not told for a limit
// above.
Hit by_local_counters(const StallEvidence& evidence) {
  for (const auto& cgroup : evidence.cgroups) {
    const auto refused = local_rise(cgroup).value_or(0);
    if (refused == 0 || !has_limit(cgroup)) continue;
    const bool own = &cgroup == &evidence.cgroups.front();
    return {&cgroup, refused, own ? Confidence::proven : Confidence::likely};
  }
  return {};
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

}  // namespace

std::optional<Verdict> pids_limit(const StallEvidence& evidence) {
  const StallCgroup& payload = evidence.cgroups.front();
  const Hit hit =
      payload.after.pids_events_local ? by_local_counters(evidence) : by_forker(evidence);
  if (hit.cgroup == nullptr) return std::nullopt;
  const bool own = hit.cgroup == &payload;
  const std::string limit = std::to_string(std::get<std::uint64_t>(*hit.cgroup->pids_max));
  Verdict verdict = begin(evidence, VerdictClass::pids_limit, hit.confidence);
  verdict.actor = Actor{std::nullopt, "the kernel's pids controller"};
  verdict.limit = LimitHit{hit.cgroup->path, "pids.max", limit};
  verdict.answer = fmt::format(
      "{} could not fork: {} reached its limit pids.max = {}, {} forks were refused",
      evidence.workload, own ? "it" : hit.cgroup->path + " above it", limit, hit.refused);
  verdict.evidence.push_back({payload.after.pids_events_local ? "pids.events.local" : "pids.events",
                              payload.after.pids_events_local ? hit.cgroup->path : payload.path,
                              fmt::format("max +{}", hit.refused)});
  if (hit.cgroup->pids_current) {
    verdict.evidence.push_back(
        {"pids.current", hit.cgroup->path, std::to_string(*hit.cgroup->pids_current)});
  }
  if (!own && payload.after.pids_events_local) {
    verdict.contributing.emplace_back(
        "this kernel counts a refused fork where the limit is: it may have been another's below "
        "that cgroup");
  }
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
