#pragma once

#include <optional>
#include <string>
#include <vector>

namespace cgwarden::benchmarks {

// One run of a program from its start to its end.
struct Run {
  double wall_msec = 0;
  double cpu_msec = 0;  // user and system, with all waited-for descendants
  long peak_kib = 0;    // the largest resident set among them
};

// Starts `command` with stdin and stdout of /dev/null and waits for it; ends this program with a
// sentence when it cannot be started or does not end with 0. `filter` (empty: none) becomes its
// descriptor 9, as bubblewrap takes a seccomp filter.
[[nodiscard]] Run run_once(const std::vector<std::string>& command, const std::string& filter);

// System calls of one run by `strace -f -c`; nothing without strace.
[[nodiscard]] std::optional<long> system_calls(const std::vector<std::string>& command,
                                               const std::string& filter);

// The path of a program of PATH; empty when there is none.
[[nodiscard]] std::string in_path(const std::string& program);

}  // namespace cgwarden::benchmarks
