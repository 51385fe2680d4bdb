#include <fmt/format.h>

#include "base/text.h"
#include "diagnosis/death_case.h"
#include "diagnosis/stall.h"

namespace cgwarden::diagnosis::stalls {
namespace {

// Reclaim at memory.high is its purpose; a stall is when most of the time goes into it.
constexpr std::uint64_t kLeastEvents = 5;
constexpr double kLeastFullPercent = 25.0;

}  // namespace

std::optional<Verdict> memory_high(const StallEvidence& evidence) {
  const StallCgroup& payload = evidence.cgroups.front();
  if (!payload.memory_high || is_max(*payload.memory_high) || !payload.memory_current ||
      !payload.before.memory_events_local || !payload.after.memory_events_local) {
    return std::nullopt;
  }
  const Bytes high = std::get<Bytes>(*payload.memory_high);
  const auto events =
      rise(payload.before.memory_events_local->high, payload.after.memory_events_local->high);
  const auto kills = rise(payload.before.memory_events_local->oom_kill,
                          payload.after.memory_events_local->oom_kill);
  if (!events || *events < kLeastEvents || kills != 0U ||
      payload.memory_current->value <= high.value) {
    return std::nullopt;
  }
  const auto full = payload.memory_pressure ? payload.memory_pressure->full : std::nullopt;
  if (full && full->avg10 < kLeastFullPercent) return std::nullopt;
  Verdict verdict = begin(evidence, VerdictClass::stalled_memory_high,
                          full ? Confidence::proven : Confidence::likely);
  verdict.actor = Actor{std::nullopt, "the kernel, at memory.high"};
  verdict.limit = LimitHit{payload.path, "memory.high", std::to_string(high.value)};
  verdict.answer =
      fmt::format("{} is held back at memory.high = {}: it uses {}, and every allocation waits",
                  evidence.workload, human_bytes(high), human_bytes(*payload.memory_current));
  verdict.evidence.push_back(
      {"memory.events.local", payload.path, fmt::format("high +{}, oom_kill +0", *events)});
  verdict.evidence.push_back(
      {"memory.current", payload.path, std::to_string(payload.memory_current->value)});
  if (full) {
    verdict.evidence.push_back(
        {"memory.pressure", payload.path,
         fmt::format("full avg10={:.2f} avg60={:.2f}", full->avg10, full->avg60)});
  }
  verdict.ruled_out.emplace_back("OOM: memory.high never kills, and no OOM kill was counted");
  verdict.advice.emplace_back(
      "Raise memory.high above what it needs, or let it need less; it will not be killed and will "
      "not get on.");
  return verdict;
}

}  // namespace cgwarden::diagnosis::stalls
