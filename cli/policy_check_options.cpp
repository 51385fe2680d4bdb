#include "cli/policy_check_options.h"

#include <CLI/CLI.hpp>

namespace cgwarden::cli {

void add_policy_check_options(CLI::App& command, PolicyCheckOptions& options) {
  auto* paths =
      command
          .add_option("PATH", options.paths,
                      "YAML files, or directories of *.yaml; by default those that the agent reads")
          ->type_name("");
  auto* rules =
      command.add_flag("--list-rules", options.list_rules, "Print the rules instead of checking");
  auto* schema = command
                     .add_flag("--schema{policy}", options.schema,
                               "Print the JSON Schema for editors: =policy, =drop-in or =workload")
                     ->check(CLI::IsMember({"policy", "drop-in", "workload"}));
  rules->excludes(paths)->excludes(schema);
  schema->excludes(paths);
}

}  // namespace cgwarden::cli
