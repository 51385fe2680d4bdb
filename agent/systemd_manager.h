#pragma once

#include <sdbus-c++/Types.h>

#include <string>
#include <vector>

// Names and argument types of org.freedesktop.systemd1(5).
namespace cgwarden::agent {

inline constexpr const char* kSystemdService = "org.freedesktop.systemd1";
inline constexpr const char* kSystemdPath = "/org/freedesktop/systemd1";
inline constexpr const char* kSystemdManager = "org.freedesktop.systemd1.Manager";

using UnitProperty = sdbus::Struct<std::string, sdbus::Variant>;
using AuxiliaryUnits = std::vector<sdbus::Struct<std::string, std::vector<UnitProperty>>>;

}  // namespace cgwarden::agent
