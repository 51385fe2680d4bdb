#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launcher/launch_step.h"

namespace cgwarden::launcher {

// What PATH is when the environment has none.
inline constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Value of PATH in a list of KEY=VALUE; kDefaultPath when there is none.
[[nodiscard]] std::string_view search_path(const std::vector<std::string>& env);

// The files to try, in order: `file` itself when it has a slash, else one per absolute directory of
// `path` (a relative or empty one would mean the working directory).
[[nodiscard]] std::vector<std::string> exec_candidates(const std::string& file,
                                                       std::string_view path);

// execve(2) of the first candidate that can run; returns only to say why none could. Never falls
// back to /bin/sh (execvp(3) does, for ENOEXEC). ENOENT and EACCES of one candidate do not end the
// search; EACCES is what is reported when nothing later runs.
[[nodiscard]] LaunchError exec_command(const std::vector<std::string>& args,
                                       const std::vector<std::string>& env);

// Whether exec_command() would find a file that may be executed, without running it: what it would
// say when not. nullopt when one is there (that it can also be loaded shows only execve(2)).
[[nodiscard]] std::optional<LaunchError> find_command(const std::vector<std::string>& args,
                                                      const std::vector<std::string>& env);

// The failure of one existing or missing file, told apart by looking at it: missing file, missing
// interpreter of a script or ELF program, directory, no execute permission, no known format.
[[nodiscard]] LaunchError explain_exec_failure(const std::string& file, int errno_value);

}  // namespace cgwarden::launcher
