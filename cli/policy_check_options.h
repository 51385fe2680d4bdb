#pragma once

#include "cli/commands.h"

namespace CLI {
class App;
}

// The command line of `policy check`.
namespace cgwarden::cli {

inline constexpr const char* kPolicyCheckHelp = "Say what is wrong in policy files";
inline constexpr const char* kPolicyCheckExample =
    "cgwarden policy check policies.d/web.yaml\n  cgwarden policy check --json policies.d\n"
    "  cgwarden policy check --list-rules";
// `options` must live as long as `command` is used.
void add_policy_check_options(CLI::App& command, PolicyCheckOptions& options);

}  // namespace cgwarden::cli
