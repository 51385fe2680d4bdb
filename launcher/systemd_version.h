#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "launcher/unit_property.h"

// What which systemd understands (systemd.resource-control(5), systemd.scope(5), NEWS).
namespace cgwarden::launcher {

// The number in the manager's property Version: 252 in "252.39-1~deb12u1", "v252" and "252-3.fc37".
[[nodiscard]] std::optional<unsigned> systemd_version(std::string_view text);

// Those of `properties` that systemd of this version takes for a scope. It refuses a whole call
// because of one that it does not know.
[[nodiscard]] std::vector<UnitProperty> known_to(unsigned version,
                                                 const std::vector<UnitProperty>& properties);

}  // namespace cgwarden::launcher
