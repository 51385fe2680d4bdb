#pragma once

#include <string>
#include <vector>

#include "policy/policy.h"

namespace cgwarden::policy {

// One file of a set, in the order in which the files count.
struct PolicyFile {
  std::string path;
  std::string yaml;
  std::string drop_in_of = {};  // of which policy it changes keys; empty: it has whole policies
};

// All files together, or nothing: with one error there are no policies. Drop-ins change a policy
// after each other, whatever file it is in. Templates are known in all files. Diagnostics stand
// file by file.
struct PolicySet {
  std::vector<Policy> policies;
  std::vector<Diagnostic> errors;
  std::vector<Diagnostic> warnings;
};
[[nodiscard]] PolicySet load_policy_set(const std::vector<PolicyFile>& files);

}  // namespace cgwarden::policy
