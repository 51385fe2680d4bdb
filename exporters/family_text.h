#pragma once

#include <string>
#include <string_view>

#include "exporters/catalog.h"
#include "exporters/metrics.h"

namespace cgwarden::exporters {

// Name of the family in `exposition`: in OpenMetrics without _total and _info, which there belong
// to the sample lines.
[[nodiscard]] std::string_view family_name(const Metric& metric, Exposition exposition);

// The # HELP, # TYPE and, in OpenMetrics, # UNIT lines of a family.
void append_family_header(std::string& out, const Metric& metric, Exposition exposition);

}  // namespace cgwarden::exporters
