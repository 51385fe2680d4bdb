#pragma once

#include "cli/commands.h"

namespace cgwarden::cli {

inline constexpr const char* kSimulateHelp =
    "Say how another cpu.max would have throttled what was recorded; writes nothing";
inline constexpr const char* kSimulateExample =
    "cgwarden policy simulate web --since 2h --cpu-max 500m --burst 50ms\n"
    "  cgwarden policy simulate nginx.service --since yesterday --cpu-max 50ms/100ms --json";
inline constexpr const char* kRecommendHelp =
    "Find the cheapest cpu.max that would have kept a target; writes nothing";
inline constexpr const char* kRecommendExample =
    "cgwarden policy recommend web --since 1d --throttled-share 1\n"
    "  cgwarden policy recommend web --delay-p99 20ms --cautious";

// The options of `cgwarden policy simulate` and `recommend`; both arguments must live as long as
// the other is used.
void add_simulate_options(CLI::App& command, SimulateOptions& options);
void add_recommend_options(CLI::App& command, SimulateOptions& options);

}  // namespace cgwarden::cli
