#pragma once

// Names of org.freedesktop.systemd1(5).
namespace cgwarden::agent {

inline constexpr const char* kSystemdService = "org.freedesktop.systemd1";
inline constexpr const char* kSystemdPath = "/org/freedesktop/systemd1";
inline constexpr const char* kUnitsPath = "/org/freedesktop/systemd1/unit";
inline constexpr const char* kSystemdManager = "org.freedesktop.systemd1.Manager";

}  // namespace cgwarden::agent
