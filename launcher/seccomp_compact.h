#pragma once

#include <linux/filter.h>

#include <vector>

namespace cgwarden::launcher {

// A shorter program with the same answer to every seccomp_data: the kernel needs time for each
// instruction when a filter is attached, and libseccomp writes one or more for each call. The
// program itself when it is not one that is_complete_program(), does something else with the
// architecture than compare it, is too entangled, or would not become shorter.
[[nodiscard]] std::vector<sock_filter> compact_program(std::vector<sock_filter> program);

}  // namespace cgwarden::launcher
