#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"
#include "policy/policy_set.h"
#include "policy/workload.h"

namespace cgwarden::agent {

// The *.yaml and *.yml files of a directory in name order; a missing directory is empty.
[[nodiscard]] Result<std::vector<std::string>> yaml_files(const std::string& directory);

using YamlFile = policy::PolicyFile;
[[nodiscard]] Result<std::vector<YamlFile>> read_yaml_directory(const std::string& directory);

// Where policies of the machine are, what counts more first: of the administrator, of this boot, of
// packages. `directory` alone when it is not the one of the administrator.
inline constexpr const char* kPolicyDirectory = "/etc/cgwarden/policies.d";
[[nodiscard]] std::vector<std::string> policy_layers(const std::string& directory);

// The files of the layers in name order, and behind them their drop-ins (NAME.d/*.yaml), ordered by
// policy and file name. Of files with one name that of the first layer counts; one that is a link
// to /dev/null takes those of the layers below out.
[[nodiscard]] Result<std::vector<YamlFile>> read_policy_layers(
    const std::vector<std::string>& layers);

// The directories with drop-ins that there are now, at most limits::kDropInDirectories.
[[nodiscard]] std::vector<std::string> drop_in_directories(const std::vector<std::string>& layers);

// All policies of a set of files, or nothing: one bad file is an error with every diagnostic in
// `detail`. `from` names the set.
struct PolicySet {
  std::vector<policy::Policy> policies;
  std::vector<policy::Diagnostic> warnings;
};
[[nodiscard]] Result<PolicySet> load_policies(const std::vector<YamlFile>& files,
                                              const std::string& from);

// A Workload document; invalid with all diagnostics in `detail`.
[[nodiscard]] Result<policy::Workload> parse_workload(const std::string& yaml,
                                                      const std::string& origin);

}  // namespace cgwarden::agent
