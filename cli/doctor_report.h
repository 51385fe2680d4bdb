#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/report.h"

namespace cgwarden::cli {

enum class DoctorLevel {
  good,     // there
  limited,  // missing; something is less certain or not offered
  broken,   // missing; the agent cannot start
};
[[nodiscard]] std::string_view to_string(DoctorLevel level);

// One thing that `cgwarden doctor` looked at.
struct DoctorFinding {
  std::string subject;  // "cgroup v2 mount"
  DoctorLevel level = DoctorLevel::good;
  std::string detail;  // what is there, or what is missing and why
  std::string cost;    // what its absence costs; empty when good
};

[[nodiscard]] std::string render(const std::vector<DoctorFinding>& findings,
                                 const diagnosis::ReportStyle& style);

}  // namespace cgwarden::cli
