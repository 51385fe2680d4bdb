#include "policy/knob.h"

#include <array>
#include <limits>

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
};

}  // namespace

std::span<const Knob> knobs() { return kKnobs; }

}  // namespace cgwarden::policy
