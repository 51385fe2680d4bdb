#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policy/decision.h"
#include "policy/diagnostic.h"

namespace cgwarden::policy {

// Collects what a plan does that the kernel accepts and a person may not want. One warning for each
// policy and rule, naming the first cgroup and the number of the others. Refers to the policies.
class PlanWarnings {
 public:
  explicit PlanWarnings(const std::vector<Policy>& policies);

  // Whether `policy` matches the path.
  [[nodiscard]] bool note_match(const Policy& policy, std::string_view path);
  // The state in which all decisions are in force, other values being those of `sample`.
  void note_decisions(const cgroup::Sample& sample, const Decisions& decisions);
  // In the order of the policies, then of the files.
  [[nodiscard]] std::vector<Diagnostic> take();

 private:
  struct Seen {
    SourcePosition position;
    std::string first_cgroup;
    std::size_t others = 0;
    std::string rule;
  };
  void add(const Decision& decision, const std::string& sentence, const std::string& cgroup,
           std::string_view rule);

  // A policy's globs and how many cgroups each matched.
  struct Matches {
    const Policy* policy;
    std::vector<std::size_t> counts;
    std::size_t selected = 0;  // by its selector
  };
  std::vector<Matches> matches_;
  std::map<std::pair<std::string, std::string>, Seen> seen_;  // by policy and sentence
};

}  // namespace cgwarden::policy
