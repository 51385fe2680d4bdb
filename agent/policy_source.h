#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"
#include "policy/workload.h"

namespace cgwarden::agent {

// The *.yaml and *.yml files of a directory in name order; a missing directory is empty.
[[nodiscard]] Result<std::vector<std::string>> yaml_files(const std::string& directory);

struct YamlFile {
  std::string path;
  std::string yaml;
};
[[nodiscard]] Result<std::vector<YamlFile>> read_yaml_directory(const std::string& directory);

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
