#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cgwarden::launcher::oci {

// Of a table as ps(1) prints it, the head and the lines of `pids` by its column PID. Threads, which
// have a dash there, are where their process is. nullopt: the table has no such column.
[[nodiscard]] std::optional<std::string> lines_of(std::string_view table,
                                                  const std::vector<pid_t>& pids);

}  // namespace cgwarden::launcher::oci
