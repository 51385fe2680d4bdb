#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "agent/kernel_log.h"
#include "agent/memory_shrink.h"
#include "agent/original_journal.h"
#include "agent/original_restore.h"
#include "agent/running_agent.h"
#include "agent/side_effects.h"
#include "agent/unit_writer.h"
#include "agent/workload_view.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/policy_now.h"
#include "cli/terminal.h"
#include "cli/unit_told.h"

namespace cgwarden::cli {
namespace {

using agent::Restored;
using agent::RestoreReport;
using policy::Original;

struct RevertTally {
  std::size_t restored = 0;
  std::size_t left = 0;  // changed by somebody else since
  std::size_t failed = 0;
  std::vector<Original> over;
  // systemd makes the cgroup of a stopped unit when it is given a property, and does not say whose
  // that is.
  std::set<std::string> stopped_units;
};

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

// systemd writes it at once: first there must be room.
Status give_to_unit(const cgroup::Tree& tree, policy::Write write) {
  if (agent::may_need_room(write)) {
    write.id = tree.id_of(write.cgroup).value_or(write.id);  // it may have been started again
    CGW_ASSIGN(const auto room,
               agent::lower_memory(tree, write, kTerminalPatience, agent::kRevertMayKill));
  }
  return agent::set_unit_properties({write});
}

Result<RestoreReport> give_back(const cgroup::Tree& tree, const Original& entry, bool dry_run,
                                std::set<std::string>& stopped_units) {
  const bool by_systemd = entry.through == policy::Through::systemd;
  if (!dry_run && !by_systemd) return agent::restore_original(tree, entry, kTerminalPatience);
  CGW_ASSIGN(const RestoreReport report, agent::look_at_original(tree, entry));
  const bool is_there = tree.id_of(entry.cgroup).has_value();
  if (report.outcome == Restored::waits && !is_there) stopped_units.insert(entry.key().unit);
  policy::Write write = agent::write_of(entry, report.before, entry.original);
  if (report.outcome == Restored::waits ||
      (by_systemd && stopped_units.contains(entry.key().unit))) {
    return give_back_later(entry, write, dry_run);
  }
  if (dry_run) return report;
  if (report.outcome == Restored::written) {
    CGW_TRY(give_to_unit(tree, write));
  } else if (report.outcome != Restored::gone) {
    if (const std::string fault = tell_unit(entry, report, write); !fault.empty()) complain(fault);
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
  tally.over.push_back(entry);
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

// Who ends this while it shrinks has memory.high given back by the next one.
Result<std::vector<Original>> note_besides(const cgroup::Tree& tree,
                                           agent::OriginalJournal& journal,
                                           const std::vector<Original>& entries) {
  std::vector<policy::Write> writes;
  for (const Original& entry : entries) {
    const auto report = agent::look_at_original(tree, entry);
    if (!report || report->outcome != Restored::written) continue;
    if (entry.file != "memory.max" && entry.file != "memory.high") continue;
    writes.push_back(agent::write_of(entry, report->before, entry.original));
  }
  auto besides = agent::side_originals(journal, agent::side_effects(tree, writes),
                                       policy::Keeper::apply, SystemClock().now().wall);
  CGW_TRY(journal.note(besides));
  return besides;
}

}  // namespace

int policy_revert(const Common& common, const RevertOptions& options) {
  const auto tree = agent::open_tree(common.where.cgroup_root);
  if (!tree) return failed(tree.error());
  auto journal = agent::OriginalJournal::open(common.where.state_dir, agent::boot_id());
  if (!journal) return failed(journal.error());
  std::vector<Original> entries;
  for (const auto& [key, entry] : journal->all()) {
    if (!is_asked_for(entry, options)) continue;
    for (Original& part : by_device(entry)) {
      part.allow_oom |= options.allow_oom;
      entries.push_back(std::move(part));
    }
  }
  if (!options.dry_run) {
    if (const Status free = check_agent(common, entries); !free) return failed(free.error());
  }
  sort_for_restore(entries);
  const auto besides =
      note_besides(*tree, *journal, options.dry_run ? std::vector<Original>{} : entries);
  if (!besides) return failed(besides.error());
  RevertTally tally;
  for (const Original& entry : entries) revert(*tree, entry, options.dry_run, tally);
  if (!options.dry_run) {
    if (const Status over = journal->forget_parts(tally.over); !over) return failed(over.error());
    if (const Status over = agent::forget_settled(*tree, *journal, *besides); !over) {
      return failed(over.error());
    }
  }
  print(fmt::format("{} {}, {} left to somebody else, {} failed\n", tally.restored,
                    options.dry_run ? "would be restored" : "restored", tally.left, tally.failed));
  return tally.failed == 0 ? kOk : kRuntime;
}

}  // namespace cgwarden::cli
