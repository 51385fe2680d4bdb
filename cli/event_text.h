#pragma once

#include <string>

#include "diagnosis/event.h"

namespace cgwarden::cli {

// "2026-01-31 12:00:00 UTC  oom_kill  cart (/kubepods/...): the OOM killer killed ...", without a
// line end or control bytes.
[[nodiscard]] std::string event_line(const diagnosis::Event& event);

// `wanted` with a slash in front is a glob of cgroup paths (policy/match.h), else the name of a
// workload, unit, container or pod.
[[nodiscard]] bool is_about(const diagnosis::Event& event, const std::string& wanted);

}  // namespace cgwarden::cli
