#pragma once

#include <string>

#include "base/result.h"

namespace cgwarden::launcher {

// Runs one of our programs that link what the runtime must not (cgwarden-scope, cgwarden-network):
// beside this executable, else in the libexec directory, with `input` on stdin. Gives its whole
// stdout, whatever its exit status; empty when it ended without a word. `why_needed` follows in
// the error when it cannot be started.
[[nodiscard]] Result<std::string> run_beside(const std::string& name, const std::string& input,
                                             const std::string& why_needed);

}  // namespace cgwarden::launcher
