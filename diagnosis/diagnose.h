#pragma once

#include <optional>

#include "diagnosis/evidence.h"
#include "diagnosis/verdict.h"

namespace cgwarden::diagnosis {

// Pure. Rules (diagnosis/rules/*.cpp) are asked in order; the first that holds gives the verdict,
// later ones add to ruled_out and contributing. Never "proven" from one source, never from a
// counter whose start was not seen; lost evidence lowers confidence by a step.
[[nodiscard]] Verdict diagnose(const DeathEvidence& evidence);

// A throttled stall, when the share of throttled periods and the lost time are over the thresholds
// of rules/throttled.h; nullopt when not.
[[nodiscard]] std::optional<Verdict> diagnose_throttling(const ThrottleEvidence& evidence);

// A stall that is over, so told: "NAME was throttled until TIME: ...". A death stays as it is.
[[nodiscard]] Verdict as_past(Verdict verdict);

}  // namespace cgwarden::diagnosis
