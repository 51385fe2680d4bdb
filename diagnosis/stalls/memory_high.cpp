#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "diagnosis/death_case.h"
#include "diagnosis/stall.h"

namespace cgwarden::diagnosis::stalls {
namespace {

// Reclaim at memory.high is its purpose; a stall is when most of the time goes into it.
constexpr std::uint64_t kLeastEvents = 5;
constexpr double kLeastFullPercent = 25.0;
// The same of what was counted between two readings, which says more than an average.
constexpr std::uint64_t kLeastWaitedPercent = 25;

struct OverHigh {
  const StallCgroup* cgroup = nullptr;
  Bytes high{0};
  std::uint64_t events = 0;
};

// Whose memory.high it is, the nearest first: the kernel counts where the limit is.
std::optional<OverHigh> over_high(const StallEvidence& evidence) {
  for (const auto& cgroup : evidence.cgroups) {
    if (!cgroup.memory_high || is_max(*cgroup.memory_high) || !cgroup.memory_current ||
        !cgroup.before.memory_events_local || !cgroup.after.memory_events_local) {
      continue;
    }
    const Bytes high = std::get<Bytes>(*cgroup.memory_high);
    const auto events =
        rise(cgroup.before.memory_events_local->high, cgroup.after.memory_events_local->high);
    if (!events || *events < kLeastEvents) continue;
    if (cgroup.memory_current->value <= high.value) continue;
    return OverHigh{&cgroup, high, *events};
  }
  return std::nullopt;
}

enum class Waits { no, yes, not_seen };

// Its own pressure, whoever's limit it is: a neighbour may be what is held back.
Waits most_of_the_time(const StallCgroup& payload) {
  const auto elapsed = watched(payload);
  const auto full = waited(payload, &StallCgroup::Flow::memory_pressure, &cgroup::Pressure::full);
  if (elapsed && full) {
    const bool much = full->count() * 100 >= elapsed->count() * kLeastWaitedPercent;
    return much ? Waits::yes : Waits::no;
  }
  if (!payload.flow_after || !payload.flow_after->memory_pressure) return Waits::not_seen;
  const auto& line = payload.flow_after->memory_pressure->full;
  if (!line) return Waits::not_seen;
  return line->avg10 >= kLeastFullPercent ? Waits::yes : Waits::no;
}

void quote_pressure(const StallCgroup& payload, Verdict& verdict) {
  if (!payload.flow_after || !payload.flow_after->memory_pressure) return;
  const auto& full = payload.flow_after->memory_pressure->full;
  if (!full) return;
  const auto lost = waited(payload, &StallCgroup::Flow::memory_pressure, &cgroup::Pressure::full);
  verdict.evidence.push_back(
      {"memory.pressure", payload.path,
       fmt::format("full avg10={:.2f} avg60={:.2f}{}", full->avg10, full->avg60,
                   lost ? fmt::format(" total +{}", lost->count()) : "")});
}

// Killers that wait for reclaim do not see this stall: without swap there is nothing to scan.
void quote_scanning(const StallCgroup& payload, Verdict& verdict) {
  if (!watched(payload)) return;
  const auto scanned = rise(payload.flow_before->pgscan, payload.flow_after->pgscan);
  if (!scanned) return;
  verdict.evidence.push_back({"memory.stat", payload.path, fmt::format("pgscan +{}", *scanned)});
  if (*scanned > 0) return;
  verdict.contributing.emplace_back(
      "nothing was scanned for reclaim, so systemd-oomd and others that wait for that do not act");
}

}  // namespace

std::optional<Verdict> memory_high(const StallEvidence& evidence) {
  const StallCgroup& payload = evidence.cgroups.front();
  const auto found = over_high(evidence);
  if (!found) return std::nullopt;
  const StallCgroup& limit = *found->cgroup;
  const auto kills =
      rise(limit.before.memory_events_local->oom_kill, limit.after.memory_events_local->oom_kill);
  if (kills != 0U) return std::nullopt;
  const Waits waits = most_of_the_time(payload);
  if (waits == Waits::no) return std::nullopt;
  const bool own = &limit == &payload;
  Verdict verdict = begin(evidence, VerdictClass::stalled_memory_high,
                          waits == Waits::yes ? Confidence::proven : Confidence::likely);
  verdict.actor = Actor{std::nullopt, "the kernel, at memory.high"};
  verdict.limit = LimitHit{limit.path, "memory.high", std::to_string(found->high.value)};
  verdict.answer = fmt::format(
      "{} is held back at memory.high = {}{}: {} uses {}, and every allocation waits",
      evidence.workload, human_bytes(found->high), own ? "" : " of " + limit.path + " above it",
      own ? "it" : "that cgroup", human_bytes(*limit.memory_current));
  const auto lost = waited(payload, &StallCgroup::Flow::memory_pressure, &cgroup::Pressure::full);
  if (lost) {
    verdict.answer +=
        fmt::format("; {} of {} lost", human_duration(*lost), human_duration(*watched(payload)));
  }
  verdict.evidence.push_back(
      {"memory.events.local", limit.path, fmt::format("high +{}, oom_kill +0", found->events)});
  verdict.evidence.push_back(
      {"memory.current", limit.path, std::to_string(limit.memory_current->value)});
  quote_pressure(payload, verdict);
  quote_scanning(payload, verdict);
  if (evidence.over_high.value_or(0) > 0) {
    const Usec at = evidence.over_high_at.value_or(evidence.to).boottime;
    const Usec ago = evidence.to.boottime - std::min(evidence.to.boottime, at);
    verdict.evidence.push_back(
        {"/proc/PID/wchan", payload.path,
         fmt::format("{} in mem_cgroup_handle_over_high{}", *evidence.over_high,
                     ago > Usec{0} ? ", " + human_duration(ago) + " before" : "")});
  }
  verdict.ruled_out.emplace_back("OOM: memory.high never kills, and no OOM kill was counted");
  verdict.advice.push_back(fmt::format(
      "Raise memory.high{} above what it needs, or let it need less; it will not be killed and "
      "will not get on.",
      own ? "" : " of " + limit.path));
  return verdict;
}

}  // namespace cgwarden::diagnosis::stalls
