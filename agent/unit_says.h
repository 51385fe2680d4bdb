#pragma once

#include <string>

#include "base/result.h"

namespace cgwarden::agent {

// Are the properties that systemd has of the unit (org.freedesktop.systemd1(5), MemoryMax and so
// on) those of this value of the control file? Of a unit that does not run too. Waits for systemd.
// vanished: there is no such unit; not_supported: systemd has no single value for the file.
[[nodiscard]] Result<bool> unit_says(const std::string& unit, const std::string& file,
                                     const std::string& value);

}  // namespace cgwarden::agent
