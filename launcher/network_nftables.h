#pragma once

#include <string>

#include "launcher/launch_step.h"

namespace cgwarden::launcher {

// Runs nftables commands (nft(8)) in one transaction in the caller's network namespace.
[[nodiscard]] Step run_nftables(const std::string& commands);

}  // namespace cgwarden::launcher
