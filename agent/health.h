#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/units.h"
#include "policy/workload.h"

// Whether a workload does its work, as its health check tells; pure.
namespace cgwarden::agent {

enum class Health { starting, healthy, unhealthy };
[[nodiscard]] std::string_view to_string(Health health);

// What is known after a check; health.json in the workload's directory.
struct HealthReport {
  unsigned incarnation = 0;
  Health health = Health::starting;
  unsigned failures_in_row = 0;
  std::string output;    // of the last failure: what it said, made printable
  Usec changed_wall{0};  // since when `health` is what it is
};
[[nodiscard]] std::string to_json(const HealthReport& report);
[[nodiscard]] Result<HealthReport> parse_health_report(const std::string& json,
                                                       const std::string& where);

// Adds the outcome of one check that ended `since_start` after the workload's start. Failures
// within the start period do not count until a check has passed; `retries` failures in a row are
// unhealthy; one check that passes is healthy.
void add_outcome(HealthReport& report, const policy::HealthCheck& check, bool passed,
                 Usec since_start);

}  // namespace cgwarden::agent
