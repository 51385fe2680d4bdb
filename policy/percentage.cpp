#include "policy/percentage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/text.h"
#include "policy/device_knobs.h"
#include "policy/values.h"

namespace cgwarden::policy {
namespace {

constexpr std::uint64_t kNoLimit = std::numeric_limits<std::uint64_t>::max();
constexpr std::array<std::string_view, 3> kBaseLimits{"memory.max", "cpu.max", "pids.max"};

// The limit that a percentage for this file counts from.
std::string_view limit_of(std::string_view file) {
  if (file == "cpu.max" || file == "pids.max") return file;
  return "memory.max";
}

// part/whole of an amount, without overflow and rounded down.
std::uint64_t share(std::uint64_t amount, std::uint64_t part, std::uint64_t whole) {
  return amount / whole * part + amount % whole * part / whole;
}

// The CPU time in 100 ms of "50000 200000".
std::uint64_t cpu_amount(const KnobValue& value) {
  if (value.amount == kNoLimit) return kNoLimit;
  const auto words = split(value.text, ' ');
  const auto period = words.size() == 2 ? parse_integer<std::uint64_t>(words[1]) : std::nullopt;
  if (!period || *period == 0) return value.amount;
  return share(value.amount, kDefaultCpuPeriod.count(), *period);
}

std::uint64_t amount_of(std::string_view limit, const KnobValue& value) {
  return limit == "cpu.max" ? cpu_amount(value) : value.amount;
}

std::optional<LimitOf<Bytes>> Resources::* memory_member(std::string_view file) {
  if (file == "memory.min") return &Resources::memory_min;
  if (file == "memory.low") return &Resources::memory_low;
  if (file == "memory.high") return &Resources::memory_high;
  if (file == "memory.swap.high") return &Resources::memory_swap_high;
  if (file == "memory.swap.max") return &Resources::memory_swap_max;
  if (file == "memory.zswap.max") return &Resources::memory_zswap_max;
  return &Resources::memory_max;
}

void put(Resources& out, std::string_view file, std::uint64_t amount) {
  if (file == "cpu.max") {
    // What the kernel takes at least (sched-bwc.rst).
    out.cpu_max = cgroup::CpuMax{Usec{std::max<std::uint64_t>(amount, kMinCpuQuota.count())},
                                 kDefaultCpuPeriod};
  } else if (file == "pids.max") {
    out.pids_max = std::max<std::uint64_t>(amount, 1);
  } else {
    out.*memory_member(file) = Bytes{amount / kPageBytes * kPageBytes};
  }
}

}  // namespace

std::optional<std::uint64_t> PercentageBases::of_node(std::string_view limit) const {
  if (limit == "cpu.max") {
    if (!facts_.cpus) return std::nullopt;
    return *facts_.cpus * kDefaultCpuPeriod.count();
  }
  if (limit == "pids.max") return facts_.pids_max;
  if (!facts_.memory) return std::nullopt;
  return facts_.memory->value;
}

std::optional<std::uint64_t> PercentageBases::base_of(std::string_view file, PercentBase base,
                                                      const cgroup::Sample& sample) const {
  const std::string_view limit = limit_of(file);
  if (base == PercentBase::node) return of_node(limit);
  const auto knob = std::ranges::find(knobs(), limit, &Knob::file);
  const cgroup::Sample* topmost = &sample;
  for (const auto* at = snapshot_.parent(sample); at != nullptr; at = snapshot_.parent(*at)) {
    topmost = at;
    if (const auto noted = decided_.find(at->path); noted != decided_.end()) {
      const auto found = noted->second.find(limit);
      if (found != noted->second.end()) {
        if (found->second != kNoLimit) return found->second;
        continue;
      }
    }
    const auto current = knob->current(*at);
    if (current && current->amount != kNoLimit) return amount_of(limit, *current);
  }
  // Of one that came with its parent, the parent's limit may not be known yet.
  const std::string_view above = cgroup::parent_path(topmost->path);
  if (!above.empty() && above != "/") return std::nullopt;
  return of_node(limit);
}

Policy PercentageBases::resolve(const Policy& policy, const cgroup::Sample& sample) const {
  Policy made = policy;
  std::erase_if(made.resources.percentages, [&](const auto& entry) {
    const auto& [file, percentage] = entry;
    const auto base = base_of(file, percentage.base, sample);
    if (!base) return false;
    put(made.resources, file, share(*base, percentage.hundredths, 10000));
    return true;
  });
  return made;
}

void PercentageBases::note(const cgroup::Sample& sample, const Decisions& decisions) {
  for (const std::string_view limit : kBaseLimits) {
    const auto found = decisions.find(limit);
    if (found == decisions.end() || !found->second.known()) continue;
    decided_[sample.path][limit] = amount_of(limit, found->second.value);
  }
}

Absence explain_unknown_base(const Decision& decision) {
  std::string device = device_fault(decision.winner->resources, decision.knob->file);
  if (!device.empty()) return {std::move(device), "L37"};
  const auto& percentages = decision.winner->resources.percentages;
  const auto found = percentages.find(decision.knob->file);
  const std::string_view base =
      found != percentages.end() && found->second.base == PercentBase::parent ? "parent" : "node";
  return {fmt::format("a percentage of {}, whose size is not known here", base)};
}

}  // namespace cgwarden::policy
