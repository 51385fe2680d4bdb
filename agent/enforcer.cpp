#include "agent/enforcer.h"

#include <cstddef>
#include <set>
#include <string_view>

#include "agent/ownership.h"
#include "base/log.h"
#include "diagnosis/event.h"

namespace cgwarden::agent {

bool Enforcer::news(const std::string& cgroup, const std::string& file,
                    const std::string& message) {
  auto& said = said_[{cgroup, file}];
  if (said == message) return false;
  said = message;
  return true;
}

void Enforcer::count_drift(const policy::Write& write, DriftWatch::Attempt attempt) {
  const auto counts = drift_.attempted(write, attempt);
  metrics_.policy_drift(counts.found, counts.repaired);
}

bool Enforcer::apply(const policy::Write& write) {
  using enum DriftWatch::Attempt;
  const auto report = cgroup::write_control_file(tree_, write.cgroup, write.file, write.new_value);
  if (!report) {
    if (report.error().kind == ErrorKind::vanished) return true;
    metrics_.policy_write(false);
    count_drift(write, failed);
    if (news(write.cgroup, write.file, report.error().sentence())) {
      log::error("policy_write_failed", {{"policy", write.policy},
                                         {"cgroup", write.cgroup},
                                         {"file", write.file},
                                         {"value", write.new_value},
                                         {"error", report.error().sentence()}});
    }
    return false;
  }
  if (report->outcome == cgroup::WriteOutcome::unchanged) {
    count_drift(write, needless);
    return true;
  }
  metrics_.policy_write(true);
  count_drift(write, report->outcome == cgroup::WriteOutcome::written ? written : adjusted);
  log::event(log::Level::info, "policy_write",
             {{"policy", write.policy},
              {"at", write.position.text()},
              {"cgroup", write.cgroup},
              {"file", write.file},
              {"old", report->before},
              {"new", report->after}},
             diagnosis::message_id(diagnosis::EventKind::policy_write));
  if (wrote_) wrote_(write, *report);
  return true;
}

void Enforcer::enforce(const cgroup::Snapshot& snapshot,
                       const std::vector<policy::Policy>& policies) {
  policy::Plan plan = policy::plan(
      snapshot, policies,
      [this](std::string_view path) { return may_not_write(path, systemd_running_); }, facts_);
  drift_.planned(plan);
  std::set<std::pair<std::string, std::string>> current;
  std::size_t planned = 0;
  std::size_t failed = 0;
  for (const auto& write : plan.writes) {
    current.emplace(write.cgroup, write.file);
    if (write.mode == policy::Mode::enforce) {
      if (!apply(write)) ++failed;
      continue;
    }
    ++planned;
    if (news(write.cgroup, write.file, write.new_value)) {
      log::info("policy_would_write", {{"policy", write.policy},
                                       {"cgroup", write.cgroup},
                                       {"file", write.file},
                                       {"old", write.old_value},
                                       {"new", write.new_value}});
    }
  }
  metrics_.policy_pending(planned, failed, plan.skips.size());
  for (const auto& skip : plan.skips) {
    current.emplace(skip.cgroup, skip.file);
    if (news(skip.cgroup, skip.file, skip.reason)) {
      log::warning("policy_skipped", {{"policy", skip.policy},
                                      {"cgroup", skip.cgroup},
                                      {"file", skip.file},
                                      {"reason", skip.reason}});
    }
  }
  // What is no longer said may be said again later, and the memory stays bounded by the plan.
  std::erase_if(said_, [&](const auto& entry) { return !current.contains(entry.first); });
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
