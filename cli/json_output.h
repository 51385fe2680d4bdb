#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/control.h"
#include "agent/image_store.h"
#include "agent/why.h"
#include "cgroup/samples.h"
#include "cli/around.h"
#include "cli/doctor_report.h"
#include "diagnosis/verdict.h"
#include "policy/plan.h"

namespace cgwarden::cli {

// The documents of --json, one line each with its end. Every one has "version"; a member may be
// added without a new version, none is removed or changed. Times are microseconds since the epoch.
inline constexpr int kJsonVersion = 1;

[[nodiscard]] std::string ps_json(const std::vector<agent::WorkloadSummary>& list);

[[nodiscard]] std::string why_json(const agent::WhyAnswer& answer,
                                   const std::optional<Around>& around);

[[nodiscard]] std::string plan_json(const policy::Plan& plan);

[[nodiscard]] std::string images_json(const std::vector<agent::Image>& images);

[[nodiscard]] std::string doctor_json(const std::vector<DoctorFinding>& findings);

}  // namespace cgwarden::cli
