#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "agent/kernel_log.h"
#include "agent/original_journal.h"
#include "agent/original_restore.h"
#include "agent/running_agent.h"
#include "agent/unit_says.h"
#include "agent/unit_writer.h"
#include "agent/workload_view.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

using agent::Restored;
using agent::RestoreReport;
using policy::Original;

struct RevertTally {
  std::size_t restored = 0;
  std::size_t left = 0;  // changed by somebody else since
  std::size_t failed = 0;
  std::vector<policy::KnobKey> over;
  // systemd makes the cgroup of a stopped unit when it is given a property, and does not say whose
  // that is.
  std::set<std::string> stopped_units;
};

// Has systemd what a policy wrote last? What it cannot be asked counts as that.
Result<bool> unit_has_ours(const Original& entry) {
  for (const std::string& value : {entry.ours, entry.previous}) {
    if (value.empty()) continue;
    const auto same = agent::unit_says(entry.key().unit, entry.file, value);
    if (!same && same.error().kind == ErrorKind::not_supported) return true;
    if (!same) return fail(same.error());
    if (*same) return true;
  }
  return false;
}

Result<RestoreReport> give_back_later(const Original& entry, const policy::Write& write,
                                      bool dry_run) {
  const auto ours = unit_has_ours(entry);
  if (!ours && ours.error().kind == ErrorKind::vanished) return RestoreReport{};
  if (!ours) return fail(ours.error());
  if (!*ours) return RestoreReport{Restored::foreign, "of the next start"};
  if (dry_run) return RestoreReport{Restored::waits, ""};
  const Status set = agent::set_stopped_unit_properties(entry.key().unit, {write});
  if (!set && set.error().kind == ErrorKind::vanished) return RestoreReport{};
  if (!set) return fail(set.error());
  return RestoreReport{Restored::waits, ""};
}

// The kernel's file has been written past systemd, which would bring the policy's value back when
// it reads its files anew: it is told what the file has. Where it cannot be asked or told, the
// value stays the one of the kernel until then.
void tell_unit(const Original& entry, const RestoreReport& report, policy::Write write) {
  if (entry.through != policy::Through::systemd || report.before == entry.ours) return;
  if (!agent::plain_property(entry.file, report.before)) return;
  if (!unit_has_ours(entry).value_or(false)) return;
  write.new_value = report.before;
  const Status told = agent::set_unit_properties({write});
  if (!told) complain(told.error().sentence());
}

Result<RestoreReport> give_back(const cgroup::Tree& tree, const Original& entry, bool dry_run,
                                std::set<std::string>& stopped_units) {
  const bool by_systemd = entry.through == policy::Through::systemd;
  if (!dry_run && !by_systemd) return agent::restore_original(tree, entry);
  CGW_ASSIGN(const RestoreReport report, agent::look_at_original(tree, entry));
  const bool is_there = tree.id_of(entry.cgroup).has_value();
  if (report.outcome == Restored::waits && !is_there) stopped_units.insert(entry.key().unit);
  policy::Write write;
  write.cgroup = entry.cgroup;
  write.id = entry.id;
  write.file = entry.file;
  write.new_value = entry.original;
  if (report.outcome == Restored::waits ||
      (by_systemd && stopped_units.contains(entry.key().unit))) {
    return give_back_later(entry, write, dry_run);
  }
  if (dry_run) return report;
  if (report.outcome == Restored::written) {
    CGW_TRY(agent::set_unit_properties({write}));
  } else if (report.outcome != Restored::gone) {
    tell_unit(entry, report, write);
  }
  return report;
}

void revert(const cgroup::Tree& tree, const Original& entry, bool dry_run, RevertTally& tally) {
  const std::string knob = fmt::format("{} {}", printable(entry.cgroup), entry.file);
  const auto report = give_back(tree, entry, dry_run, tally.stopped_units);
  if (!report) {
    ++tally.failed;
    complain(report.error().sentence());
    return;
  }
  switch (report->outcome) {
    case Restored::written:
      ++tally.restored;
      print(fmt::format("restored   {} {} -> {} (policy {})\n", knob, report->before,
                        entry.original, printable(entry.policy)));
      break;
    case Restored::needless:
      print(fmt::format("unchanged  {} {}\n", knob, report->before));
      break;
    case Restored::foreign:
      ++tally.left;
      print(
          fmt::format("left       {} {}: somebody else has changed it since policy {} wrote {}; "
                      "before that it was {}\n",
                      knob, report->before, printable(entry.policy), entry.ours, entry.original));
      break;
    case Restored::waits:
      ++tally.restored;
      print(fmt::format("restored   {} -> {} at the next start of {} (policy {})\n", knob,
                        entry.original, printable(entry.key().unit), printable(entry.policy)));
      break;
    case Restored::gone:
      print(fmt::format("gone       {}\n", knob));
      break;
  }
  tally.over.push_back(entry.key());
}

bool is_asked_for(const Original& entry, const RevertOptions& options) {
  return options.all || std::ranges::find(options.policies, entry.policy) != options.policies.end();
}

// The agent would write it again within a second, and so it does not come to that.
Status check_agent(const Common& common, const std::vector<Original>& entries) {
  const auto kept = std::ranges::find(entries, policy::Keeper::agent, &Original::keeper);
  if (kept == entries.end()) return {};
  CGW_ASSIGN(const bool running, agent::agent_is_running(common.where.runtime_dir));
  if (!running) return {};
  return fail(Error{ErrorKind::busy, 0, "give back", kept->cgroup + " " + kept->file,
                    "the agent keeps it for policy " + kept->policy +
                        ": take the policy out of its directory, and it gives everything back by "
                        "itself; or stop the agent first"});
}

}  // namespace

int policy_revert(const Common& common, const RevertOptions& options) {
  const auto tree = agent::open_tree(common.where.cgroup_root);
  if (!tree) return failed(tree.error());
  auto journal = agent::OriginalJournal::open(common.where.state_dir, agent::boot_id());
  if (!journal) return failed(journal.error());
  std::vector<Original> entries;
  for (const auto& [key, entry] : journal->all()) {
    if (is_asked_for(entry, options)) entries.push_back(entry);
  }
  if (!options.dry_run) {
    if (const Status free = check_agent(common, entries); !free) return failed(free.error());
  }
  sort_for_restore(entries);
  RevertTally tally;
  for (const Original& entry : entries) revert(*tree, entry, options.dry_run, tally);
  if (!options.dry_run) {
    if (const Status over = journal->forget(tally.over); !over) return failed(over.error());
  }
  print(fmt::format("{} {}, {} left to somebody else, {} failed\n", tally.restored,
                    options.dry_run ? "would be restored" : "restored", tally.left, tally.failed));
  return tally.failed == 0 ? kOk : kRuntime;
}

}  // namespace cgwarden::cli
