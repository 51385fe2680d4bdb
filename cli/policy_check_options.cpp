#include "cli/policy_check_options.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <string_view>

namespace cgwarden::cli {

void add_policy_check_options(CLI::App& command, PolicyCheckOptions& options) {
  auto* paths =
      command
          .add_option("PATH", options.paths,
                      "YAML files, or directories of *.yaml; by default those that the agent reads")
          ->type_name("");
  auto* rules =
      command.add_flag("--list-rules", options.list_rules, "Print the rules instead of checking");
  auto* schema =
      command
          .add_option("--schema", options.schema,
                      "Print the JSON Schema for editors: of policy, drop-in or workload")
          ->expected(0, 1)
          ->type_name("KIND");
  rules->excludes(paths)->excludes(schema);
  schema->excludes(paths);
  command.parse_complete_callback([&options, schema] {
    if (schema->count() > 0 && options.schema.empty()) options.schema = "policy";
    static constexpr std::array<std::string_view, 4> kKinds{"", "policy", "drop-in", "workload"};
    if (std::ranges::find(kKinds, options.schema) == kKinds.end()) {
      throw CLI::ValidationError("--schema", "is of policy, drop-in or workload");
    }
  });
}

}  // namespace cgwarden::cli
