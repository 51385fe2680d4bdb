#pragma once

#include <cstddef>
#include <string>

#include "exporters/view.h"

namespace cgwarden::exporters {

enum class Exposition {
  text_0_0_4,         // text/plain; version=0.0.4; charset=utf-8
  openmetrics_1_0_0,  // application/openmetrics-text; version=1.0.0; charset=utf-8
};

// Every cgroup, workload, unit and container series of `view`, by the catalog (catalog.h). A
// missing value has no line. With OpenMetrics, counters are declared without _total and the text
// does not yet end in "# EOF" (the endpoint adds it after the agent's own metrics).
[[nodiscard]] std::string render_metrics(const View& view, Exposition exposition);

}  // namespace cgwarden::exporters
