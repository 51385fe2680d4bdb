#include "cgroup/sampled_files.h"

#include <algorithm>
#include <cerrno>

#include "cgroup/format.h"
#include "cgroup/grouped_store.h"
#include "cgroup/quote.h"
#include "cgroup/scan.h"

namespace cgwarden::cgroup {
namespace {

Result<Bytes> parse_bytes(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const std::uint64_t value, parse_number(text, where));
  return Bytes{value};
}

bool scan_bytes(std::string_view text, Bytes& out) { return scan_number(text, out.value); }

Result<LimitOf<Bytes>> parse_byte_limit(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const LimitOf<std::uint64_t> limit, parse_limit(text, where));
  if (is_max(limit)) return LimitOf<Bytes>(Max{});
  return LimitOf<Bytes>(Bytes{std::get<std::uint64_t>(limit)});
}

Result<Usec> parse_usec(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const std::uint64_t value, parse_number(text, where));
  return Usec(value);
}

// 1..10000, and before 6.12 0 while cpu.idle is 1 (kernel/sched/core.c cpu_weight_read_u64).
Result<std::uint32_t> parse_cpu_weight(std::string_view text, std::string_view where) {
  CGW_ASSIGN(const std::uint64_t value, parse_number(text, where));
  if (value > 10000) return fail(malformed(where, "a weight is at most 10000"));
  return static_cast<std::uint32_t>(value);
}

template <auto Member, auto Parse>
Status store(Sample& sample, std::string_view file, std::string_view text, FileGroups) {
  (sample.*Member).reset();
  CGW_ASSIGN(sample.*Member, parse_with<Parse>(text, file));
  return {};
}

template <auto Member, auto Scan, auto Parse>
Status store_scanned(Sample& sample, std::string_view file, std::string_view text,
                     FileGroups wanted) {
  if (Scan(text, (sample.*Member).emplace())) return {};
  return store<Member, Parse>(sample, file, text, wanted);
}

template <auto Member>
void clear(Sample& sample, std::string_view) {
  (sample.*Member).reset();
}

template <auto Member, auto Parse>
constexpr SampledFile row(std::string_view name, Tier tier, std::optional<FileGroup> group = {}) {
  return {name, tier, group, store<Member, Parse>, clear<Member>};
}

template <auto Member, auto Scan, auto Parse>
constexpr SampledFile tick_row(std::string_view name) {
  return {name, Tier::tick, {}, store_scanned<Member, Scan, Parse>, clear<Member>};
}

template <auto Member, auto Parse>
constexpr SampledFile grouped(std::string_view name, Tier tier, FileGroup group) {
  return {name, tier, group, store_grouped<Member, Parse>, clear_grouped<Member>};
}

template <auto Member, auto Parse>
constexpr SampledFile huge(std::string_view name, Tier tier) {
  return {name, tier, FileGroup::hugetlb, store_size<Member, Parse>, clear_size<Member>, true};
}

// A file of which a group wants more keys than all others.
template <auto Member, auto Parse, FileGroup Group, auto More, auto ParseMore>
constexpr SampledFile shared(std::string_view name, Tier tier,
                             std::optional<FileGroup> group = {}) {
  return {name, tier, group,
          [](Sample& sample, std::string_view file, std::string_view text,
             FileGroups wanted) -> Status {
            CGW_TRY((store<Member, Parse>(sample, file, text, wanted)));
            if (!wanted.has(Group)) return {};
            return store_grouped<More, ParseMore>(sample, file, text, wanted);
          },
          [](Sample& sample, std::string_view file) {
            clear<Member>(sample, file);
            clear_grouped<More>(sample, file);
          }};
}

using S = Sample;
using G = GroupedFiles;
using H = HugetlbSize;
using enum Tier;
using F = FileGroup;

