#include "cgroup/sampled_files.h"

#include <algorithm>
#include <cerrno>

#include "cgroup/format.h"
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
Status store(Sample& sample, std::string_view file, std::string_view text) {
  (sample.*Member).reset();
  if constexpr (requires { Parse(text, file); }) {
    CGW_ASSIGN(sample.*Member, Parse(text, file));
  } else {
    CGW_ASSIGN(sample.*Member, Parse(text));
  }
  return {};
}

template <auto Member, auto Scan, auto Parse>
Status store_scanned(Sample& sample, std::string_view file, std::string_view text) {
  if (Scan(text, (sample.*Member).emplace())) return {};
  return store<Member, Parse>(sample, file, text);
}

template <auto Member>
void clear(Sample& sample) {
  (sample.*Member).reset();
}

template <auto Member, auto Parse>
constexpr SampledFile row(std::string_view name, Tier tier) {
  return {name, tier, store<Member, Parse>, clear<Member>};
}

template <auto Member, auto Scan, auto Parse>
constexpr SampledFile tick_row(std::string_view name) {
  return {name, Tier::tick, store_scanned<Member, Scan, Parse>, clear<Member>};
}

using S = Sample;
using enum Tier;

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
    row<&S::io_stat, parse_io_stat>("io.stat", medium),
    row<&S::pids_current, parse_number>("pids.current", medium),
    row<&S::pids_events, parse_pids_events>("pids.events", medium),
    row<&S::pids_events_local, parse_pids_events>("pids.events.local", medium),
    row<&S::memory_stat, parse_memory_stat>("memory.stat", slow),
    row<&S::memory_peak, parse_bytes>("memory.peak", slow),
    row<&S::memory_swap_peak, parse_bytes>("memory.swap.peak", slow),
    row<&S::pids_peak, parse_number>("pids.peak", slow),
    row<&S::cgroup_stat, parse_cgroup_stat>("cgroup.stat", slow),
    row<&S::cgroup_type, parse_cgroup_type>("cgroup.type", slow),
    row<&S::cpu_max, parse_cpu_max>("cpu.max", limits),
    row<&S::cpu_max_burst, parse_usec>("cpu.max.burst", limits),
    row<&S::cpu_weight, parse_cpu_weight>("cpu.weight", limits),
    row<&S::cpu_idle, parse_flag>("cpu.idle", limits),
    row<&S::memory_min, parse_byte_limit>("memory.min", limits),
    row<&S::memory_low, parse_byte_limit>("memory.low", limits),
    row<&S::memory_high, parse_byte_limit>("memory.high", limits),
    row<&S::memory_max, parse_byte_limit>("memory.max", limits),
    row<&S::memory_oom_group, parse_flag>("memory.oom.group", limits),
    row<&S::memory_swap_high, parse_byte_limit>("memory.swap.high", limits),
    row<&S::memory_swap_max, parse_byte_limit>("memory.swap.max", limits),
    row<&S::io_max, parse_io_max>("io.max", limits),
    row<&S::io_weight, parse_io_weight>("io.weight", limits),
    row<&S::pids_max, parse_limit>("pids.max", limits),
    row<&S::cgroup_freeze, parse_flag>("cgroup.freeze", limits),
    row<&S::subtree_control, parse_list>("cgroup.subtree_control", limits),
    row<&S::controllers, parse_list>("cgroup.controllers", limits),
};

}  // namespace

std::string_view to_string(Tier tier) {
  static constexpr std::array<std::string_view, kTiers> kNames{"tick", "medium", "slow", "limits"};
  return kNames.at(static_cast<std::size_t>(tier));
}

std::span<const SampledFile, kSampledFiles> sampled_files() { return kFiles; }

std::size_t sampled_file(std::string_view name) {
  const auto* const at = std::ranges::find(kFiles, name, &SampledFile::name);
  return static_cast<std::size_t>(at - kFiles.begin());
}

Sample::Unreadable unreadable(std::string_view file, const Error& error) {
  const bool switched_off = error.kind == ErrorKind::not_supported;
  if (switched_off && file.ends_with(".pressure")) {
    return {std::string(file), "psi is off; boot with psi=1", switched_off};
  }
  return {std::string(file), error.sentence(), switched_off};
}

}  // namespace cgwarden::cgroup
