#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cgwarden::policy {

// What a control file will have once systemd has written it for a property of its unit: a quota in
// whole percents of a CPU, rounded up, as systemd keeps it (systemd.resource-control(5)
// CPUQuota=). nullopt: systemd has no property for the file.
[[nodiscard]] std::optional<std::string> value_through_systemd(std::string_view file,
                                                               const std::string& value);

}  // namespace cgwarden::policy
