#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/units.h"

namespace cgwarden::agent {

// Where the kernel's last words are found: as the firmware has them, and where systemd-pstore puts
// them at boot.
[[nodiscard]] std::vector<std::string> pstore_directories();

// The line with which the kernel panicked ("Kernel panic - not syncing: ..."), from a record in one
// of the directories, or one level below, that was written at `since` (wall clock) or later.
// nullopt: there is none, or none may be read.
[[nodiscard]] std::optional<std::string> last_panic(const std::vector<std::string>& directories,
                                                    Usec since);

}  // namespace cgwarden::agent
