#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <set>
#include <thread>
#include <utility>

#include "agent/kept_properties.h"
#include "agent/kernel_log.h"
#include "agent/memory_shrink.h"
#include "agent/original_journal.h"
#include "agent/side_effects.h"
#include "agent/unit_writer.h"
#include "agent/workload_view.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cgroup/control_file.h"
#include "cli/commands.h"
#include "cli/exit_code.h"
#include "cli/policy_files.h"
#include "cli/policy_now.h"
#include "cli/terminal.h"

namespace cgwarden::cli {
namespace {

// systemd answers before it has written the quota.
constexpr int kTurnsForSystemd = 100;
constexpr std::chrono::milliseconds kTurn{100};

struct Tally {
  std::size_t written = 0;
  std::size_t failed = 0;
};

// A cgroup of the same name made since the snapshot is another one.
bool same_cgroup(const cgroup::Tree& tree, const policy::Write& write) {
  const auto id = tree.id_of(write.cgroup);
  return id && *id == write.id;
}

Result<cgroup::WriteReport> carry_out(const cgroup::Tree& tree, const policy::Write& write) {
  if (agent::may_need_room(write)) {
    CGW_ASSIGN(auto lowered,
               agent::lower_memory(tree, write, kTerminalPatience,
                                   "allowOom: true in the policy lets the kernel kill"));
    if (write.through == policy::Through::cgroupfs) return lowered;
  }
  if (write.through == policy::Through::cgroupfs) {
    return cgroup::write_control_file(tree, write.cgroup, write.file, write.new_value);
  }
  CGW_TRY(agent::set_unit_properties({write}));
  CGW_ASSIGN(const std::string after, tree.read(write.cgroup, write.file));
  return cgroup::WriteReport{cgroup::WriteOutcome::written, write.old_value,
                             std::string(trim(after))};
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
  const auto report = carry_out(tree, write);
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

Result<agent::OriginalJournal> open_journal(const Common& common) {
  CGW_TRY(make_directories(common.where.state_dir, 0750));
  return agent::OriginalJournal::open(common.where.state_dir, agent::boot_id());
}

// What `policy revert` gives back; of these, what the writes change besides is returned.
Result<std::vector<policy::Original>> note_originals(agent::OriginalJournal& journal,
                                                     const cgroup::Tree& tree,
                                                     const policy::Plan& plan) {
  std::vector<policy::Write> enforced;
  std::ranges::copy_if(plan.writes, std::back_inserter(enforced), [](const policy::Write& write) {
    return write.mode == policy::Mode::enforce;
  });
  const Usec now = SystemClock().now().wall;
  auto besides = agent::side_originals(journal, agent::side_effects(tree, enforced),
                                       policy::Keeper::apply, now);
  std::vector<policy::Original> entries = besides;
  for (const policy::Write& write : enforced) {
    entries.push_back(
        after_write(agent::find_original(journal, write), write, policy::Keeper::apply, now));
  }
  CGW_TRY(journal.note(entries));
  return besides;
}

bool may_have_burst(const policy::Policy& policy) {
  return policy.allow_unmanaged_knobs && policy.resources.positions.contains("cpu.max.burst");
}

// A burst beside a quota that systemd writes waits at 0 until that is in force (Write::step).
Status finish_bursts(const Common& common, agent::OriginalJournal& journal,
                     const cgroup::Tree& tree, const policy::Plan& first,
                     const policy::LoadedPolicies& loaded, Tally& tally) {
  if (std::ranges::none_of(loaded.policies, may_have_burst)) return {};
  std::set<CgroupId> waiting;
  for (const policy::Write& write : first.writes) {
    const bool asked = write.through == policy::Through::systemd && write.file == "cpu.max";
    if (asked && write.mode == policy::Mode::enforce) waiting.insert(write.id);
  }
  for (int turn = 0; turn < kTurnsForSystemd && !waiting.empty(); ++turn) {
    std::this_thread::sleep_for(kTurn);
    CGW_ASSIGN(policy::Plan plan, plan_now(common, tree, loaded));
    std::set<CgroupId> still;
    for (const policy::Write& write : plan.writes) {
      if (write.file == "cpu.max" && waiting.contains(write.id)) still.insert(write.id);
    }
    std::erase_if(plan.writes, [&](const policy::Write& write) {
      return write.file != "cpu.max.burst" || !waiting.contains(write.id) ||
             still.contains(write.id);
    });
    CGW_TRY(note_originals(journal, tree, plan));
    for (const policy::Write& write : plan.writes) apply(tree, write, tally);
    waiting = std::move(still);
  }
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    ++tally.failed;
    complain("systemd has not put a quota in force: a burst beside it stays at 0; apply it again");
  }
  return {};
}

}  // namespace

int policy_apply(const Common& common, const std::vector<std::string>& paths) {
  const auto loaded = load_policy_files(paths);
  if (!loaded) return failed(loaded.error());
  const auto tree = agent::open_tree(common.where.cgroup_root);
  if (!tree) return failed(tree.error());
  const auto plan = plan_now(common, *tree, *loaded);
  if (!plan) return failed(plan.error());
  print(policy::render(plan->warnings));
  for (const auto& skip : plan->skips) {
    print(fmt::format("skipped    {} {}: {}\n", printable(skip.cgroup), skip.file, skip.reason));
  }
  // Before the first write: one that cannot be given back is not made.
  auto journal = open_journal(common);
  if (!journal) return failed(journal.error());
  const auto besides = note_originals(*journal, *tree, *plan);
  if (!besides) return failed(besides.error());
  Tally tally;
  for (const auto& write : plan->writes) apply(*tree, write, tally);
  if (const Status over = agent::forget_settled(*tree, *journal, *besides); !over) {
    return failed(over.error());
  }
  if (const Status done = finish_bursts(common, *journal, *tree, *plan, *loaded, tally); !done) {
    return failed(done.error());
  }
  print(fmt::format("{} written, {} skipped, {} failed\n", tally.written, plan->skips.size(),
                    tally.failed));
  return tally.failed == 0 ? kOk : kRuntime;
}

}  // namespace cgwarden::cli
