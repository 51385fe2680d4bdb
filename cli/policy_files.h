#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"

namespace cgwarden::cli {

// All policies of the files, and of the *.yaml and *.yml files of the directories, that the command
// line names, at least one; or every diagnostic of all of them in the error's detail.
[[nodiscard]] Result<policy::LoadedPolicies> load_policy_files(
    const std::vector<std::string>& paths);

}  // namespace cgwarden::cli
