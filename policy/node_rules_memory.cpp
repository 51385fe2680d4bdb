#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "policy/node_rules.h"
#include "policy/total_min.h"

namespace cgwarden::policy {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();
// A step that reclaims more than a quarter of the memory at once is told of.
constexpr std::uint64_t kLargestStepPercent = 25;

std::string size_text(std::uint64_t bytes) { return human_bytes(Bytes{bytes}); }

// What must stay for it to run: without the file cache that nobody uses (cAdvisor, kubelet).
std::optional<std::uint64_t> working_set(const cgroup::Sample& sample) {
  if (!sample.memory_current || !sample.memory_stat || !sample.memory_stat->inactive_file) {
    return std::nullopt;
  }
  const std::uint64_t current = sample.memory_current->value;
  return current - std::min(current, *sample.memory_stat->inactive_file);
}

void check_high(const CgroupState& cgroup, const Say& say) {
  const Decision* decision = cgroup.decided("memory.high");
  if (decision == nullptr || decision->value.amount == kUnlimited) return;
  const std::uint64_t high = decision->value.amount;
  if (cgroup.now("memory.high") == high) return;
  const auto needed = working_set(*cgroup.sample);
  if (needed && high < *needed) {
    say(*decision, "L16",
        fmt::format("memory.high of {} is below the working set of {}: it is throttled at once",
                    size_text(high), size_text(*needed)));
  }
  const auto& current = cgroup.sample->memory_current;
  if (!current || current->value / 100 * (100 - kLargestStepPercent) <= high) return;
  say(*decision, "L21",
      fmt::format("memory.high goes to {} while {} are in use: the write reclaims the difference, "
                  "and the workload stalls",
                  size_text(high), size_text(current->value)));
}

// min(use, setting); the setting where the use is not known.
std::uint64_t claimed(const CgroupState& cgroup, std::string_view file) {
  const std::uint64_t setting = cgroup.after(file).value_or(0);
  const auto& current = cgroup.sample->memory_current;
  return current ? std::min(setting, current->value) : setting;
}

// mm/memcontrol.c effective_protection() without memory_recursiveprot, which only adds what
// siblings leave.
std::uint64_t effective(const CgroupState& cgroup, std::string_view file) {
  const std::uint64_t own = claimed(cgroup, file);
  const CgroupState* parent = cgroup.parent;
  if (own == 0 || parent == nullptr || parent->parent == nullptr) return own;
  const std::uint64_t of_parent = effective(*parent, file);
  long double sum = 0;
  for (const CgroupState* sibling : parent->children) {
    sum += static_cast<long double>(claimed(*sibling, file));
  }
  if (sum <= static_cast<long double>(of_parent)) return own;
  return static_cast<std::uint64_t>(static_cast<long double>(own) *
                                    static_cast<long double>(of_parent) / sum);
}

void check_protection(const CgroupState& cgroup, const Say& say) {
  for (const std::string_view file : {"memory.min", "memory.low"}) {
    const Decision* decision = cgroup.decided(file);
    if (decision == nullptr) continue;
    const std::uint64_t own = claimed(cgroup, file);
    const std::uint64_t real = effective(cgroup, file);
    if (real >= own) continue;
    say(*decision, "L18",
        fmt::format("{} protects {} of {}: {} does not cover what its children are promised", file,
                    size_text(real), size_text(own), cgroup.parent->sample->path));
  }
}

void check_oom_group(const CgroupState& cgroup, const Say& say) {
  const Decision* decision = cgroup.decided("memory.oom.group");
  if (decision == nullptr) return;
  const auto& tasks = cgroup.sample->pids_current;
  if (decision->value.amount == 0 && tasks && *tasks > 1) {
    say(*decision, "L22",
        fmt::format("memory.oom.group is off, and {} tasks run: an OOM kill takes one process and "
                    "leaves the others",
                    *tasks));
  }
  if (decision->value.amount == 1 && cgroup.children.size() > 1) {
    say(*decision, "L23",
        fmt::format("memory.oom.group is on, and {} cgroups are below it: one OOM kill takes all",
                    cgroup.children.size()));
  }
}

void check_swap(const CgroupState& cgroup, const NodeFacts& facts, const Say& say) {
  if (!facts.swap) return;
  const Decision* max = cgroup.decided("memory.max");
  if (facts.swap->value > 0 && max != nullptr && max->value.amount != kUnlimited &&
      cgroup.after("memory.swap.max") == kUnlimited) {
    say(*max, "L24",
        "memory.max without memory.swap.max: what is above it goes to swap without a bound");
  }
  const Decision* high = cgroup.decided("memory.high");
  if (facts.swap->value == 0 && high != nullptr && high->value.amount != kUnlimited &&
      cgroup.after("memory.swap.max") != 0U) {
    say(*high, "L15",
        "memory.high on a machine without swap: above it, a process whose memory cannot be "
        "reclaimed stalls for minutes and is never killed");
  }
}

}  // namespace

void check_memory_rules(const CgroupState& cgroup, const NodeFacts& facts, const Say& say) {
  check_high(cgroup, say);
  check_protection(cgroup, say);
  check_oom_group(cgroup, say);
  check_swap(cgroup, facts, say);
}

void check_total_protection(const NodeState& node, const NodeFacts& facts, const Say& say) {
  const auto most = most_min(facts);
  if (!most) return;
  const Decision* largest = nullptr;
  std::uint64_t total = 0;
  for (const CgroupState& cgroup : node.cgroups()) {
    // What is deeper protects no more than these let it.
    if (cgroup.parent == nullptr || cgroup.parent->parent != nullptr) continue;
    const std::uint64_t own = std::min(cgroup.after("memory.min").value_or(0), facts.memory->value);
    total += own;
    const Decision* decision = cgroup.decided("memory.min");
    if (decision == nullptr) continue;
    if (largest == nullptr || decision->value.amount > largest->value.amount) largest = decision;
  }
  if (largest == nullptr || total <= *most) return;
  say(*largest, "L19", total_min_text(total, facts));
}

}  // namespace cgwarden::policy
