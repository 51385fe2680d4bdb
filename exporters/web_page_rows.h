#pragma once

#include <string>

#include "exporters/view.h"

namespace cgwarden::exporters {

// What the web page shows of a View, as one JSON object: every workload, unit, session, container
// and machine that has a cgroup, with the counters and limits of its control files under the
// kernel's keys. The page makes rates of two of them. Workloads first, then by memory.current, at
// most limits::kWebPageRows. An absent value is left out; "max" is null.
[[nodiscard]] std::string web_page_rows(const View& view, const std::string& node);

}  // namespace cgwarden::exporters
