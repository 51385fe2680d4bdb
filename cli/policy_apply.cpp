#include <fmt/format.h>

#include "agent/workload_view.h"
#include "base/text.h"
#include "cgroup/control_file.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/policy_files.h"
#include "cli/policy_now.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

struct Tally {
  std::size_t written = 0;
  std::size_t failed = 0;
};

// A cgroup of the same name made since the snapshot is another one.
bool same_cgroup(const cgroup::Tree& tree, const policy::Write& write) {
  const auto id = tree.id_of(write.cgroup);
  return id && *id == write.id;
}

void apply(const cgroup::Tree& tree, const policy::Write& write, Tally& tally) {
  const std::string knob = fmt::format("{} {}", printable(write.cgroup), write.file);
  if (write.mode == policy::Mode::plan) {
    print(fmt::format("planned    {} {} -> {} (policy {} has mode: plan)\n", knob, write.old_value,
                      write.new_value, printable(write.policy)));
    return;
  }
  if (!same_cgroup(tree, write)) {
    print(fmt::format("gone       {}\n", knob));
    return;
  }
  const auto report = cgroup::write_control_file(tree, write.cgroup, write.file, write.new_value);
  if (!report) {
    if (report.error().kind == ErrorKind::vanished) {
      print(fmt::format("gone       {}\n", knob));
      return;
    }
    ++tally.failed;
    complain(report.error().sentence());
    return;
  }
  switch (report->outcome) {
    case cgroup::WriteOutcome::written:
      ++tally.written;
      print(fmt::format("written    {} {} -> {}\n", knob, report->before, report->after));
      return;
    case cgroup::WriteOutcome::adjusted:
      ++tally.written;
      print(fmt::format("adjusted   {} {} -> {} (asked for {})\n", knob, report->before,
                        report->after, write.new_value));
      return;
    case cgroup::WriteOutcome::unchanged:
      print(fmt::format("unchanged  {} {}\n", knob, report->before));
      return;
  }
}

}  // namespace

int policy_apply(const Common& common, const std::vector<std::string>& paths) {
  const auto loaded = load_policy_files(paths);
  if (!loaded) return failed(loaded.error());
  const auto tree = agent::open_tree(common.where.cgroup_root);
  if (!tree) return failed(tree.error());
  const policy::Plan plan = plan_now(*tree, *loaded);
  print(policy::render(plan.warnings));
  for (const auto& skip : plan.skips) {
    print(fmt::format("skipped    {} {}: {}\n", printable(skip.cgroup), skip.file, skip.reason));
  }
  Tally tally;
  for (const auto& write : plan.writes) apply(*tree, write, tally);
  print(fmt::format("{} written, {} skipped, {} failed\n", tally.written, plan.skips.size(),
                    tally.failed));
  return tally.failed == 0 ? kOk : kRuntime;
}

}  // namespace cgwarden::cli
