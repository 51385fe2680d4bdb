#include "agent/enforcer.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <set>
#include <string_view>

#include "agent/kept_properties.h"
#include "agent/ownership.h"
#include "base/log.h"
#include "base/text.h"
#include "diagnosis/event.h"
#include "policy/device_knobs.h"

namespace cgwarden::agent {

void Enforcer::open(const Services& services) {
  clock_ = services.clock;
  protected_ = protected_globs(services.enforcement, ::getpid());
  budget_.emplace(services.enforcement.cgroup_writes_per_minute,
                  services.enforcement.node_writes_per_minute);
  open_journal(services);
  auto shrinks =
      ShrinkQueue::create(*services.loop, tree_.root(),
                          [this](const ShrinkRequest& request, const Result<ShrinkReport>& report) {
                            shrunk(request, report);
                          });
  if (shrinks) {
    shrinks_ = std::move(*shrinks);
  } else {
    log::warning("no_staged_shrink", {{"error", shrinks.error().sentence()},
                                      {"effect", "memory limits are not lowered below use"}});
  }
  if (systemd_running_ && services.bus) {
    units_ = UnitWriter::start(*services.loop, *services.clock,
                               [this](const std::vector<policy::Write>& writes,
                                      const Status& status) { unit_set(writes, status); },
                               {});
  }
  auto writers = WriterWatch::start(*services.loop, *services.clock, tree_);
  if (writers) {
    writers_ = std::move(*writers);
    writers_fault_.clear();
  } else {
    writers_fault_ = writers.error().sentence();
    log::warning("writers_not_known", {{"error", writers_fault_},
                                       {"effect", "who changes a limit of a policy is not told"}});
  }
}

bool Enforcer::news(const std::string& cgroup, const std::string& file,
                    const std::string& message) {
  auto& said = said_[{cgroup, file}];
  if (said == message) return false;
  said = message;
  return true;
}

// One that the last agent had made is drift too: it was changed while no agent ran.
bool Enforcer::is_drift(const policy::Write& write) const {
  if (drift_.is_drift(write)) return true;
  if (arrived_.contains(write.id)) return false;
  const auto* entry = journal_ ? find_original(*journal_, write) : nullptr;
  if (entry == nullptr) return false;
  const auto of = [&](const std::string& value) {
    return policy::as_wanted(write.file, write.new_value, value);
  };
  return of(entry->ours) == write.new_value && write.old_value != of(entry->original) &&
         (entry->previous.empty() || write.old_value != of(entry->previous));
}

void Enforcer::count_drift(const policy::Write& write, DriftWatch::Attempt attempt) {
  const auto counts = drift_.attempted(write, attempt);
  metrics_.policy_drift(counts.found, counts.repaired);
  if (!counts.found) return;
  const Writer* writer = writers_ ? writers_->last(write.cgroup, write.file) : nullptr;
  const std::string by = writer != nullptr ? writer->text() : "somebody";
  const std::string what =
      attempt == DriftWatch::Attempt::failed ? "it is left as it is" : "it is written again";
  log::event(log::Level::warning, "policy_drift",
             {{"policy", write.policy},
              {"cgroup", write.cgroup},
              {"file", write.file},
              {"ours", write.new_value},
              {"theirs", write.old_value},
              {"by", by},
              {"effect", what}},
             diagnosis::message_id(diagnosis::EventKind::policy_drift));
  if (listener_.drifted) {
    listener_.drifted({write.cgroup, by + " changed " + write.file + " of policy " + write.policy +
                                         ": " + write.new_value + " -> " + write.old_value + "; " +
                                         what});
  }
}

void Enforcer::write_failed(const policy::Write& write, const Error& error) {
  metrics_.policy_write(false);
  count_drift(write, DriftWatch::Attempt::failed);
  if (news(write.cgroup, write.file, error.sentence())) {
    log::error("policy_write_failed", {{"policy", write.policy},
                                       {"cgroup", write.cgroup},
                                       {"file", write.file},
                                       {"value", write.new_value},
                                       {"error", error.sentence()}});
  }
}

void Enforcer::wrote(const policy::Write& write, const std::string& before,
                     const std::string& after) {
  metrics_.policy_write(true);
  log::event(log::Level::info, "policy_write",
             {{"policy", write.policy},
              {"at", write.position.text()},
              {"cgroup", write.cgroup},
              {"file", write.file},
              {"old", before},
              {"new", after}},
             diagnosis::message_id(diagnosis::EventKind::policy_write));
  if (listener_.wrote) {
    listener_.wrote({write.cgroup, "policy " + write.policy + " wrote " + write.file + ": " +
                                       before + " -> " + after});
  }
}

bool Enforcer::is_there(const policy::Write& write) const {
  const auto id = tree_.id_of(write.cgroup);
  return id && *id == write.id;
}

bool Enforcer::apply(const policy::Write& write) {
  using enum DriftWatch::Attempt;
  if (!is_there(write)) return true;  // the next tick plans for what has its path now
  const auto report = cgroup::write_control_file(tree_, write.cgroup, write.file, write.new_value);
  if (!report) {
    if (report.error().kind == ErrorKind::vanished) return true;
    write_failed(write, report.error());
    return false;
  }
  if (report->outcome == cgroup::WriteOutcome::unchanged) {
    count_drift(write, needless);
    return true;
  }
  const bool adjusted_by_kernel = report->outcome == cgroup::WriteOutcome::adjusted;
  if (adjusted_by_kernel) note_adjusted(write, report->after);
  count_drift(write, adjusted_by_kernel ? adjusted : written);
  wrote(write, report->before, report->after);
  return true;
}

bool Enforcer::is_due(const policy::Write& write, Tally& tally) {
  const policy::KnobKey key{write.id, write.file};
  const bool drift = is_drift(write);
  if (drift) drift_.held_before(write);
  if (write.drift == policy::OnDrift::report && drift) {
    count_drift(write, DriftWatch::Attempt::failed);
    ++tally.failed;
    return false;
  }
  if ((write.file == "memory.max" || write.file == "memory.high") && is_shrinking(write.id)) {
    ++tally.deferred;
    return false;
  }
  if (const auto stuck = stuck_.find(key); stuck != stuck_.end()) {
    if (clock_->now().boottime < stuck->second) {
      ++tally.failed;
      return false;
    }
    stuck_.erase(stuck);
  }
  // systemd has a pace of its own.
  if (write.through == policy::Through::systemd || !budget_) return true;
  if (budget_->take(write.id, clock_->now().boottime)) return true;
  ++tally.deferred;
  if (news(write.cgroup, write.file, "deferred")) {
    log::warning(
        "policy_write_deferred",
        {{"policy", write.policy},
         {"cgroup", write.cgroup},
         {"file", write.file},
         {"reason", "the limit of writes in a minute is reached (agent.yaml, enforcement)"}});
  }
  return false;
}

std::vector<policy::Write> Enforcer::take_due(const policy::Plan& plan, Tally& tally) {
  std::vector<policy::Write> due;
  for (const auto& write : plan.writes) {
    if (write.mode == policy::Mode::enforce) {
      if (is_due(write, tally)) due.push_back(write);
      continue;
    }
    ++tally.planned;
    if (news(write.cgroup, write.file, write.new_value)) {
      log::info("policy_would_write", {{"policy", write.policy},
                                       {"cgroup", write.cgroup},
                                       {"file", write.file},
                                       {"old", write.old_value},
                                       {"new", write.new_value}});
    }
  }
  // A burst waits at 0 for a quota that is asked for now, and for none that is not.
  std::erase_if(due, [&](const policy::Write& step) {
    return step.step && (!units_ || std::ranges::none_of(due, [&](const policy::Write& write) {
             return write.id == step.id && write.file == "cpu.max";
           }));
  });
  return due;
}

void Enforcer::say_skips(const policy::Plan& plan) {
  for (const auto& skip : plan.skips) {
    if (news(skip.cgroup, skip.file, skip.reason)) {
      log::warning("policy_skipped", {{"policy", skip.policy},
                                      {"cgroup", skip.cgroup},
                                      {"file", skip.file},
                                      {"reason", skip.reason}});
    }
  }
}

void Enforcer::enforce(const cgroup::Snapshot& snapshot,
                       const std::vector<policy::Policy>& policies,
                       const std::function<void()>& pause) {
  policy::Plan plan = policy::plan(
      snapshot, policies,
      [this](std::string_view path) { return owner_of(path, systemd_running_, protected_); },
      facts_, pause);
  const auto originals = unwanted(plan, snapshot);
  add_devices(plan, snapshot);
  correct(plan, snapshot);
  drift_.planned(plan);
  Tally tally;
  const auto due = take_due(plan, tally);
  note_originals(due);
  std::vector<policy::Write> of_units;
  for (const auto& write : due) {
    if (must_shrink(write, snapshot)) {
      shrink(write, tally);
    } else if (write.through == policy::Through::systemd) {
      of_units.push_back(write);
    } else if (!apply(write)) {
      ++tally.failed;
    }
  }
  ask_units(of_units, tally);
  restore(originals);
  metrics_.policy_pending(tally.planned, tally.failed, plan.skips.size(), tally.deferred);
  say_skips(plan);
  // What is no longer said may be said again later, and the memory stays bounded by the plan.
  std::set<Said> current;
  for (const auto& write : plan.writes) current.emplace(write.cgroup, write.file);
  for (const auto& skip : plan.skips) current.emplace(skip.cgroup, skip.file);
  for (const auto& original : originals) current.emplace(original.cgroup, original.file);
  for (const auto& [key, asked] : shrinking_) current.emplace(asked.write.cgroup, asked.write.file);
  std::erase_if(said_, [&](const auto& entry) { return !current.contains(entry.first); });
  forget_arrived(snapshot);
  std::erase_if(decided_,
                [&](const auto& entry) { return entry.second.at < snapshot.taken().boottime; });
  const Usec now = clock_->now().boottime;
  std::erase_if(stuck_, [&](const auto& entry) { return entry.second <= now; });
  std::erase_if(stuck_originals_, [&](const auto& entry) { return entry.second <= now; });
  if (budget_) budget_->forget_rested(clock_->now().boottime);
}

Status Enforcer::apply_all(const policy::Plan& plan) {
  if (!plan.skips.empty()) {
    const auto& skip = plan.skips.front();
    return fail(
        Error{ErrorKind::not_supported, 0, "set", skip.cgroup + "/" + skip.file, skip.reason});
  }
  for (const auto& write : plan.writes) {
    const auto report =
        cgroup::write_control_file(tree_, write.cgroup, write.file, write.new_value);
    if (!report) return fail(report.error());
  }
  return {};
}

}  // namespace cgwarden::agent
