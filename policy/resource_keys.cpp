#include "policy/resource_keys.h"

#include <array>

#include "policy/device_keys.h"

namespace cgwarden::policy {
namespace {

Parsed<std::uint64_t> parse_weight(std::string_view text) {
  auto weight = parse_count(text, 1, 10000);
  if (!weight) {
    weight.error().rule = "L11";
    if (weight.error().hint.empty()) {
      weight.error().hint = "the kernel refuses it (ERANGE); 100 is the weight of all others";
    }
  }
  return weight;
}

// As a hard or soft limit 0 stops everything; as a protection or for swap it is the usual value.
Parsed<LimitOf<Bytes>> parse_working_limit(std::string_view text) {
  auto limit = parse_memory_limit(text);
  if (limit && !is_max(*limit) && std::get<Bytes>(*limit).value == 0) {
    return std::unexpected(ValueFault{
        "no process can run without memory: the kernel reclaims or kills until none is left",
        "write max for no limit", "L16"});
  }
  return limit;
}

template <auto Member, auto Parse>
bool read_into(const Node& node, std::string_view name, Resources& out, Findings& findings) {
  auto value = read_value(node, name, findings, Parse);
  if (!value) return false;
  auto& member = out.*Member;
  member = static_cast<typename std::remove_reference_t<decltype(member)>::value_type>(
      *std::move(value));
  return true;
}

template <std::size_t Index, std::uint64_t Page>
bool read_huge_pages(const Node& node, std::string_view name, Resources& out, Findings& findings) {
  const auto value = read_value(node, name, findings, [](std::string_view text) {
    return parse_huge_page_limit(text, Page);
  });
  if (value) out.hugetlb_max.at(Index) = *value;
  return value.has_value();
}

template <std::size_t Index, std::uint64_t Page>
constexpr ResourceKey huge_key(std::string_view key, std::string_view file) {
  return {"hugetlb",
          key,
          file,
          ValueForm::size,
          false,
          "Limit of huge pages of this size",
          read_huge_pages<Index, Page>};
}

constexpr std::uint64_t kKiB = 1ULL << 10;
constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kGiB = 1ULL << 30;

using R = Resources;
using V = ValueForm;

constexpr std::array kResourceKeys{
    ResourceKey{"cpu", "weight", "cpu.weight", V::weight, false, "Share among siblings, 1 to 10000",
                read_into<&R::cpu_weight, parse_weight>},
    ResourceKey{"cpu", "max", "cpu.max", V::quota, true,
                "Quota: cores (1.5), millicores (500m), QUOTA/PERIOD, N% of node or parent, or max",
                read_into<&R::cpu_max, parse_cpu_quota>},
    ResourceKey{"cpu", "idle", "cpu.idle", V::truth, false, "Runs only when nothing else wants to",
                read_into<&R::cpu_idle, parse_truth>},
    ResourceKey{"cpu", "burst", "cpu.max.burst", V::duration, false,
                "Unused quota that may be used later, at most the quota",
                read_into<&R::cpu_max_burst, parse_duration>},
    ResourceKey{"cpuset", "cpus", "cpuset.cpus", V::id_list, false, "CPUs, as 0-3,7",
                read_into<&R::cpuset_cpus, parse_id_list>},
    ResourceKey{"cpuset", "mems", "cpuset.mems", V::id_list, false, "Memory nodes, as 0-1",
                read_into<&R::cpuset_mems, parse_id_list>},
    ResourceKey{"memory", "min", "memory.min", V::size, true, "Protected from reclaim in any case",
                read_into<&R::memory_min, parse_memory_limit>},
    ResourceKey{"memory", "low", "memory.low", V::size, true,
                "Protected while there is something else to reclaim",
                read_into<&R::memory_low, parse_memory_limit>},
    ResourceKey{"memory", "high", "memory.high", V::size, true,
                "Throttled and reclaimed above it, never killed",
                read_into<&R::memory_high, parse_working_limit>},
    ResourceKey{"memory", "max", "memory.max", V::size, true, "Killed above it",
                read_into<&R::memory_max, parse_working_limit>},
    ResourceKey{"memory", "swap.max", "memory.swap.max", V::size, true, "Most swap",
                read_into<&R::memory_swap_max, parse_memory_limit>},
    ResourceKey{"memory", "oom.group", "memory.oom.group", V::truth, false,
                "An OOM kill takes all processes of the cgroup",
                read_into<&R::memory_oom_group, parse_truth>},
    ResourceKey{"memory", "swap.high", "memory.swap.high", V::size, true,
                "Throttled above this much swap",
                read_into<&R::memory_swap_high, parse_memory_limit>},
    ResourceKey{"memory", "zswap.max", "memory.zswap.max", V::size, true, "Most compressed swap",
                read_into<&R::memory_zswap_max, parse_memory_limit>},
    ResourceKey{"io", "weight", "io.weight", V::device_weight, false,
                "Share among siblings, 1 to 10000, or such a share for each device",
                read_io_weight},
    ResourceKey{"io", "max", "io.max", V::device_rates, false,
                "For each device: most bytes (rbps, wbps) and operations (riops, wiops) a second",
                read_io_max},
    ResourceKey{"io", "latency", "io.latency", V::device_duration, false,
                "For each device: the latency that others are throttled for", read_io_latency},
    ResourceKey{"pids", "max", "pids.max", V::pids, true, "Most tasks: 1 to 4194304, or max",
                read_into<&R::pids_max, parse_pids_limit>},
    huge_key<0, 64 * kKiB>("64KB.max", "hugetlb.64KB.max"),
    huge_key<1, 2 * kMiB>("2MB.max", "hugetlb.2MB.max"),
    huge_key<2, 32 * kMiB>("32MB.max", "hugetlb.32MB.max"),
    huge_key<3, 512 * kMiB>("512MB.max", "hugetlb.512MB.max"),
    huge_key<4, kGiB>("1GB.max", "hugetlb.1GB.max"),
    huge_key<5, 16 * kGiB>("16GB.max", "hugetlb.16GB.max"),
    ResourceKey{"cgroup", "freeze", "cgroup.freeze", V::truth, false, "Stops all processes",
                read_into<&R::cgroup_freeze, parse_truth>},
};

struct BlockExample {
  std::string_view block;
  std::string_view example;
};
constexpr std::array kExamples{
    BlockExample{"cpu", "cpu: {weight: 200, max: 1.5}"},
    BlockExample{"cpuset", "cpuset: {cpus: 0-3}"},
    BlockExample{"memory", "memory: {high: 400MiB, max: 512MiB}"},
    BlockExample{"io", "io: {weight: 50, max: {sda: {rbps: 10MiB}}}"},
    BlockExample{"pids", "pids: {max: 100}"},
    BlockExample{"hugetlb", "hugetlb: {2MB.max: 64MiB}"},
    BlockExample{"cgroup", "cgroup: {freeze: true}"},
};

}  // namespace

std::span<const ResourceKey> resource_keys() { return kResourceKeys; }

std::string_view example_of_block(std::string_view block) {
  for (const BlockExample& row : kExamples) {
    if (row.block == block) return row.example;
  }
  return {};
}

}  // namespace cgwarden::policy
