#pragma once

#include <string>
#include <vector>

#include "cli/doctor_report.h"

namespace cgwarden::cli {

// What a running agent listens to, one finding for each row of the table that it publishes at
// `path` (agent/event_sources.h): "hears tree" and its state. What nobody asks for is good.
[[nodiscard]] std::vector<DoctorFinding> source_findings(const std::string& path);

}  // namespace cgwarden::cli
