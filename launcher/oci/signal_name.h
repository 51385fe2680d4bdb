#pragma once

#include <optional>
#include <string>

namespace cgwarden::launcher::oci {

// "9", "KILL", "SIGKILL", "sigkill", "RTMIN+3", "RTMAX-1" (signal(7)). nullopt for anything else.
[[nodiscard]] std::optional<int> signal_number(const std::string& name);

}  // namespace cgwarden::launcher::oci
