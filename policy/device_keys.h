#pragma once

#include <string_view>

#include "policy/resources.h"
#include "policy/schema.h"

// Values with a line for each device. Devices are named as the kernel does ("sda"), by a path below
// /dev, or by number ("8:0"). False, with the errors reported, when it is no such value.
namespace cgwarden::policy {

// A weight for all, or `{default: 100, sda: 50}`.
[[nodiscard]] bool read_io_weight(const Node& node, std::string_view name, Resources& out,
                                  Findings& findings);
// `{sda: {rbps: 10MiB, wiops: 100}}`.
[[nodiscard]] bool read_io_max(const Node& node, std::string_view name, Resources& out,
                               Findings& findings);
// `{sda: 10ms}`.
[[nodiscard]] bool read_io_latency(const Node& node, std::string_view name, Resources& out,
                                   Findings& findings);

}  // namespace cgwarden::policy
