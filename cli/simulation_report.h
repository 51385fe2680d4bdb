#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/recorded_usage.h"
#include "policy/simulation/recommend.h"

namespace cgwarden::cli {

// What `policy simulate` and `policy recommend` say.
struct SimulationView {
  struct Row {
    policy::simulation::CpuSetting setting;
    policy::simulation::CpuOutcome likely;  // as the differences between samples tell
    policy::simulation::CpuOutcome even;    // the usage of a sample all over it
    policy::simulation::CpuOutcome packed;  // as early as the quota of that time allowed
  };
  std::string name;
  std::string cgroup;  // the newest of that name
  Usec from{0};
  Usec until{0};
  Usec length{0};  // of what was recorded in it
  Usec used{0};
  std::size_t samples = 0;
  std::optional<policy::simulation::CpuSetting> recorded;
  std::optional<RecordedUsage::Counted> counted;
  std::vector<Row> rows;
  bool recommends = false;  // then the first row is the recommendation
};

[[nodiscard]] std::string simulation_text(const SimulationView& view);
// One line with its end (json_output.h).
[[nodiscard]] std::string simulation_json(const SimulationView& view);

}  // namespace cgwarden::cli
