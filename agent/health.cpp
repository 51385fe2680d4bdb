#include "agent/health.h"

#include <nlohmann/json.hpp>

namespace cgwarden::agent {
namespace {

constexpr int kHealthVersion = 1;

std::optional<Health> health_from(std::string_view word) {
  for (const auto health : {Health::starting, Health::healthy, Health::unhealthy}) {
    if (word == to_string(health)) return health;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Health health) {
  switch (health) {
    case Health::starting:
      return "starting";
    case Health::healthy:
      return "healthy";
    case Health::unhealthy:
      return "unhealthy";
  }
  return "starting";
}

std::string to_json(const HealthReport& report) {
  return nlohmann::json{{"version", kHealthVersion},
                        {"incarnation", report.incarnation},
                        {"health", to_string(report.health)},
                        {"failures_in_row", report.failures_in_row},
                        {"output", report.output},
                        {"changed_wall_usec", report.changed_wall.count()}}
      .dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<HealthReport> parse_health_report(const std::string& json, const std::string& where) {
  try {
    const auto document = nlohmann::json::parse(json);
    const auto health = health_from(document.at("health").get<std::string>());
    if (document.at("version").get<int>() != kHealthVersion || !health) {
      return fail(Error::malformed("read", where, "it is of another version of cgwarden"));
    }
    HealthReport report;
    report.incarnation = document.at("incarnation").get<unsigned>();
    report.health = *health;
    report.failures_in_row = document.at("failures_in_row").get<unsigned>();
    report.output = document.at("output").get<std::string>();
    report.changed_wall = Usec(document.at("changed_wall_usec").get<std::uint64_t>());
    return report;
  } catch (const nlohmann::json::exception& error) {
    return fail(Error::malformed("read", where, error.what()));
  }
}

void add_outcome(HealthReport& report, const policy::HealthCheck& check, bool passed,
                 Usec since_start) {
  if (passed) {
    report.health = Health::healthy;
    report.failures_in_row = 0;
    report.output.clear();
    return;
  }
  if (report.health == Health::starting && since_start < check.start_period) return;
  ++report.failures_in_row;
  if (report.failures_in_row >= check.retries) report.health = Health::unhealthy;
}

}  // namespace cgwarden::agent
