#include "policy/protection.h"

#include <algorithm>
#include <array>

#include "policy/knob.h"

namespace cgwarden::policy {
namespace {

// Of io.max and the like each device has a limit of its own.
bool takes_away(std::string_view file, const std::string& value) {
  if (file == "cpu.idle") return value != "0";
  return !value.starts_with("max");
}

}  // namespace

bool is_protected(const Access& access) { return !access.refusal.empty() && !access.adoptable; }

bool is_below(std::string_view path, std::string_view above) {
  if (above == "/") return path.size() > 1;
  return path.size() > above.size() && path.starts_with(above) && path[above.size()] == '/';
}

std::optional<std::string> held_protected(const cgroup::Snapshot& snapshot, std::string_view path,
                                          const Ownership& owner_of) {
  if (!owner_of) return std::nullopt;
  if (Access access = owner_of(path); !access.holds.empty()) return std::move(access.holds);
  for (const cgroup::Sample& sample : snapshot.samples()) {
    if (is_below(sample.path, path) && is_protected(owner_of(sample.path))) return sample.path;
  }
  return std::nullopt;
}

std::string holding_text(std::string_view held) {
  return "it holds " + std::string(held) + ", which is protected";
}

std::optional<std::string_view> first_limit(const Policy& policy) {
  static constexpr std::array<std::string_view, 10> kLimits{
      "cpu.max",         "cpu.idle", "memory.high", "memory.max",  "memory.swap.high",
      "memory.swap.max", "pids.max", "cpuset.cpus", "cpuset.mems", "io.max"};
  for (const std::string_view file : kLimits) {
    if (policy.resources.percentages.contains(file)) return file;
    const auto knob = std::ranges::find(knobs(), file, &Knob::file);
    if (knob == knobs().end()) continue;
    const auto wanted = knob->wanted(policy.resources);
    if (wanted && takes_away(file, wanted->text)) return file;
  }
  if (policy.adapt.cpu) return "cpu.max";
  if (policy.adapt.memory_high) return "memory.high";
  return std::nullopt;
}

bool freezes(const Policy& policy) { return policy.resources.cgroup_freeze.value_or(false); }

}  // namespace cgwarden::policy
