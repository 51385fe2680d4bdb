// policy_lint.h: two policies that want one knob of the same cgroups.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/limits.h"
#include "policy/decision.h"
#include "policy/policy_lint.h"

namespace cgwarden::policy {
namespace {

void multiply(std::vector<Policy>& matches, const std::vector<std::string>& globs,
              const std::function<std::vector<std::string>&(Policy& match)>& list) {
  if (globs.size() < 2) return;
  std::vector<Policy> all;
  for (const Policy& match : matches) {
    for (const std::string& glob : globs) {
      list(all.emplace_back(match)) = {glob};
    }
  }
  matches = std::move(all);
}

// A match by its parts: one glob of each key alone. Two policies that have a part in common mean
// the same cgroups with it.
std::vector<std::string> parts_of(const Policy& policy) {
  const Selector& selector = policy.selector;
  Policy match;
  match.cgroups = policy.cgroups;
  match.selector = selector;
  std::size_t parts = 1;
  for (const auto* list : {&policy.cgroups, &selector.units, &selector.workloads, &selector.pods,
                           &selector.namespaces, &selector.containers}) {
    parts *= std::max<std::size_t>(list->size(), 1);
    if (parts > limits::kMatchParts) return {describe_match(match)};
  }
  std::vector<Policy> matches{match};
  multiply(matches, policy.cgroups, [](Policy& of) -> auto& { return of.cgroups; });
  multiply(matches, selector.units, [](Policy& of) -> auto& { return of.selector.units; });
  multiply(matches, selector.workloads, [](Policy& of) -> auto& { return of.selector.workloads; });
  multiply(matches, selector.pods, [](Policy& of) -> auto& { return of.selector.pods; });
  multiply(matches, selector.namespaces,
           [](Policy& of) -> auto& { return of.selector.namespaces; });
  multiply(matches, selector.containers,
           [](Policy& of) -> auto& { return of.selector.containers; });
  std::vector<std::string> texts;
  for (const Policy& each : matches) texts.push_back(describe_match(each));
  return texts;
}

// "12.5% of node".
std::string text_of(const Percentage& percentage) {
  return fmt::format("{}% of {}", static_cast<double>(percentage.hundredths) / 100,
                     percentage.base == PercentBase::node ? "node" : "parent");
}

// What a policy says of a knob.
struct Want {
  std::string text;
  SourcePosition position;
  bool is_loop = false;
};

std::optional<Want> loop_for(const Policy& policy, std::string_view file) {
  const adapt::Settings& loops = policy.adapt;
  if (loops.cpu && (file == "cpu.max" || file == "cpu.max.burst")) {
    return Want{"what adapt.cpu finds", loops.cpu_position, true};
  }
  if (loops.memory_high && file == "memory.high") {
    return Want{"what adapt.memoryHigh finds", loops.memory_high_position, true};
  }
  return std::nullopt;
}

std::optional<Want> want_of(const Policy& policy, const Knob& knob) {
  if (auto loop = loop_for(policy, knob.file)) return loop;
  const Resources& resources = policy.resources;
  const auto at = resources.positions.find(std::string(knob.file));
  const SourcePosition& position = at == resources.positions.end() ? policy.position : at->second;
  const auto percentage = resources.percentages.find(knob.file);
  if (percentage != resources.percentages.end()) {
    return Want{text_of(percentage->second), position};
  }
  const auto wanted = knob.wanted(resources);
  if (!wanted || wanted->text.empty()) return std::nullopt;
  return Want{wanted->text, position};
}

// Two loops never find the same. They meet at both of their knobs: that is told once.
bool differ(const Want& one, const Want& other, std::string_view file) {
  if (one.is_loop && other.is_loop) return file != "cpu.max.burst";
  return one.text != other.text;
}

}  // namespace

std::vector<Diagnostic> find_conflicts(const std::vector<Policy>& policies) {
  std::vector<const Policy*> ordered;
  for (const Policy& policy : policies) {
    if (policy.mode == Mode::enforce) ordered.push_back(&policy);
  }
  sort_by_precedence(ordered);  // the winner is met first
  std::map<std::tuple<std::string, int, std::string_view>, const Policy*> winners;
  std::vector<Diagnostic> found;
  for (const Policy* policy : ordered) {
    const auto parts = parts_of(*policy);
    for (const Knob& knob : knobs()) {
      const auto wanted = want_of(*policy, knob);
      if (!wanted) continue;
      for (const std::string& part : parts) {
        const auto [winner, is_new] =
            winners.try_emplace({part, policy->priority, knob.file}, policy);
        if (is_new || winner->second == policy) continue;
        const auto other = want_of(*winner->second, knob);
        if (!other || !differ(*wanted, *other, knob.file)) continue;
        found.push_back(
            {Severity::warning, wanted->position,
             fmt::format("{} of {}: policy {} wants {} and policy {} wants {}, both of "
                         "priority {}: {} wins, its name is later",
                         knob.file, part, policy->name, wanted->text, winner->second->name,
                         other->text, policy->priority, winner->second->name),
             "", "give one of them a higher priority", "L33"});
      }
    }
  }
  return found;
}

}  // namespace cgwarden::policy
