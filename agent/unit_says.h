#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace cgwarden::agent {

// The property that has the same number as a control file ("MemoryMax" of memory.max), memory.* and
// pids.max; nullopt: systemd makes another value of it, or of this one (0), or has none.
[[nodiscard]] std::optional<std::string> plain_property(const std::string& file,
                                                        const std::string& value);

// Has systemd this value of the control file as its plain property of the unit
// (org.freedesktop.systemd1(5))? Of a unit that does not run too. Waits for systemd. vanished:
// there is no such unit; not_supported: it has no plain property, or the unit cannot be loaded.
[[nodiscard]] Result<bool> unit_says(const std::string& unit, const std::string& file,
                                     const std::string& value);

}  // namespace cgwarden::agent
