#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cgroup/samples.h"

// The five formats of cgroup v2 files (cgroup-v2.rst "Format"; psi.rst). All are pure. Unknown keys
// are skipped, a duplicate key, a line without its end or a value that is not of its type is
// `malformed`. `where` names the file in errors.
namespace cgwarden::cgroup {

// Single value: one line with one number.
[[nodiscard]] Result<std::uint64_t> parse_number(std::string_view text, std::string_view where);
// Single value that may be "max".
[[nodiscard]] Result<LimitOf<std::uint64_t>> parse_limit(std::string_view text,
                                                         std::string_view where);
// Single value 0 or 1.
[[nodiscard]] Result<bool> parse_flag(std::string_view text, std::string_view where);
// Blank-separated values on one line (cgroup.controllers).
[[nodiscard]] Result<std::vector<std::string>> parse_list(std::string_view text,
                                                          std::string_view where);
// Flat keyed: "KEY VALUE\n"... Calls `field` for each pair; `field` gives false when the value is
// bad for its key.
[[nodiscard]] Status parse_flat_keyed(
    std::string_view text, std::string_view where,
    const std::function<bool(std::string_view key, std::string_view value)>& field);
// Nested keyed: "KEY SUBKEY=VALUE SUBKEY=VALUE\n"...
struct NestedPair {
  std::string_view key;
  std::string_view value;
};
[[nodiscard]] Status parse_nested_keyed(
    std::string_view text, std::string_view where,
    const std::function<bool(std::string_view key, const std::vector<NestedPair>& pairs)>& line);
// PSI.
[[nodiscard]] Result<Pressure> parse_pressure(std::string_view text, std::string_view where);

// One per file, on top of the formats (field tables in cgroup/*.cpp).
[[nodiscard]] Result<CpuStat> parse_cpu_stat(std::string_view text);
[[nodiscard]] Result<CpuStatLocal> parse_cpu_stat_local(std::string_view text);
[[nodiscard]] Result<CpuMax> parse_cpu_max(std::string_view text);
[[nodiscard]] Result<MemoryStat> parse_memory_stat(std::string_view text);
// memory.events.local too.
[[nodiscard]] Result<MemoryEvents> parse_memory_events(std::string_view text,
                                                       std::string_view where = "memory.events");
[[nodiscard]] Result<SwapEvents> parse_swap_events(std::string_view text);
[[nodiscard]] Result<std::vector<IoStat>> parse_io_stat(std::string_view text);
[[nodiscard]] Result<std::vector<IoMax>> parse_io_max(std::string_view text);
[[nodiscard]] Result<IoWeight> parse_io_weight(std::string_view text);
// pids.events.local too.
[[nodiscard]] Result<PidsEvents> parse_pids_events(std::string_view text,
                                                   std::string_view where = "pids.events");
[[nodiscard]] Result<CgroupEvents> parse_cgroup_events(std::string_view text);
[[nodiscard]] Result<CgroupStat> parse_cgroup_stat(std::string_view text);
[[nodiscard]] Result<CgroupType> parse_cgroup_type(std::string_view text);

}  // namespace cgwarden::cgroup
