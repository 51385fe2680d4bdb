#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "policy/schema.h"
#include "policy/template.h"

// Inside of the reading of policy files: one document at a time.
namespace cgwarden::policy {

// Of a drop-in only its header is required.
enum class Part { whole, drop_in };

// A document of kind Policy.
struct PolicyDocument {
  Policy policy;
  std::set<std::string, std::less<>> given;  // keys at its top
  std::vector<std::string> unset;            // of a drop-in: knobs, "adapt.NAME", "watch.pressure"
};

// nullopt: it is no policy at all. Otherwise usable only without errors.
[[nodiscard]] std::optional<PolicyDocument> read_policy_document(const Node& node, Part part,
                                                                 const TemplateScope& templates,
                                                                 Findings& findings);

// What shows only of a whole policy: how its parts stand to each other and to what it matches.
void lint_whole(const Policy& policy, Findings& findings);

// Puts what a drop-in gives into the place of what the policy has, each key of `match`, each knob
// and each loop of `adapt` as a whole.
void apply_drop_in(Policy& policy, const PolicyDocument& drop_in);

}  // namespace cgwarden::policy
