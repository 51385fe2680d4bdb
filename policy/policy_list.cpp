#include "policy/policy_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "policy/decision.h"

namespace cgwarden::policy {
namespace {

constexpr int kListVersion = 1;

std::vector<const Policy*> by_precedence(const std::vector<Policy>& policies) {
  std::vector<const Policy*> ordered;
  for (const Policy& policy : policies) ordered.push_back(&policy);
  sort_by_precedence(ordered);
  return ordered;
}

std::size_t count_cgroups(const Policy& policy, const cgroup::Snapshot& snapshot) {
  return static_cast<std::size_t>(std::ranges::count_if(
      snapshot.samples(),
      [&](const cgroup::Sample& sample) { return applies_to(policy, sample.path); }));
}

std::string match_text(const Policy& policy) {
  std::string text = fmt::format("{}", fmt::join(policy.cgroups, " or "));
  if (policy.selector.empty()) return text;
  if (!text.empty()) text += ", ";
  return text + describe(policy.selector);
}

std::vector<std::string> knobs_of(const Policy& policy) {
  std::vector<std::string> knobs;
  for (const auto& [file, position] : policy.resources.positions) knobs.push_back(file);
  const auto loop = [&](const auto& member, const char* name) {
    if (member) knobs.emplace_back(name);
  };
  loop(policy.adapt.cpu, "adapt.cpu");
  loop(policy.adapt.memory_high, "adapt.memoryHigh");
  loop(policy.adapt.stall, "adapt.stall");
  loop(policy.adapt.time_to_oom, "adapt.timeToOom");
  loop(policy.adapt.kill, "adapt.kill");
  if (!policy.pressure.empty()) knobs.emplace_back("watch.pressure");
  return knobs;
}

}  // namespace

std::string render_policies(const std::vector<Policy>& policies, const cgroup::Snapshot& snapshot) {
  if (policies.empty()) return "no policy is in force\n";
  std::string text;
  for (const Policy* policy : by_precedence(policies)) {
    const std::size_t count = count_cgroups(*policy, snapshot);
    text += fmt::format("{}  priority {}{}, for {} {} now  ({})\n", printable(policy->name),
                        policy->priority, policy->mode == Mode::plan ? ", mode: plan" : "", count,
                        count == 1 ? "cgroup" : "cgroups", printable(policy->position.text()));
    text += fmt::format("  match    {}\n", printable(match_text(*policy)));
    text += fmt::format("  sets     {}\n", fmt::join(knobs_of(*policy), ", "));
    for (const std::string& file : policy->drop_ins) {
      text += fmt::format("  drop-in  {}\n", printable(file));
    }
  }
  return text;
}

std::string policies_json(const std::vector<Policy>& policies, const cgroup::Snapshot& snapshot) {
  auto list = nlohmann::ordered_json::array();
  for (const Policy* policy : by_precedence(policies)) {
    list.push_back({{"name", policy->name},
                    {"at", policy->position.text()},
                    {"drop_ins", policy->drop_ins},
                    {"templates", policy->templates},
                    {"priority", policy->priority},
                    {"mode", policy->mode == Mode::plan ? "plan" : "enforce"},
                    {"match", match_text(*policy)},
                    {"sets", knobs_of(*policy)},
                    {"cgroups", count_cgroups(*policy, snapshot)}});
  }
  const nlohmann::ordered_json document = {{"version", kListVersion},
                                           {"policies", std::move(list)}};
  return document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace cgwarden::policy
