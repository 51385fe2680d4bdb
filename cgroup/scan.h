#pragma once

#include <cstdint>
#include <string_view>

#include "cgroup/samples.h"

// The files of every tick, read without allocation. true: `out` is what the parser in format.h
// makes of the same text. false: the text is malformed or not in the shape in which kernels print
// it, `out` is unspecified, and the parser decides.
namespace cgwarden::cgroup {

[[nodiscard]] bool scan_number(std::string_view text, std::uint64_t& out);
[[nodiscard]] bool scan_cpu_stat(std::string_view text, CpuStat& out);
// memory.events.local too.
[[nodiscard]] bool scan_memory_events(std::string_view text, MemoryEvents& out);
[[nodiscard]] bool scan_pressure(std::string_view text, Pressure& out);
[[nodiscard]] bool scan_cgroup_events(std::string_view text, CgroupEvents& out);

}  // namespace cgwarden::cgroup
