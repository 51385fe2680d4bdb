#include "policy/node_lint.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>

#include "policy/lint_rules.h"
#include "policy/match.h"
#include "policy/node_rules.h"
#include "policy/protection.h"

namespace cgwarden::policy {
namespace {

// More are rarely meant by one policy.
constexpr std::size_t kManyCgroups = 1000;

// What is an error in a file alone is a warning here: of what the machine has now.
Severity severity_here(std::string_view id) {
  const LintRule* rule = find_lint_rule(id);
  return rule != nullptr && rule->scope == RuleScope::node ? rule->severity : Severity::warning;
}

// One finding for each policy, knob and rule.
class NodeDiagnostics {
 public:
  void add(const Decision& decision, std::string_view rule, const std::string& text,
           const std::string& cgroup) {
    const auto [entry, is_new] = seen_.try_emplace(
        {decision.winner->name, std::string(decision.knob->file), std::string(rule)},
        Seen{decision.position(), text, cgroup, 0});
    if (!is_new) ++entry->second.others;
  }

  [[nodiscard]] std::vector<Diagnostic> take() const {
    std::vector<Diagnostic> out;
    for (const auto& [key, seen] : seen_) {
      std::string where = seen.first_cgroup;
      if (seen.others > 0) where += fmt::format(" and {} more", seen.others);
      out.push_back({severity_here(std::get<2>(key)), seen.position,
                     fmt::format("policy {}, {}: {}", std::get<0>(key), where, seen.text), "", "",
                     std::get<2>(key)});
    }
    return out;
  }

 private:
  struct Seen {
    SourcePosition position;
    std::string text;
    std::string first_cgroup;
    std::size_t others = 0;
  };
  std::map<std::tuple<std::string, std::string, std::string>, Seen> seen_;
};

// L41 of globs that take in very much.
void count_matches(const cgroup::Snapshot& snapshot, const std::vector<Policy>& policies,
                   std::vector<Diagnostic>& out) {
  for (const Policy& policy : policies) {
    if (policy.selected && policy.selected->size() > kManyCgroups) {
      out.push_back({Severity::warning, policy.position,
                     fmt::format("policy {}: {} select {} cgroups", policy.name,
                                 describe_match(policy), policy.selected->size()),
                     "", "match fewer, or raise it on what holds them", "L41"});
    }
    if (!policy.selector.empty()) continue;
    for (std::size_t i = 0; i < policy.cgroups.size(); ++i) {
      const auto matched =
          std::ranges::count_if(snapshot.samples(), [&](const cgroup::Sample& sample) {
            return glob_matches(policy.cgroups[i], sample.path);
          });
      if (static_cast<std::size_t>(matched) <= kManyCgroups) continue;
      out.push_back(
          {Severity::warning,
           i < policy.cgroup_positions.size() ? policy.cgroup_positions[i] : policy.position,
           fmt::format("policy {}: {} matches {} cgroups", policy.name, policy.cgroups[i], matched),
           "", "match the workloads alone", "L41"});
    }
  }
}

// The cgroups that somebody may write and that hold something protected, with that.
std::map<std::string, std::string> holders_of(const cgroup::Snapshot& snapshot,
                                              const Ownership& owner_of) {
  std::map<std::string, std::string> holders;
  for (const cgroup::Sample& sample : snapshot.samples()) {
    const Access access = owner_of(sample.path);
    if (!access.holds.empty()) holders.emplace(sample.path, access.holds);
    if (!is_protected(access)) continue;
    for (auto at = cgroup::parent_path(sample.path); at.size() > 1; at = cgroup::parent_path(at)) {
      holders.emplace(at, sample.path);
    }
  }
  std::erase_if(holders, [&](const auto& one) { return is_protected(owner_of(one.first)); });
  return holders;
}

// Where policy_lint.cpp would tell of it: of the glob over paths or names of units that matches.
SourcePosition match_position(const Policy& policy, std::string_view path) {
  const Selector& selector = policy.selector;
  for (std::size_t i = 0; i < selector.unit_positions.size(); ++i) {
    if (name_matches(selector.units[i], path.substr(path.rfind('/') + 1))) {
      return selector.unit_positions[i];
    }
  }
  if (!selector.empty()) return policy.position;
  for (std::size_t i = 0; i < policy.cgroup_positions.size(); ++i) {
    if (glob_matches(policy.cgroups[i], path)) return policy.cgroup_positions[i];
  }
  return policy.position;
}

}  // namespace

void check_other_rules(const CgroupState& cgroup, const Say& say) {
  const Decision* pids = cgroup.decided("pids.max");
  const auto& tasks = cgroup.sample->pids_current;
  if (pids != nullptr && tasks && pids->value.amount < *tasks) {
    say(*pids, "L38",
        fmt::format("pids.max of {} is below the {} tasks that run: every fork fails (EAGAIN)",
                    pids->value.amount, *tasks));
  }
  for (const auto& [file, decision] : cgroup.decisions) {
    for (const Policy* other : cgroup.matching) {
      if (other == decision.winner || other->priority != decision.winner->priority) continue;
      const auto wanted = decision.knob->wanted(other->resources);
      if (!wanted || wanted->text == decision.value.text) continue;
      say(decision, "L33",
          fmt::format("policy {} of the same priority wants {} = {}: {} wins, its name is later",
                      other->name, file, wanted->text, decision.winner->name));
      break;
    }
  }
}

std::vector<Diagnostic> lint_node(const cgroup::Snapshot& snapshot,
                                  const std::vector<Policy>& policies, const NodeFacts& facts) {
  const NodeState node(snapshot, policies, facts);
  NodeDiagnostics collector;
  for (const CgroupState& cgroup : node.cgroups()) {
    if (cgroup.decisions.empty()) continue;
    const Say say = [&](const Decision& decision, std::string_view rule, const std::string& text) {
      collector.add(decision, rule, text, cgroup.sample->path);
    };
    check_cpu_rules(cgroup, node, facts, say);
    check_memory_rules(cgroup, facts, say);
    check_other_rules(cgroup, say);
  }
  check_total_protection(
      node, facts, [&](const Decision& decision, std::string_view rule, const std::string& text) {
        collector.add(decision, rule, text, "/");
      });
  std::vector<Diagnostic> out = collector.take();
  count_matches(snapshot, policies, out);
  return out;
}

std::vector<Diagnostic> lint_protected(const cgroup::Snapshot& snapshot,
                                       const std::vector<Policy>& policies,
                                       const Ownership& owner_of) {
  const auto holders = holders_of(snapshot, owner_of);
  std::vector<Diagnostic> out;
  for (const Policy& policy : policies) {
    const auto limit = first_limit(policy);
    if (!limit) continue;
    std::string first;
    std::string held;
    std::size_t others = 0;
    for (const auto& [path, protected_one] : holders) {
      if (!applies_to(policy, path)) continue;
      if (!first.empty()) {
        ++others;
        continue;
      }
      first = path;
      held = protected_one;
    }
    if (first.empty()) continue;
    if (others > 0) held += fmt::format(" (and {} more such cgroups)", others);
    out.push_back({Severity::warning, match_position(policy, first),
                   fmt::format("policy {}: {} of {} also limits {}, which is protected",
                               policy.name, *limit, first, held),
                   "", "limit what needs it one by one, beside what is protected", "L41"});
  }
  return out;
}

}  // namespace cgwarden::policy
