#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cgroup/grouped_files.h"

// The parsers of the files of grouped_files.h, by the rules of format.h. `where` names the file in
// errors, for parsers of several files.
namespace cgwarden::cgroup {

// nr_subsys_* and nr_dying_subsys_* of cgroup.stat.
[[nodiscard]] Result<std::vector<Subsystem>> parse_subsystems(std::string_view text);
// cpu.uclamp.*: a percentage or "max".
[[nodiscard]] Result<LimitOf<Percent>> parse_percent_limit(std::string_view text,
                                                           std::string_view where);
// cpuset.cpus*, cpuset.mems*: one line, ids in ascending order.
[[nodiscard]] Result<IdList> parse_id_list(std::string_view text, std::string_view where);
// cpuset.cpus.partition: without the reason that the kernel gives for "invalid".
[[nodiscard]] Result<std::string> parse_partition(std::string_view text);
// What parse_memory_stat leaves out.
[[nodiscard]] Result<MemoryStatMore> parse_memory_stat_more(std::string_view text);
// In the order of the first line; a line need not have every node.
[[nodiscard]] Result<std::vector<MemoryNode>> parse_memory_numa_stat(std::string_view text);
// The cost.* keys of io.stat; devices without one are left out.
[[nodiscard]] Result<std::vector<IoCost>> parse_io_cost(std::string_view text);
[[nodiscard]] Result<std::vector<IoLatency>> parse_io_latency(std::string_view text);
[[nodiscard]] Result<std::string> parse_io_prio_class(std::string_view text);
[[nodiscard]] Result<std::vector<IoCostQos>> parse_io_cost_qos(std::string_view text);
[[nodiscard]] Result<std::vector<IoCostModel>> parse_io_cost_model(std::string_view text);
// Key `max` of hugetlb.<size>.events and .events.local; malformed without it.
[[nodiscard]] Result<std::uint64_t> parse_hugetlb_events(std::string_view text,
                                                         std::string_view where);
// rdma.current and rdma.max.
[[nodiscard]] Result<std::vector<RdmaDevice>> parse_rdma(std::string_view text,
                                                         std::string_view where);
// misc.current, misc.peak and misc.capacity.
[[nodiscard]] Result<std::vector<Named<std::uint64_t>>> parse_misc(std::string_view text,
                                                                   std::string_view where);
[[nodiscard]] Result<std::vector<Named<LimitOf<std::uint64_t>>>> parse_misc_max(
    std::string_view text);
// The `RESOURCE.max` keys of misc.events and misc.events.local.
[[nodiscard]] Result<std::vector<Named<std::uint64_t>>> parse_misc_events(std::string_view text,
                                                                          std::string_view where);

// "2MB" of "hugetlb.2MB.rsvd.max"; empty when `file` is no file of huge pages.
[[nodiscard]] std::string_view hugetlb_size(std::string_view file);

}  // namespace cgwarden::cgroup
