#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"

namespace cgwarden::cli {

// What files and directories hold, good or not.
struct CheckedPolicies {
  std::vector<policy::Policy> policies;         // of the files without errors
  std::vector<policy::Diagnostic> diagnostics;  // errors and warnings, file by file
  [[nodiscard]] bool good() const;
};
// Reads all that the command line names. An error only for what cannot be read, or holds no policy.
[[nodiscard]] Result<CheckedPolicies> check_policy_files(const std::vector<std::string>& paths);

// All policies of the files, and of the *.yaml and *.yml files of the directories, that the command
// line names, at least one; or every diagnostic of all of them in the error's detail.
[[nodiscard]] Result<policy::LoadedPolicies> load_policy_files(
    const std::vector<std::string>& paths);

}  // namespace cgwarden::cli
