// Enforcer: what control files had before policies were written, and giving it back.
#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "agent/enforcer.h"
#include "agent/kept_properties.h"
#include "agent/side_effects.h"
#include "agent/unit_says.h"
#include "base/log.h"
#include "diagnosis/event.h"
#include "policy/device_knobs.h"

namespace cgwarden::agent {
namespace {

using policy::Original;

// A workload's own limits go with its cgroup.
bool is_of_workload(const policy::Write& write) { return write.policy.starts_with("workload/"); }

// The cgroup of a unit that was started again in another slice (Slice= of
// systemd.resource-control(5)); nullptr: it is not there. Below slices alone: what a service has
// inside is its own.
const cgroup::Sample* moved_to(const cgroup::Snapshot& snapshot, const std::string& unit) {
  for (const auto& sample : snapshot.samples()) {
    const std::string_view path = sample.path;
    if (!path.ends_with(unit) || policy::unit_of_cgroup(path) != unit) continue;
    std::string_view above = cgroup::parent_path(path);
    while (above.ends_with(".slice")) above = cgroup::parent_path(above);
    if (above == "/") return &sample;
  }
  return nullptr;
}

}  // namespace

void Enforcer::open_journal(const Services& services) {
  auto journal = OriginalJournal::open(services.state_dir, services.boot_id);
  if (journal) {
    journal_.emplace(std::move(*journal));
    return;
  }
  log::error("originals_not_kept",
             {{"error", journal.error().sentence()},
              {"effect", "what policies write now is not given back when they go"}});
}

void Enforcer::note_originals(const std::vector<policy::Write>& writes) {
  if (!journal_ || writes.empty()) return;
  Status noted = journal_->refresh();
  std::vector<Original> entries = side_originals(*journal_, side_effects(tree_, writes),
                                                 policy::Keeper::agent, clock_->now().wall);
  for (const policy::Write& write : writes) {
    if (is_of_workload(write)) continue;
    const Original* known = find_original(*journal_, write);
    // Its maker came after us, with what the cgroup is to have without a policy.
    if (known != nullptr && arrived_.contains(write.id) &&
        !is_ours(*known, write.new_value, write.old_value)) {
      known = nullptr;
    }
    Original entry = after_write(known, write, policy::Keeper::agent, clock_->now().wall);
    if (known != nullptr && known->ours == entry.ours && known->original == entry.original &&
        known->policy == write.policy && known->keeper == policy::Keeper::agent) {
      continue;
    }
    entries.push_back(std::move(entry));
  }
  if (noted) noted = journal_->note(entries);
  say_noted(noted);
}

void Enforcer::say_noted(const Status& noted) {
  const std::string fault = noted ? "" : noted.error().sentence();
  // A limit that protects the machine now is worth more than the one it had before.
  if (!fault.empty() && fault != journal_fault_) {
    log::error(
        "originals_not_kept",
        {{"error", fault}, {"effect", "what policies write now is not given back when they go"}});
  }
  journal_fault_ = fault;
}

void Enforcer::note_adjusted(const policy::Write& write, const std::string& after) {
  const Original* known = journal_ ? journal_->find(knob_key(write)) : nullptr;
  if (known == nullptr) return;
  Original entry = *known;
  entry.previous = policy::as_wanted(write.file, known->ours, after);
  if (entry.previous == known->previous) return;
  say_noted(journal_->note({entry}));
}

std::vector<Original> Enforcer::unwanted(const policy::Plan& plan,
                                         const cgroup::Snapshot& snapshot) {
  if (!journal_) return {};
  if (const Status taken = journal_->refresh(); !taken || journal_->all().empty()) return {};
  std::vector<std::pair<CgroupId, std::string_view>> wanted;
  for (const auto& held : plan.held) wanted.emplace_back(held.id, held.file);
  for (const auto& write : plan.writes) {
    if (write.mode == policy::Mode::enforce) wanted.emplace_back(write.id, write.file);
  }
  std::ranges::sort(wanted);
  const auto wants = [&](CgroupId id, std::string_view file) {
    return std::ranges::binary_search(wanted, std::pair(id, file));
  };
  // Why it is not written says nothing against what it has.
  std::set<Said> skipped;
  for (const auto& skip : plan.skips) skipped.emplace(skip.cgroup, skip.file);
  std::vector<Original> unwanted;
  for (const auto& [key, entry] : journal_->all()) {
    if (entry.keeper != policy::Keeper::agent) continue;
    const cgroup::Sample* sample = snapshot.find(entry.cgroup);
    CgroupId id = entry.id;
    if (!key.unit.empty()) {
      // What is not sampled may run for all that.
      auto now = sample != nullptr ? Result<CgroupId>(sample->id) : tree_.id_of(entry.cgroup);
      if (!now && keeps_runtime_properties(key.unit)) {
        sample = moved_to(snapshot, key.unit);
        // Nobody can tell what it is to have: its next start shows it.
        if (sample == nullptr) continue;
        now = sample->id;
      }
      id = now.value_or(id);
    }
    if (wants(id, key.file)) continue;
    const std::string& cgroup = sample != nullptr ? sample->path : entry.cgroup;
    if (skipped.contains({cgroup, entry.file}) || is_shrinking(id)) continue;
    // It came while this was planned.
    if (arrived_.contains(id) && (sample == nullptr || sample->id != id)) continue;
    if (key.file == "cpu.weight" && wants(id, "cpu.idle")) continue;
    for (Original& part : by_device(entry)) {
      part.cgroup = cgroup;
      unwanted.push_back(std::move(part));
    }
  }
  sort_for_restore(unwanted);
  return unwanted;
}

void Enforcer::add_devices(policy::Plan& plan, const cgroup::Snapshot& snapshot) const {
  if (!journal_) return;
  std::vector<Original> entries;
  for (const auto& [key, entry] : journal_->all()) {
    if (policy::has_devices(key.file) && entry.keeper == policy::Keeper::agent) {
      entries.push_back(entry);
    }
  }
  give_back_devices(plan, snapshot, entries);
}

std::optional<policy::Write> Enforcer::owed_to_unit(const Original& entry,
                                                    const RestoreReport& report) const {
  if (report.outcome == Restored::written) return write_of(entry, report.before, entry.original);
  const bool changed = report.outcome == Restored::needless || report.outcome == Restored::foreign;
  if (!changed || !units_) return std::nullopt;
  const auto took = units_took_.find(entry.key());
  const std::string& known = took != units_took_.end() ? took->second : entry.ours;
  const auto property = plain_property(entry.file, report.before);
  if (known == report.before || !property || !keeps_runtime_property(entry.key().unit, *property)) {
    return std::nullopt;
  }
  return write_of(entry, report.before, report.before);
}

void Enforcer::restore(const std::vector<Original>& originals) {
  std::vector<Original> over;
  std::vector<policy::Write> of_units;
  for (const Original& entry : originals) {
    if (entry.through == policy::Through::systemd) {
      const auto report = look_at_original(tree_, entry);
      if (report && report->outcome == Restored::waits) continue;
      auto owed = report ? owed_to_unit(entry, *report) : std::nullopt;
      if (owed && must_wait(entry, *report)) continue;
      if (owed) {
        // Its next look finds it done, or asks again.
        owed->id = tree_.id_of(entry.cgroup).value_or(entry.id);
        of_units.push_back(*std::move(owed));
        continue;
      }
    }
    if (give_back(entry)) over.push_back(entry);
  }
  Tally tally;
  ask_units(of_units, tally);
  if (over.empty()) return;
  if (const Status forgotten = journal_->forget_parts(over); !forgotten) {
    log::error("originals_not_kept", {{"error", forgotten.error().sentence()},
                                      {"effect", "it is looked at again at the next tick"}});
    return;
  }
  for (const Original& entry : over) units_took_.erase(entry.key());
}

bool Enforcer::give_back(const Original& entry) {
  const bool by_systemd = entry.through == policy::Through::systemd;
  auto report = look_at_original(tree_, entry);
  // Not written here: restore() has asked systemd for what differs.
  if (report && report->outcome == Restored::written && !by_systemd) {
    if (must_wait(entry, *report)) return false;
    // What has grown since then is for the next tick.
    report = restore_original(tree_, entry, Usec{0});
  }
  if (!report) {
    not_given_back(entry, report.error(), report.error().sentence());
    return false;
  }
  const bool is_asked = by_systemd && report->outcome == Restored::written;
  if (is_asked || report->outcome == Restored::waits) return false;
  given_back(entry, *report);
  return true;
}

void Enforcer::not_given_back(const Original& entry, const Error& error,
                              const std::string& reason) {
  if (!news(entry.cgroup, entry.file, reason)) return;
  log::error("original_not_restored",
             {{"cgroup", entry.cgroup}, {"file", entry.file}, {"error", error.sentence()}});
}

void Enforcer::given_back(const Original& entry, const RestoreReport& report) {
  if (report.outcome == Restored::foreign) {
    log::warning("original_not_restored",
                 {{"cgroup", entry.cgroup},
                  {"file", entry.file},
                  {"original", entry.original},
                  {"now", report.before},
                  {"error", "somebody else has changed it: it is left alone"}});
  }
  if (report.outcome != Restored::written) return;
  log::event(log::Level::info, "policy_restored",
             {{"policy", entry.policy},
              {"cgroup", entry.cgroup},
              {"file", entry.file},
              {"old", report.before},
              {"new", entry.original}},
             diagnosis::message_id(diagnosis::EventKind::policy_write));
  if (listener_.wrote) {
    listener_.wrote({entry.cgroup, "no policy wants " + entry.file + " any more, as " +
                                       entry.policy + " did; it has again what it had: " +
                                       report.before + " -> " + entry.original});
  }
}

}  // namespace cgwarden::agent
