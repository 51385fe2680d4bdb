// Daemon: the closed loops of policies (`adapt:`), told to the store, the bus, the log and the
// metrics.
#include <csignal>
#include <utility>

#include "agent/adapt_pace.h"
#include "agent/adaptation.h"
#include "agent/daemon.h"
#include "agent/node_facts.h"
#include "agent/ownership.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "cgroup/control_file.h"
#include "cgroup/format.h"

namespace cgwarden::agent {

void Daemon::open_adaptation(bool systemd_running) {
  adaptation_.emplace(Adaptation::Sources{
      .owner_of = [systemd_running, guarded = protected_globs(options_.enforcement)](
                      std::string_view path) { return owner_of(path, systemd_running, guarded); },
      .facts = read_node_facts(),
      .memory_stat = [this](const std::string& path) -> std::optional<cgroup::MemoryStat> {
        const auto text = tree_.read(path, "memory.stat");
        if (!text) return std::nullopt;
        auto stat = cgroup::parse_memory_stat(*text);
        if (!stat) return std::nullopt;
        return *std::move(stat);
      }});
}

void Daemon::adapt(const cgroup::Snapshot& snapshot, std::vector<policy::Policy>& policies) {
  const auto decisions = adaptation_->tick(snapshot, policies);
  self_metrics_.policy_adapted(adaptation_->cgroups());
  const bool too_slow =
      adaptation_->cgroups() > 0 && options_.intervals.tick > adapt_pace::kLongest;
  if (!std::exchange(adapt_too_slow_, too_slow) && too_slow) {
    log::warning("adapt_too_slow",
                 {{"tick", human_duration(options_.intervals.tick)},
                  {"effect", "loops for cpu and stall decide nothing: intervals.tick is over " +
                                 human_duration(adapt_pace::kLongest)}});
  }
  const std::size_t left_out = adaptation_->left_out();
  if (std::exchange(adapt_left_out_, left_out) == 0 && left_out > 0) {
    log::warning("adapt_limit", {{"cgroups", std::to_string(left_out)},
                                 {"limit", std::to_string(limits::kAdaptedCgroups)},
                                 {"effect", "they keep what they have"}});
  }
  for (const AdaptDecision& decision : decisions) {
    adapt_decided(decision, snapshot.taken());
    if (decision.kill && !decision.planned) kill_adapted(decision);
  }
}

void Daemon::adapt_decided(const AdaptDecision& decision, TimePoint when) {
  using diagnosis::EventKind;
  self_metrics_.policy_adapt(decision.loop, decision.reason);
  log::event(decision.loop == "stall" ? log::Level::warning : log::Level::info, "policy_adapt",
             {{"policy", decision.policy},
              {"cgroup", printable(decision.cgroup)},
              {"loop", std::string(decision.loop)},
              {"reason", std::string(decision.reason)},
              {"change", decision.change},
              {"mode", decision.planned ? "plan" : "enforce"},
              {"because", decision.because}},
             message_id(EventKind::policy_adapt));
  tell({.kind = EventKind::policy_adapt,
        .when = when,
        .cgroup = decision.cgroup,
        .id = decision.id,
        .numbers = decision.numbers,
        .text = decision.text()});
}

// A workload by way of its supervisor, so that its verdict names us.
void Daemon::kill_adapted(const AdaptDecision& decision) {
  Status killed;
  bool workload = false;
  for (const auto& running : supervisor_->running()) {
    if (running.payload != decision.cgroup) continue;
    workload = true;
    killed = supervisor_->signal(running.name, SIGKILL,
                                 "policy " + decision.policy + ": " + decision.because);
  }
  const auto id = tree_.id_of(decision.cgroup);
  // Another one has the path by now.
  if (!workload && (!id || *id != decision.id)) return;
  if (!workload) killed = cgroup::kill_cgroup(tree_, decision.cgroup);
  if (!killed) {
    log::error("policy_kill_failed", {{"policy", decision.policy},
                                      {"cgroup", printable(decision.cgroup)},
                                      {"error", killed.error().sentence()}});
  }
}

}  // namespace cgwarden::agent
