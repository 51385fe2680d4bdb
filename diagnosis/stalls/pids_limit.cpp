#include <fmt/format.h>

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

// Before it is where the fork was; whose limit it is shows in who stands at it.
Hit by_forker(const StallEvidence& evidence) {
  const StallCgroup& payload = evidence.cgroups.front();
  const auto refused = rise_of(payload.before.pids_events, payload.after.pids_events).value_or(0);
  if (refused == 0) return {};
  const StallCgroup* only = nullptr;
  std::size_t limits = 0;
  for (const auto& cgroup : evidence.cgroups) {
    if (stands_at_limit(cgroup)) return {&cgroup, refused, Confidence::proven};
    if (!has_limit(cgroup)) continue;
    ++limits;
    if (only == nullptr) only = &cgroup;
  }
  return {only, refused, limits == 1 ? Confidence::strong : Confidence::likely};
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
  verdict.advice.push_back(
      own ? "Raise pids.max, or look for a leak of processes or threads."
          : "Raise pids.max of " + hit.cgroup->path +
                ", or bound what else runs below it; the workload's own limit was not reached.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::stalls
