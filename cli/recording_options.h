#pragma once

#include "cli/commands.h"

namespace CLI {
class App;
}

namespace cgwarden::cli {

inline constexpr const char* kHistoryHelp =
    "Show what was recorded of a workload or cgroup over time";
inline constexpr const char* kHistoryExample =
    "cgwarden history web --since 2h\n"
    "  cgwarden history ssh.service --since yesterday --until today --fields memory";
inline constexpr const char* kDumpHelp = "Write recorded samples for other programs";
inline constexpr const char* kDumpExample =
    "cgwarden dump -O csv --since 2h --cgroup web > web.csv\n"
    "  cgwarden dump -O openmetrics --fields cpu.stat,memory.current";

// The options of `cgwarden history` and `cgwarden dump`; the arguments must live as long as the
// other is used.
void add_history_options(CLI::App& command, HistoryOptions& options, Common& common);
void add_dump_options(CLI::App& command, DumpOptions& options);

}  // namespace cgwarden::cli
