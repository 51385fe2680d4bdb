#pragma once

#include "cli/commands.h"

namespace CLI {
class App;
}

namespace cgwarden::cli {

inline constexpr const char* kTopHelp = "Show what all cgroups use and suffer, now and in the past";
inline constexpr const char* kTopExample =
    "cgwarden top --sort throttled\n"
    "  cgwarden top --batch -n 1 --filter 'web-*'\n"
    "  cgwarden top --json -n 10 -d 0.5 web";
inline constexpr const char* kReplayHelp = "The same as top at a time of the agent's recording";
inline constexpr const char* kReplayExample =
    "cgwarden replay -t \"10m ago\"\n"
    "  cgwarden replay -t 03:12 --batch --sort memory";

// The options of `cgwarden top` and `cgwarden replay`; both arguments must live as long as the
// other is used.
void add_top_options(CLI::App& command, TopOptions& options);
void add_replay_options(CLI::App& command, TopOptions& options);

}  // namespace cgwarden::cli
