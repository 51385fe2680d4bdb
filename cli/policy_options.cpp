#include "cli/policy_options.h"

namespace cgwarden::cli {

// Scripts have it from when 0 meant both.
void add_plan_options(CLI::App& command, bool& ignored) {
  command.add_flag("--detailed-exitcode", ignored,
                   "As without it: exit status 0 is nothing to write, 1 failed or wrong usage, 2 "
                   "writes are pending");
}

void add_revert_options(CLI::App& command, RevertOptions& options) {
  auto* names = command.add_option("POLICY", options.policies, "Names of policies")->type_name("");
  command.add_flag("--all", options.all, "All that any policy has written")->excludes(names);
  command.add_flag("-n,--dry-run", options.dry_run, "Only say what would be given back");
  command.add_flag("--allow-oom", options.allow_oom,
                   "Write a memory.max below what is in use at once: the kernel may kill");
  command.parse_complete_callback([&options] {
    if (options.policies.empty() && !options.all) throw CLI::RequiredError("POLICY or --all");
  });
}

void add_explain_options(CLI::App& command, ExplainOptions& options) {
  command
      .add_option("CGROUP", options.cgroup,
                  "A path in the cgroup tree, or the name of a running workload; without it the "
                  "policies in force are listed")
      ->type_name("");
  command
      .add_option("--policy-dir", options.policy_dir,
                  "Policies, *.yaml (default: those that the agent has in force)")
      ->type_name("DIR");
}

}  // namespace cgwarden::cli
