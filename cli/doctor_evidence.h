#pragma once

#include <string>
#include <vector>

#include "agent/options.h"
#include "cli/doctor_report.h"

namespace cgwarden::cli {

// What verdicts are made of beside the events that an agent hears: the pids controller's counters,
// systemd-oomd and its marks, the launcher's own words, the last words of workloads, what was
// recorded before a death, and what we did ourselves. Of the cgroup tree at `root`, and of the
// files of an agent; needs neither an agent nor a bus. `shim`: empty when there is none.
[[nodiscard]] std::vector<DoctorFinding> evidence_findings(const std::string& root,
                                                           const agent::Options& where,
                                                           const std::string& shim);

}  // namespace cgwarden::cli
