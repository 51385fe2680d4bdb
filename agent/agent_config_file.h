#pragma once

#include <string>

#include "agent/options.h"
#include "base/result.h"

namespace cgwarden::agent {

// Where the agent looks without --config; there it may be missing.
inline constexpr const char* kConfigFile = "/etc/cgwarden/agent.yaml";

// Puts what the `kind: Agent` file at `path` says over `options`. invalid, with every diagnostic in
// `detail`; vanished when there is no file.
[[nodiscard]] Status read_config_file(const std::string& path, Options& options);

}  // namespace cgwarden::agent
