#include "policy/knob.h"

#include <algorithm>
#include <array>
#include <limits>

#include "cgroup/grouped_files.h"
#include "policy/device_knobs.h"

namespace cgwarden::policy {
namespace {

constexpr std::uint64_t kMaxAmount = std::numeric_limits<std::uint64_t>::max();

KnobValue number(std::uint64_t value) { return {std::to_string(value), value}; }

KnobValue show(std::uint32_t value) { return number(value); }
KnobValue show(bool value) { return number(value ? 1 : 0); }
KnobValue show(Usec value) { return number(value.count()); }
KnobValue show(const LimitOf<Bytes>& limit) {
  return is_max(limit) ? KnobValue{"max", kMaxAmount} : number(std::get<Bytes>(limit).value);
}
KnobValue show(const LimitOf<std::uint64_t>& limit) {
  return is_max(limit) ? KnobValue{"max", kMaxAmount} : number(std::get<std::uint64_t>(limit));
}
// Both numbers: a quota alone would keep whatever period is in force.
KnobValue show(const cgroup::CpuMax& limit) {
  KnobValue value = is_max(limit.quota) ? KnobValue{"max", kMaxAmount}
                                        : number(std::get<Usec>(limit.quota).count());
  value.text += " " + std::to_string(limit.period.count());
  return value;
}

KnobValue show(const std::string& text) { return {text, 0}; }
KnobValue show(const cgroup::IdList& list) { return {list.text, 0}; }

// A member of Resources or Sample as a KnobValue.
template <auto Member, typename Owner>
std::optional<KnobValue> value_of(const Owner& owner) {
  const auto& member = owner.*Member;
  if (!member) return std::nullopt;
  return show(*member);
}

template <auto Wanted, auto Current>
constexpr Knob knob(std::string_view file, std::string_view controller) {
  return {file, controller, value_of<Wanted, Resources>, value_of<Current, cgroup::Sample>};
}

using cgroup::Sample;

template <auto Member>
std::optional<KnobValue> grouped_value(const Sample& sample) {
  if (!sample.grouped) return std::nullopt;
  return value_of<Member>(*sample.grouped);
}

template <auto Wanted, auto Current>
constexpr Knob grouped_knob(std::string_view file, std::string_view controller,
                            std::string_view group) {
  return {file, controller, value_of<Wanted, Resources>, grouped_value<Current>, group};
}

template <std::size_t Index>
std::optional<KnobValue> wanted_huge_pages(const Resources& resources) {
  const auto& limit = resources.hugetlb_max.at(Index);
  if (!limit) return std::nullopt;
  return show(*limit);
}
template <std::size_t Index>
std::optional<KnobValue> current_huge_pages(const Sample& sample) {
  if (!sample.grouped) return std::nullopt;
  const auto& sizes = sample.grouped->hugetlb;
  const auto found = std::ranges::find(sizes, kHugePageSizes.at(Index), &cgroup::HugetlbSize::size);
  if (found == sizes.end() || !found->max) return std::nullopt;
  return show(*found->max);
}
template <std::size_t Index>
constexpr Knob huge_pages(std::string_view file) {
  return {file, "hugetlb", wanted_huge_pages<Index>, current_huge_pages<Index>, "hugetlb"};
}

using cgroup::GroupedFiles;

constexpr std::array kKnobs{
    knob<&Resources::cpu_idle, &Sample::cpu_idle>("cpu.idle", "cpu"),
    knob<&Resources::cpu_weight, &Sample::cpu_weight>("cpu.weight", "cpu"),
    knob<&Resources::cpu_max, &Sample::cpu_max>("cpu.max", "cpu"),
    knob<&Resources::cpu_max_burst, &Sample::cpu_max_burst>("cpu.max.burst", "cpu"),
    knob<&Resources::memory_min, &Sample::memory_min>("memory.min", "memory"),
    knob<&Resources::memory_low, &Sample::memory_low>("memory.low", "memory"),
    knob<&Resources::memory_high, &Sample::memory_high>("memory.high", "memory"),
    knob<&Resources::memory_max, &Sample::memory_max>("memory.max", "memory"),
    knob<&Resources::memory_swap_max, &Sample::memory_swap_max>("memory.swap.max", "memory"),
    knob<&Resources::memory_oom_group, &Sample::memory_oom_group>("memory.oom.group", "memory"),
    knob<&Resources::pids_max, &Sample::pids_max>("pids.max", "pids"),
    grouped_knob<&Resources::cpuset_mems, &GroupedFiles::cpuset_mems>("cpuset.mems", "cpuset",
                                                                      "cpuset"),
    grouped_knob<&Resources::cpuset_cpus, &GroupedFiles::cpuset_cpus>("cpuset.cpus", "cpuset",
                                                                      "cpuset"),
    Knob{"memory.swap.high", "memory", value_of<&Resources::memory_swap_high, Resources>,
         value_of<&Sample::memory_swap_high, Sample>, "memory"},
    grouped_knob<&Resources::memory_zswap_max, &GroupedFiles::memory_zswap_max>("memory.zswap.max",
                                                                                "memory", "memory"),
    Knob{"io.weight", "io", wanted_io_weight, current_io_weight, "io"},
    Knob{"io.max", "io", wanted_io_max, current_io_max, "io"},
    Knob{"io.latency", "io", wanted_io_latency, current_io_latency, "io"},
    huge_pages<0>("hugetlb.64KB.max"),
    huge_pages<1>("hugetlb.2MB.max"),
    huge_pages<2>("hugetlb.32MB.max"),
    huge_pages<3>("hugetlb.512MB.max"),
    huge_pages<4>("hugetlb.1GB.max"),
    huge_pages<5>("hugetlb.16GB.max"),
    knob<&Resources::cgroup_freeze, &Sample::cgroup_freeze>("cgroup.freeze", ""),
};

}  // namespace

std::span<const Knob> knobs() { return kKnobs; }

}  // namespace cgwarden::policy
