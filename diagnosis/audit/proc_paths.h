#pragma once

#include <array>

namespace cgwarden::diagnosis::audit {

// Files and directories of the kernel which runtimes mask, as they show more than the container:
// the maskedPaths of the OCI default configuration of the field.
inline constexpr std::array<const char*, 12> kSensitivePaths{
    "/proc/kcore",       "/proc/keys",        "/proc/timer_list", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi",        "/proc/acpi",       "/proc/interrupts",
    "/proc/asound",      "/proc/timer_stats", "/sys/firmware",    "/sys/devices/virtual/powercap"};

}  // namespace cgwarden::diagnosis::audit
