#include "cli/policy_check_options.h"

#include <CLI/CLI.hpp>

namespace cgwarden::cli {

void add_policy_check_options(CLI::App& command, PolicyCheckOptions& options) {
  auto* paths = command.add_option("PATH", options.paths, "YAML files, or directories of *.yaml")
                    ->type_name("");
  auto* rules =
      command.add_flag("--list-rules", options.list_rules, "Print the rules instead of checking");
  auto* schema = command.add_flag("--schema", options.schema,
                                  "Print the JSON Schema of policies, for editors");
  rules->excludes(paths)->excludes(schema);
  schema->excludes(paths);
  command.parse_complete_callback([&options] {
    if (options.paths.empty() && !options.list_rules && !options.schema) {
      throw CLI::RequiredError("PATH");
    }
  });
}

}  // namespace cgwarden::cli
