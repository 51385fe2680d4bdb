#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "cgroup/grouped_files.h"
#include "policy/cpuset_reach.h"
#include "policy/node_rules.h"

namespace cgwarden::policy {
namespace {

struct Quota {
  std::uint64_t quota_usec = 0;
  std::uint64_t period_usec = 0;
  [[nodiscard]] double cpus() const {
    return static_cast<double>(quota_usec) / static_cast<double>(period_usec);
  }
};

// Absent without a limit.
std::optional<Quota> quota_after(const CgroupState& cgroup) {
  const auto text = cgroup.text_after("cpu.max");
  if (!text) return std::nullopt;
  const auto words = split(*text, ' ');
  if (words.size() != 2) return std::nullopt;
  const auto quota = parse_integer<std::uint64_t>(words[0]);
  const auto period = parse_integer<std::uint64_t>(words[1]);
  if (!quota || !period || *period == 0) return std::nullopt;
  return Quota{*quota, *period};
}

void check_ancestor_quota(const CgroupState& cgroup, const Say& say) {
  const Decision* decision = cgroup.decided("cpu.max");
  const auto own = quota_after(cgroup);
  if (decision == nullptr || !own) return;
  for (const CgroupState* at = cgroup.parent; at != nullptr; at = at->parent) {
    const auto above = quota_after(*at);
    if (!above || above->cpus() >= own->cpus()) continue;
    say(*decision, "L07",
        fmt::format("a quota of {:.3g} CPUs above the {:.3g} of {}: that one is reached first",
                    own->cpus(), above->cpus(), at->sample->path));
    return;
  }
}

// Linux wakes all of them at the start of a period; together they use the quota up.
void check_stall(const CgroupState& cgroup, const NodeFacts& facts, const Say& say) {
  const Decision* decision = cgroup.decided("cpu.max");
  const auto quota = quota_after(cgroup);
  const auto burst = cgroup.after("cpu.max.burst");
  const auto& tasks = cgroup.sample->pids_current;
  if (decision == nullptr || !quota || burst.value_or(0) > 0 || !tasks || !facts.cpus) return;
  const std::uint64_t runners = std::min(*tasks, *facts.cpus);
  if (runners < 2) return;
  const std::uint64_t running = quota->quota_usec / runners;
  // What is shorter is not told from the ordinary wait for a CPU.
  if (running * 2 >= quota->period_usec) return;
  say(*decision, "L08",
      fmt::format("{} tasks on {} CPUs use the quota up in {} and then wait up to {}: it has no "
                  "burst",
                  *tasks, *facts.cpus, human_duration(Usec{running}),
                  human_duration(Usec{quota->period_usec - running})));
}

void check_lonely_weight(const CgroupState& cgroup, const Say& say) {
  if (cgroup.parent == nullptr || cgroup.parent->children.size() > 1) return;
  for (const std::string_view file : {"cpu.weight", "io.weight"}) {
    const Decision* decision = cgroup.decided(file);
    if (decision == nullptr) continue;
    say(*decision, "L12",
        fmt::format("{} has no sibling for {} to compete with", cgroup.sample->path, file));
  }
}

void check_cpuset(const CgroupState& cgroup, std::string_view file, const Say& say) {
  const Decision* decision = cgroup.decided(file);
  if (decision == nullptr) return;
  std::vector<CpusetAbove> above;
  for (const CgroupState* at = cgroup.parent; at != nullptr; at = at->parent) {
    const Decision* of_it = at->decided(file);
    CpusetAbove& made = above.emplace_back(at->sample);
    if (of_it != nullptr && of_it->knob->current(*at->sample) &&
        of_it->knob->current(*at->sample)->text != of_it->value.text) {
      made.written = of_it->value.text;
    }
  }
  const auto allowed = cpuset_outside(*cgroup.sample, file, decision->value.text, above);
  if (!allowed) return;
  say(*decision, "L34", outside_text(*decision, *allowed, cgroup.parent->sample->path));
}

void check_io_weight(const CgroupState& cgroup, const NodeState& node, const NodeFacts& facts,
                     const Say& say) {
  const Decision* decision = cgroup.decided("io.weight");
  if (decision == nullptr || node.cgroups().empty() || facts.bfq.value_or(true)) return;
  const cgroup::Sample& root = *node.cgroups().front().sample;
  if (root.path != "/" || !root.grouped || !root.grouped->io_cost_qos) return;
  const bool enabled = std::ranges::any_of(
      *root.grouped->io_cost_qos, [](const auto& device) { return device.enable.value_or(0) > 0; });
  if (enabled) return;
  say(*decision, "L36", "no device has io.cost.qos enabled or the scheduler bfq: it has no effect");
}

}  // namespace

void check_cpu_rules(const CgroupState& cgroup, const NodeState& node, const NodeFacts& facts,
                     const Say& say) {
  check_ancestor_quota(cgroup, say);
  check_stall(cgroup, facts, say);
  check_lonely_weight(cgroup, say);
  check_cpuset(cgroup, "cpuset.cpus", say);
  check_cpuset(cgroup, "cpuset.mems", say);
  check_io_weight(cgroup, node, facts, say);
}

}  // namespace cgwarden::policy
