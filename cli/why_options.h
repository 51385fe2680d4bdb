#pragma once

#include "cli/commands.h"

namespace CLI {
class App;
}

// The command line of `why`, `bundle`, `events` and `kmsg`. The arguments must live as long as the
// other is used.
namespace cgwarden::cli {

inline constexpr const char* kWhyHelp = "Say why a workload died or stalls, with the evidence";
inline constexpr const char* kWhyExample =
    "cgwarden why web\n  cgwarden why ssh.service --since 2h\n"
    "  cgwarden why /system.slice/ssh.service";
void add_why_options(CLI::App& command, WhyOptions& options, Common& common);

inline constexpr const char* kEventsHelp =
    "Show what happened: OOM kills, deaths, freezes, pressure";
inline constexpr const char* kEventsExample =
    "cgwarden events --since 1h --kind oom_kill\n  cgwarden events -f --cgroup web";

inline constexpr const char* kKmsgHelp = "Show the stored kernel log, earlier boots included";
inline constexpr const char* kKmsgExample = "cgwarden kmsg web\n  cgwarden kmsg --since 1h -n 200";

inline constexpr const char* kBundleHelp = "Pack all that is known of a workload for a ticket";
inline constexpr const char* kBundleExample = "cgwarden bundle web -o web.tar.gz";
void add_bundle_options(CLI::App& command, BundleOptions& options);

}  // namespace cgwarden::cli
