// Any text is refused with clean diagnostics, or its policies plan what the kernel can be told.
#include "policy/match.h"
#include "policy/node_lint.h"
#include "policy/plan.h"
#include "policy/policy_lint.h"
#include "tests/fuzz/diagnostics.h"

namespace {

using namespace cgwarden;

cgroup::Sample fresh_cgroup(const std::string& path) {
  cgroup::Sample sample;
  sample.path = path;
  sample.cpu_max = cgroup::CpuMax{Max{}, Usec{100000}};
  sample.cpu_max_burst = Usec{0};
  sample.cpu_weight = 100;
  sample.cpu_idle = false;
  sample.memory_current = Bytes{1};
  sample.memory_min = sample.memory_low = LimitOf<Bytes>(Bytes{0});
  sample.memory_high = sample.memory_max = sample.memory_swap_max = LimitOf<Bytes>(Max{});
  sample.memory_oom_group = false;
  sample.pids_max = LimitOf<std::uint64_t>(Max{});
  return sample;
}

policy::NodeFacts some_node() {
  return {
      .cpus = 3, .memory = Bytes{1000000000}, .swap = Bytes{0}, .pids_max = 4194304, .bfq = false};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto loaded = policy::load_policies(text, "fuzz.yaml");
  if (!loaded) {
    fuzz::require_clean_diagnostics(loaded.error(), text);
    return 0;
  }
  fuzz::require(!loaded->policies.empty(), "an accepted text has a policy");
  fuzz::require(policy::check_unique_names(loaded->policies).empty(), "names are unique");
  const policy::NodeFacts facts = some_node();
  const cgroup::Snapshot snapshot{TimePoint{}, {fresh_cgroup("/"), fresh_cgroup("/a")}};
  for (const auto& finding : policy::lint_node(snapshot, loaded->policies, facts)) {
    fuzz::require(!finding.rule.empty() && !finding.message.empty(), "a finding has its rule");
  }
  for (const auto& write : policy::plan(snapshot, loaded->policies, {}, facts).writes) {
    fuzz::require(!write.new_value.empty() && write.new_value != write.old_value,
                  "a write changes something");
  }
  static_cast<void>(policy::find_conflicts(loaded->policies));
  for (const auto& policy : loaded->policies) {
    fuzz::require(!policy.name.empty() && !policy.cgroups.empty(), "a policy has a name and globs");
    for (const auto& glob : policy.cgroups) {
      fuzz::require(policy::glob_fault(glob).empty(), "globs are well formed");
    }
    const auto made = policy::plan_resources(fresh_cgroup("/a"), policy.resources, policy.name);
    for (const auto& write : made.writes) {
      fuzz::require(!write.new_value.empty() && write.new_value != write.old_value,
                    "a write changes something");
    }
    fuzz::require(!policy::to_json(made).empty(), "a plan can be shown");
  }
  return 0;
}