constexpr std::array<SampledFile, kSampledFiles> kFiles{
    tick_row<&S::cpu_stat, scan_cpu_stat, parse_cpu_stat>("cpu.stat"),
    tick_row<&S::memory_current, scan_bytes, parse_bytes>("memory.current"),
    tick_row<&S::memory_events, scan_memory_events, parse_memory_events>("memory.events"),
    tick_row<&S::cpu_pressure, scan_pressure, parse_pressure>("cpu.pressure"),
    tick_row<&S::memory_pressure, scan_pressure, parse_pressure>("memory.pressure"),
    tick_row<&S::io_pressure, scan_pressure, parse_pressure>("io.pressure"),
    tick_row<&S::cgroup_events, scan_cgroup_events, parse_cgroup_events>("cgroup.events"),

    row<&S::cpu_stat_local, parse_cpu_stat_local>("cpu.stat.local", medium),
    row<&S::irq_pressure, parse_pressure>("irq.pressure", medium),
    row<&S::memory_swap_current, parse_bytes>("memory.swap.current", medium),
    row<&S::memory_swap_events, parse_swap_events>("memory.swap.events", medium),
    row<&S::memory_events_local, parse_memory_events>("memory.events.local", medium),
    grouped<&G::memory_zswap_current, parse_bytes>("memory.zswap.current", medium, F::memory),
    shared<&S::io_stat, parse_io_stat, F::io, &G::io_cost, parse_io_cost>("io.stat", medium),
    row<&S::pids_current, parse_number>("pids.current", medium),
    row<&S::pids_events, parse_pids_events>("pids.events", medium),
    row<&S::pids_events_local, parse_pids_events>("pids.events.local", medium, F::pids),
    huge<&H::current, parse_bytes>("hugetlb.*.current", medium),
    huge<&H::rsvd_current, parse_bytes>("hugetlb.*.rsvd.current", medium),
    huge<&H::events_max, parse_hugetlb_events>("hugetlb.*.events", medium),
    huge<&H::events_local_max, parse_hugetlb_events>("hugetlb.*.events.local", medium),
    grouped<&G::rdma_current, parse_rdma>("rdma.current", medium, F::rdma),
    grouped<&G::misc_current, parse_misc>("misc.current", medium, F::misc),
    grouped<&G::misc_events, parse_misc_events>("misc.events", medium, F::misc),
    grouped<&G::misc_events_local, parse_misc_events>("misc.events.local", medium, F::misc),

    shared<&S::memory_stat, parse_memory_stat, F::memory_stat, &G::memory_stat,
           parse_memory_stat_more>("memory.stat", slow),
    grouped<&G::memory_numa_stat, parse_memory_numa_stat>("memory.numa_stat", slow,
                                                          F::memory_numa_stat),
    row<&S::memory_peak, parse_bytes>("memory.peak", slow),
    row<&S::memory_swap_peak, parse_bytes>("memory.swap.peak", slow, F::memory),
    row<&S::pids_peak, parse_number>("pids.peak", slow),
    shared<&S::cgroup_stat, parse_cgroup_stat, F::cgroup, &G::cgroup_subsystems, parse_subsystems>(
        "cgroup.stat", slow, F::cgroup),
    row<&S::cgroup_type, parse_cgroup_type>("cgroup.type", slow),
    grouped<&G::cpuset_cpus_effective, parse_id_list>("cpuset.cpus.effective", slow, F::cpuset),
    grouped<&G::cpuset_cpus_exclusive_effective, parse_id_list>("cpuset.cpus.exclusive.effective",
                                                                slow, F::cpuset),
    grouped<&G::cpuset_cpus_isolated, parse_id_list>("cpuset.cpus.isolated", slow, F::cpuset),
    grouped<&G::cpuset_cpus_partition, parse_partition>("cpuset.cpus.partition", slow, F::cpuset),
    grouped<&G::cpuset_mems_effective, parse_id_list>("cpuset.mems.effective", slow, F::cpuset),
    grouped<&G::misc_peak, parse_misc>("misc.peak", slow, F::misc),
    grouped<&G::misc_capacity, parse_misc>("misc.capacity", slow, F::misc),

    row<&S::cpu_max, parse_cpu_max>("cpu.max", limits),
    row<&S::cpu_max_burst, parse_usec>("cpu.max.burst", limits),
    row<&S::cpu_weight, parse_cpu_weight>("cpu.weight", limits),
    row<&S::cpu_idle, parse_flag>("cpu.idle", limits),
    grouped<&G::cpu_uclamp_min, parse_percent_limit>("cpu.uclamp.min", limits, F::cpu),
    grouped<&G::cpu_uclamp_max, parse_percent_limit>("cpu.uclamp.max", limits, F::cpu),
    grouped<&G::cpuset_cpus, parse_id_list>("cpuset.cpus", limits, F::cpuset),
    grouped<&G::cpuset_cpus_exclusive, parse_id_list>("cpuset.cpus.exclusive", limits, F::cpuset),
    grouped<&G::cpuset_mems, parse_id_list>("cpuset.mems", limits, F::cpuset),
    row<&S::memory_min, parse_byte_limit>("memory.min", limits),
    row<&S::memory_low, parse_byte_limit>("memory.low", limits),
    row<&S::memory_high, parse_byte_limit>("memory.high", limits),
    row<&S::memory_max, parse_byte_limit>("memory.max", limits),
    row<&S::memory_oom_group, parse_flag>("memory.oom.group", limits),
    row<&S::memory_swap_high, parse_byte_limit>("memory.swap.high", limits, F::memory),
    row<&S::memory_swap_max, parse_byte_limit>("memory.swap.max", limits),
    grouped<&G::memory_zswap_max, parse_byte_limit>("memory.zswap.max", limits, F::memory),
    grouped<&G::memory_zswap_writeback, parse_flag>("memory.zswap.writeback", limits, F::memory),
    row<&S::io_max, parse_io_max>("io.max", limits, F::io),
    row<&S::io_weight, parse_io_weight>("io.weight", limits, F::io),
    grouped<&G::io_latency, parse_io_latency>("io.latency", limits, F::io),
    grouped<&G::io_prio_class, parse_io_prio_class>("io.prio.class", limits, F::io),
    grouped<&G::io_cost_qos, parse_io_cost_qos>("io.cost.qos", limits, F::io),
    grouped<&G::io_cost_model, parse_io_cost_model>("io.cost.model", limits, F::io),
    row<&S::pids_max, parse_limit>("pids.max", limits),
    huge<&H::max, parse_byte_limit>("hugetlb.*.max", limits),
    huge<&H::rsvd_max, parse_byte_limit>("hugetlb.*.rsvd.max", limits),
    grouped<&G::rdma_max, parse_rdma>("rdma.max", limits, F::rdma),
    grouped<&G::misc_max, parse_misc_max>("misc.max", limits, F::misc),
    grouped<&G::cgroup_max_depth, parse_limit>("cgroup.max.depth", limits, F::cgroup),
    grouped<&G::cgroup_max_descendants, parse_limit>("cgroup.max.descendants", limits, F::cgroup),
    row<&S::cgroup_freeze, parse_flag>("cgroup.freeze", limits),
    row<&S::subtree_control, parse_list>("cgroup.subtree_control", limits),
    row<&S::controllers, parse_list>("cgroup.controllers", limits),
};

