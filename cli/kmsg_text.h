#pragma once

#include <string>
#include <vector>

#include "diagnosis/store.h"

namespace cgwarden::cli {

// The kernel log as the store has it, a line for each: "2026-01-31 12:00:00 UTC [   12.345678]
// text" with the time of printk; a line of dashes for what is missing, and for each boot. Control
// bytes are shown.
[[nodiscard]] std::string kmsg_lines(const std::vector<diagnosis::KernelLogOfBoot>& boots);

// The same, one JSON object a line: "boot_id", "wall_usec", and "sequence", "usec", "priority",
// "text", or "missing" and "reason".
[[nodiscard]] std::string kmsg_json(const std::vector<diagnosis::KernelLogOfBoot>& boots);

// The newest `most` lines.
void keep_newest_lines(std::vector<diagnosis::KernelLogOfBoot>& boots, std::size_t most);

}  // namespace cgwarden::cli
