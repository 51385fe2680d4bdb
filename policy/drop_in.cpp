// policy_document.h: a policy with what a drop-in says over it.
#include "policy/policy_document.h"
#include "policy/resource_merge.h"

namespace cgwarden::policy {
namespace {

template <typename Loop>
void replace(std::optional<Loop>& loop, SourcePosition& position, const std::optional<Loop>& over,
             const SourcePosition& at) {
  if (!over) return;
  loop = over;
  position = at;
}

void replace_loops(adapt::Settings& base, const adapt::Settings& over) {
  replace(base.cpu, base.cpu_position, over.cpu, over.cpu_position);
  replace(base.memory_high, base.memory_high_position, over.memory_high, over.memory_high_position);
  if (over.stall) base.stall_response = over.stall_response;
  replace(base.stall, base.stall_position, over.stall, over.stall_position);
  replace(base.time_to_oom, base.time_to_oom_position, over.time_to_oom, over.time_to_oom_position);
  replace(base.kill, base.kill_position, over.kill, over.kill_position);
}

void unset(Policy& policy, const std::string& key) {
  if (key == "watch.pressure") policy.pressure.clear();
  if (key == "adapt.cpu") policy.adapt.cpu.reset();
  if (key == "adapt.memoryHigh") policy.adapt.memory_high.reset();
  if (key == "adapt.stall") policy.adapt.stall.reset();
  if (key == "adapt.timeToOom") policy.adapt.time_to_oom.reset();
  if (key == "adapt.kill") policy.adapt.kill.reset();
  erase_knob(policy.resources, key);
}

template <typename List>
void replace_given(List& list, const List& over) {
  if (!over.empty()) list = over;
}

void replace_match(Policy& base, const Policy& over) {
  if (!over.cgroups.empty()) base.cgroup_positions = over.cgroup_positions;
  replace_given(base.cgroups, over.cgroups);
  if (!over.selector.units.empty()) base.selector.unit_positions = over.selector.unit_positions;
  replace_given(base.selector.units, over.selector.units);
  replace_given(base.selector.workloads, over.selector.workloads);
  replace_given(base.selector.pods, over.selector.pods);
  replace_given(base.selector.namespaces, over.selector.namespaces);
  replace_given(base.selector.containers, over.selector.containers);
  replace_given(base.selector.labels, over.selector.labels);
  replace_given(base.selector.xattrs, over.selector.xattrs);
}

}  // namespace

void apply_drop_in(Policy& policy, const PolicyDocument& drop_in) {
  const Policy& over = drop_in.policy;
  const auto given = [&](const char* key) { return drop_in.given.contains(key); };
  for (const std::string& key : drop_in.unset) unset(policy, key);
  if (given("match")) replace_match(policy, over);
  if (given("priority")) policy.priority = over.priority;
  if (given("mode")) policy.mode = over.mode;
  if (given("drift")) policy.drift = over.drift;
  if (given("allowOom")) policy.allow_oom = over.allow_oom;
  if (given("allowUnmanagedKnobs")) policy.allow_unmanaged_knobs = over.allow_unmanaged_knobs;
  if (given("owner")) policy.adopt = over.adopt;
  if (given("watch")) policy.pressure = over.pressure;
  policy.templates.insert(policy.templates.end(), over.templates.begin(), over.templates.end());
  policy.resources = merge(policy.resources, over.resources);
  replace_loops(policy.adapt, over.adapt);
  policy.drop_ins.push_back(over.position.file);
}

}  // namespace cgwarden::policy