constexpr std::string_view kHugetlb = "hugetlb.";

}  // namespace

std::string_view to_string(Tier tier) {
  static constexpr std::array<std::string_view, kTiers> kNames{"tick", "medium", "slow", "limits"};
  return kNames.at(static_cast<std::size_t>(tier));
}

std::span<const SampledFile, kSampledFiles> sampled_files() { return kFiles; }

std::size_t sampled_file(std::string_view name) {
  const std::string_view size = hugetlb_size(name);
  const std::string_view rest = size.empty() ? name : name.substr(kHugetlb.size() + size.size());
  const auto* const at = std::ranges::find_if(kFiles, [&](const SampledFile& row) {
    if (size.empty()) return row.name == name && !row.of_each_size;
    return row.of_each_size && row.name.substr(kHugetlb.size() + 1) == rest;
  });
  return static_cast<std::size_t>(at - kFiles.begin());
}

std::string file_of_size(std::string_view pattern, std::string_view size) {
  return std::string(kHugetlb) + std::string(size) +
         std::string(pattern.substr(kHugetlb.size() + 1));
}

Sample::Unreadable unreadable(std::string_view file, const Error& error) {
  const bool switched_off = error.kind == ErrorKind::not_supported;
  if (switched_off && file.ends_with(".pressure")) {
    return {std::string(file), "psi is off; boot with psi=1", switched_off};
  }
  return {std::string(file), error.sentence(), switched_off};
}

}  // namespace cgwarden::cgroup
