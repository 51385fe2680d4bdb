#include "policy/effective.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/text.h"

namespace cgwarden::policy {
namespace {

constexpr std::uint64_t kEffectiveMax = std::numeric_limits<std::uint64_t>::max();
constexpr std::array<std::string_view, 4> kLimitFiles{"memory.high", "memory.max",
                                                      "memory.swap.max", "pids.max"};

// The root has no limits.
bool is_limited(const CgroupState* cgroup) {
  return cgroup != nullptr && cgroup->sample->path != "/";
}

// In CPUs; nullopt: not known, the most: no limit.
std::optional<double> cpus_of(const CgroupState& cgroup) {
  const auto text = cgroup.text_after("cpu.max");
  if (!text) return std::nullopt;
  const auto words = split(*text, ' ');
  if (words[0] == "max") return std::numeric_limits<double>::infinity();
  const auto quota = parse_integer<std::uint64_t>(words[0]);
  const auto period = words.size() == 2 ? parse_integer<std::uint64_t>(words[1]) : std::nullopt;
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

// An ancestor without the file limits nothing: its controller is off there.
std::optional<Effective> effective_quota(const CgroupState& cgroup) {
  auto least = cpus_of(cgroup);
  if (!least) return std::nullopt;
  const CgroupState* by = &cgroup;
  for (const CgroupState* at = cgroup.parent; is_limited(at); at = at->parent) {
    const auto cpus = cpus_of(*at);
    if (cpus && *cpus < *least) {
      least = cpus;
      by = at;
    }
  }
  return Effective{*least == std::numeric_limits<double>::infinity()
                       ? "max"
                       : fmt::format("{:.3g} CPUs", *least),
                   by->sample->path};
}

std::optional<Effective> effective_limit(const CgroupState& cgroup, std::string_view file) {
  auto least = cgroup.after(file);
  if (!least) return std::nullopt;
  const CgroupState* by = &cgroup;
  for (const CgroupState* at = cgroup.parent; is_limited(at); at = at->parent) {
    const auto limit = at->after(file);
    if (limit && *limit < *least) {
      least = limit;
      by = at;
    }
  }
  return Effective{*least == kEffectiveMax ? "max" : with_meaning(file, std::to_string(*least)),
                   by->sample->path};
}

struct Protection {
  std::uint64_t bytes = 0;
  const CgroupState* by = nullptr;
};

std::uint64_t part_of(std::uint64_t amount, std::uint64_t of, std::uint64_t all) {
  return static_cast<std::uint64_t>(static_cast<long double>(amount) *
                                    static_cast<long double>(of) / static_cast<long double>(all));
}

// What the children use of what they have set: the kernel's children_{min,low}_usage.
std::optional<std::uint64_t> protected_of_children(const CgroupState& parent,
                                                   std::string_view file) {
  std::uint64_t sum = 0;
  for (const CgroupState* child : parent.children) {
    const auto setting = child->after(file);
    if (!setting) continue;
    if (!child->sample->memory_current) return std::nullopt;
    sum += std::min(child->sample->memory_current->value, *setting);
  }
  return sum;
}

// effective_protection() of the kernel: a share of what is left above, never more than is in use.
std::optional<Protection> protection_of(const CgroupState& cgroup, std::string_view file,
                                        const NodeFacts& facts) {
  const auto setting = cgroup.after(file);
  if (!setting) return std::nullopt;
  if (!is_limited(cgroup.parent)) return Protection{*setting, &cgroup};
  const auto above = protection_of(*cgroup.parent, file, facts);
  const auto siblings = protected_of_children(*cgroup.parent, file);
  if (!above || !siblings || !cgroup.sample->memory_current ||
      !cgroup.parent->sample->memory_current) {
    return std::nullopt;
  }
  const std::uint64_t usage = cgroup.sample->memory_current->value;
  const std::uint64_t claimed = std::min(usage, *setting);
  if (*siblings > above->bytes) {
    return Protection{part_of(claimed, above->bytes, *siblings), above->by};
  }
  Protection made{claimed, &cgroup};
  const std::uint64_t parent_usage = cgroup.parent->sample->memory_current->value;
  if (facts.recursive_protection.value_or(false) && above->bytes > *siblings &&
      parent_usage > *siblings && usage > claimed) {
    made.bytes += part_of(above->bytes - *siblings, usage - claimed, parent_usage - *siblings);
    made.by = above->by;
  }
  return made;
}

std::optional<Effective> effective_protection(const CgroupState& cgroup, std::string_view file,
                                              const NodeFacts& facts) {
  const auto made = protection_of(cgroup, file, facts);
  if (!made) return std::nullopt;
  return Effective{
      made->bytes == kEffectiveMax ? "max" : with_meaning(file, std::to_string(made->bytes)),
      made->by->sample->path};
}

}  // namespace

std::optional<Effective> effective_of(const CgroupState& cgroup, std::string_view file,
                                      const NodeFacts& facts) {
  if (file == "cpu.max") return effective_quota(cgroup);
  if (file == "memory.min" || file == "memory.low") {
    return effective_protection(cgroup, file, facts);
  }
  if (std::ranges::find(kLimitFiles, file) != kLimitFiles.end()) {
    return effective_limit(cgroup, file);
  }
  return std::nullopt;
}

void add_effective(Plan& plan, const cgroup::Snapshot& snapshot,
                   const std::vector<Policy>& policies, const NodeFacts& facts) {
  std::vector<Policy> enforced;
  std::ranges::copy_if(policies, std::back_inserter(enforced),
                       [](const Policy& policy) { return policy.mode == Mode::enforce; });
  for (const Mode mode : {Mode::enforce, Mode::plan}) {
    const auto of_mode = [&](const Write& write) { return write.mode == mode; };
    if (std::ranges::none_of(plan.writes, of_mode)) continue;
    const NodeState state(snapshot, mode == Mode::enforce ? enforced : policies, facts);
    for (Write& write : plan.writes) {
      if (!of_mode(write)) continue;
      const auto found = std::ranges::lower_bound(
          state.cgroups(), write.cgroup, {}, [](const CgroupState& at) { return at.sample->path; });
      if (found == state.cgroups().end() || found->sample->path != write.cgroup) continue;
      write.effective = effective_of(*found, write.file, facts);
    }
  }
}

}  // namespace cgwarden::policy
