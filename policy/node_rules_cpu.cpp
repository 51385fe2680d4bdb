#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "cgroup/grouped_files.h"
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

std::set<std::uint64_t> ids_of(std::string_view list) {
  std::set<std::uint64_t> ids;
  for (const std::string_view part : split(list, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = parse_integer<std::uint64_t>(part.substr(0, dash));
    const auto last = dash == std::string_view::npos
                          ? first
                          : parse_integer<std::uint64_t>(part.substr(dash + 1));
    if (!first || !last) continue;
    for (std::uint64_t id = *first; id <= *last; ++id) ids.insert(id);
  }
  return ids;
}

void check_cpuset(const CgroupState& cgroup, std::string_view file,
                  std::optional<cgroup::IdList> cgroup::GroupedFiles::* effective, const Say& say) {
  const Decision* decision = cgroup.decided(file);
  if (decision == nullptr || cgroup.parent == nullptr) return;
  const auto& grouped = cgroup.parent->sample->grouped;
  if (!grouped || !(*grouped.*effective)) return;
  const std::string& allowed = (*grouped.*effective)->text;
  if (std::ranges::includes(ids_of(allowed), ids_of(decision->value.text))) return;
  say(*decision, "L34",
      fmt::format("{} {} is not within {} of {}: what is outside is refused or replaced", file,
                  decision->value.text, allowed, cgroup.parent->sample->path));
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
  check_cpuset(cgroup, "cpuset.cpus", &cgroup::GroupedFiles::cpuset_cpus_effective, say);
  check_cpuset(cgroup, "cpuset.mems", &cgroup::GroupedFiles::cpuset_mems_effective, say);
  check_io_weight(cgroup, node, facts, say);
}

}  // namespace cgwarden::policy
