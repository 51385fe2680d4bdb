#pragma once

#include <string>

#include "exporters/view.h"

namespace cgwarden::exporters {

// A sample in which every member shown on /metrics is present, each with a value of its own.
cgroup::Sample full_sample(std::string path, std::uint64_t id);
// With every value of every export group.
cgroup::Sample grouped_sample(std::string path, std::uint64_t id);

// A sample of a kernel that gave nothing but the identity.
cgroup::Sample bare_sample(std::string path, std::uint64_t id);

WorkloadCounters born_workload(std::string name);

View view_of(std::vector<cgroup::Sample> samples);

// `view` with the identities that the paths give, and the names of container `id` where it is one.
void identify(View& view, const std::string& id = {}, const identity::Names& names = {});

// The root, a slice without limits, the payload of workload "leaker" with all of them, and a
// cgroup with a hostile name; all of known identity.
View example_view();

}  // namespace cgwarden::exporters
