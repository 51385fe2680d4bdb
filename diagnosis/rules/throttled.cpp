#include "diagnosis/rules/throttled.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "diagnosis/death_case.h"
#include "diagnosis/diagnose.h"
#include "diagnosis/stall.h"

namespace cgwarden::diagnosis {
namespace {

constexpr std::string_view kIsThrottled = " is throttled";

struct Figures {
  std::uint64_t periods = 0;
  std::uint64_t throttled = 0;
  std::uint64_t lost_usec = 0;
  std::uint64_t elapsed_usec = 0;
  std::optional<std::uint64_t> usage_usec;
  [[nodiscard]] double share() const {
    return 100.0 * static_cast<double>(throttled) / static_cast<double>(periods);
  }
};

std::optional<Figures> figures_of(const ThrottleEvidence& evidence) {
  const auto periods = rise(evidence.before.nr_periods, evidence.after.nr_periods);
  const auto throttled = rise(evidence.before.nr_throttled, evidence.after.nr_throttled);
  const auto lost = rise(evidence.before.throttled_usec, evidence.after.throttled_usec);
  if (!periods || !throttled || !lost || *throttled > *periods) return std::nullopt;
  if (evidence.to.boottime <= evidence.from.boottime) return std::nullopt;
  return Figures{*periods, *throttled, *lost,
                 (evidence.to.boottime - evidence.from.boottime).count(),
                 rise(evidence.before.usage_usec, evidence.after.usage_usec)};
}

bool is_stall(const Figures& figures) {
  return figures.periods >= rules::kMinPeriods &&
         figures.throttled * 100 >= figures.periods * rules::kMinSharePercent &&
         figures.lost_usec * 100 >= figures.elapsed_usec * rules::kMinLostPercent;
}

std::string quota_text(const cgroup::CpuMax& max) {
  if (is_max(max.quota)) return fmt::format("max {}", max.period.count());
  return fmt::format("{} {}", std::get<Usec>(max.quota).count(), max.period.count());
}

double cores(const cgroup::CpuMax& max) {
  return static_cast<double>(std::get<Usec>(max.quota).count()) /
         static_cast<double>(max.period.count());
}

bool has_quota(const ThrottleEvidence& evidence) {
  return evidence.cpu_max && !is_max(evidence.cpu_max->quota) &&
         evidence.cpu_max->period.count() > 0;
}

// What a throttled period would have needed: its quota is gone, and while it is throttled each
// processor could have run it at most. An average over all periods would be too small for bursts.
std::uint64_t sufficient_quota(const Figures& figures, const cgroup::CpuMax& max) {
  const std::uint64_t quota = std::get<Usec>(max.quota).count();
  return quota + (figures.lost_usec + figures.throttled - 1) / figures.throttled;
}

// A limit above is only felt by who wants to run meanwhile.
bool is_felt(const ThrottleEvidence& evidence, const Figures& figures) {
  if (evidence.below.empty()) return true;
  return evidence.waited &&
         evidence.waited->count() * 100 >= figures.elapsed_usec * rules::kMinLostPercent;
}

void advise(const ThrottleEvidence& evidence, const Figures& figures, Verdict& verdict) {
  if (!has_quota(evidence) || !figures.usage_usec) {
    verdict.advice.push_back(
        "Look at cpu.max of this cgroup: its quota, or what was used of it, was not seen.");
    return;
  }
  const double quota = cores(*evidence.cpu_max);
  const double used =
      static_cast<double>(*figures.usage_usec) / static_cast<double>(figures.elapsed_usec);
  const auto quota_usec = std::get<Usec>(evidence.cpu_max->quota).count();
  verdict.contributing.push_back(
      fmt::format("{} used {:.2f} cores on average of the {:.2f} that cpu.max allows",
                  evidence.below.empty() ? "it" : "all in " + evidence.cgroup, used, quota));
  const bool bursting = evidence.cpu_max_burst && evidence.cpu_max_burst->count() >= quota_usec;
  const std::uint64_t enough = sufficient_quota(figures, *evidence.cpu_max);
  verdict.advice.push_back(fmt::format(
      "cpu.max = {} {} ({:.2f} cores){} would have sufficed: all that a throttled period ran, and "
      "all that it lost.",
      enough, evidence.cpu_max->period.count(),
      static_cast<double>(enough) / static_cast<double>(evidence.cpu_max->period.count()),
      evidence.below.empty() ? "" : " of " + evidence.cgroup));
  if (used < 0.9 * quota && !bursting) {
    verdict.advice.push_back(
        fmt::format("Its average need is below the quota; the bursts are what is throttled. Set "
                    "cpu.max.burst to {} "
                    "(the quota): unused quota then carries over to the next burst, and nothing "
                    "more is reserved.",
                    quota_usec));
    return;
  }
  verdict.advice.push_back(
      fmt::format("It needs more than {:.2f} cores: while throttled it could not show how much. "
                  "Raise cpu.max step by step until "
                  "nr_throttled stands still.",
                  quota));
}

}  // namespace

std::optional<Verdict> diagnose_throttling(const ThrottleEvidence& evidence) {
  const auto figures = figures_of(evidence);
  if (!figures || !is_stall(*figures) || !is_felt(evidence, *figures)) return std::nullopt;
  Verdict verdict;
  verdict.workload = evidence.workload;
  verdict.incarnation = evidence.incarnation;
  verdict.verdict = VerdictClass::throttled;
  // Two counters of the kernel that agree, over a time we saw from end to end.
  verdict.confidence = Confidence::proven;
  verdict.subject = Subject::cgroup;
  verdict.death = false;
  verdict.from = evidence.from;
  verdict.when = evidence.to;
  verdict.actor = Actor{std::nullopt, "the kernel's CFS bandwidth control"};
  std::string under;
  if (has_quota(evidence)) {
    verdict.limit = LimitHit{evidence.cgroup, "cpu.max", quota_text(*evidence.cpu_max)};
    under = fmt::format(" under cpu.max = {} ({:.2f} cores)", verdict.limit->value,
                        cores(*evidence.cpu_max));
  }
  verdict.answer = fmt::format(
      "{}{}{}: {:.0f} % of periods ({} of {}) in {}, {} of run time lost{}", evidence.workload,
      kIsThrottled, evidence.below.empty() ? "" : " by " + evidence.cgroup + " above it",
      figures->share(), figures->throttled, figures->periods,
      human_duration(Usec(figures->elapsed_usec)), human_duration(Usec(figures->lost_usec)), under);
  verdict.evidence.push_back(
      {"cpu.stat", evidence.cgroup,
       fmt::format(
           "nr_periods +{}, nr_throttled +{}, throttled_usec +{}{}", figures->periods,
           figures->throttled, figures->lost_usec,
           figures->usage_usec ? fmt::format(", usage_usec +{}", *figures->usage_usec) : "")});
  if (evidence.cpu_max) {
    verdict.evidence.push_back({"cpu.max", evidence.cgroup, quota_text(*evidence.cpu_max)});
  }
  if (evidence.cpu_max_burst) {
    verdict.evidence.push_back(
        {"cpu.max.burst", evidence.cgroup, std::to_string(evidence.cpu_max_burst->count())});
  }
  if (evidence.cpu_pressure && evidence.cpu_pressure->some) {
    const std::string waited =
        evidence.waited ? fmt::format(" total +{}", evidence.waited->count()) : "";
    verdict.evidence.push_back(
        {"cpu.pressure", evidence.below.empty() ? evidence.cgroup : evidence.below,
         fmt::format("some avg10={:.2f} avg60={:.2f}{}", evidence.cpu_pressure->some->avg10,
                     evidence.cpu_pressure->some->avg60, waited)});
  }
  advise(evidence, *figures, verdict);
  return verdict;
}

Verdict as_past(Verdict verdict) {
  if (verdict.death || is_event(verdict.verdict)) return verdict;
  if (verdict.verdict != VerdictClass::throttled) {
    verdict.answer =
        "until " + format_wall_utc(verdict.when.wall) + " this held: " + verdict.answer;
    return verdict;
  }
  // Behind the name, which may hold these words itself.
  const std::size_t at = verdict.answer.find(kIsThrottled, verdict.workload.size());
  if (at == std::string::npos) return verdict;
  verdict.answer.replace(at, kIsThrottled.size(),
                         " was throttled until " + format_wall_utc(verdict.when.wall));
  return verdict;
}

}  // namespace cgwarden::diagnosis
