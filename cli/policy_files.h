#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/commands.h"
#include "policy/policy.h"
#include "policy/policy_set.h"

namespace cgwarden::cli {

// What files and directories hold, good or not.
struct CheckedPolicies {
  std::vector<policy::Policy> policies;         // empty with an error
  std::vector<policy::Diagnostic> diagnostics;  // errors and warnings, file by file
  std::optional<Error> unread;                  // the first file that could not be read
  [[nodiscard]] bool good() const;
};
// Reads all that the command line names, or without a path what the agent reads. A file that cannot
// be read is an error among the others. An error of its own only when there is no policy.
[[nodiscard]] Result<CheckedPolicies> check_policy_files(const std::vector<std::string>& paths);

// All policies of the files, and of the directories with their drop-ins, that the command line
// names, at least one; or every diagnostic of all of them in the error's detail.
[[nodiscard]] Result<policy::LoadedPolicies> load_policy_files(
    const std::vector<std::string>& paths);

// Those of a directory with their drop-ins, as an agent would take them: it may have none, and must
// be there.
[[nodiscard]] Result<policy::LoadedPolicies> load_policy_directory(const std::string& directory);

// The policies of a running agent: the last set that was good. Without an agent those of its usual
// directories.
[[nodiscard]] Result<policy::LoadedPolicies> policies_in_force(const Common& common);

}  // namespace cgwarden::cli
