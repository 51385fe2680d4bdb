// Daemon: the closed loops of policies (`adapt:`), told to the store, the bus, the log and the
// metrics.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <utility>

#include "identity/subject.h"

#include "agent/adapt_pace.h"
#include "agent/adaptation.h"
#include "agent/daemon.h"
#include "agent/kill_candidates.h"
#include "agent/node_facts.h"
#include "agent/ownership.h"
#include "agent/process_lookup.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "cgroup/control_file.h"
#include "cgroup/format.h"
#include "diagnosis/death_case.h"

namespace cgwarden::agent {
namespace {

using diagnosis::OwnAction;
using diagnosis::Verdict;
using diagnosis::VerdictClass;

std::optional<cgroup::MemoryStat> memory_stat_now(const cgroup::Tree& tree,
                                                  const std::string& path) {
  const auto text = tree.read(path, "memory.stat");
  if (!text) return std::nullopt;
  auto stat = cgroup::parse_memory_stat(*text);
  if (!stat) return std::nullopt;
  return *std::move(stat);
}

std::optional<Bytes> swap_now(const cgroup::Tree& tree, const std::string& path) {
  const auto text = tree.read(path, "memory.swap.current");
  const auto bytes = text ? parse_integer<std::uint64_t>(trim(*text)) : std::nullopt;
  if (!bytes) return std::nullopt;
  return Bytes{*bytes};
}

// Those that somebody should look at.
bool is_warning(const AdaptDecision& decision) {
  return decision.loop == "stall" || decision.loop == "kill" ||
         (decision.loop == "time_to_oom" && decision.reason == "warned");
}

Verdict forecast_verdict(const AdaptDecision& decision, const std::string& name,
                         unsigned incarnation, TimePoint when) {
  Verdict verdict;
  verdict.workload = name;
  verdict.incarnation = incarnation;
  verdict.verdict = VerdictClass::oom_forecast;
  verdict.confidence = diagnosis::Confidence::likely;
  verdict.subject = diagnosis::Subject::cgroup;
  verdict.death = false;
  verdict.from = verdict.when = when;
  verdict.answer =
      printable(decision.cgroup + " is on its way to an OOM kill: " + decision.because);
  verdict.limit = diagnosis::LimitHit{decision.bound, "memory.max", ""};
  verdict.evidence.push_back({"memory.stat", decision.cgroup, printable(decision.because)});
  verdict.advice.push_back(
      printable("Find what grows (`cgwarden top`, `cgwarden history`), raise memory.max of " +
                decision.bound + ", or restart it at a time of your choice."));
  return verdict;
}

}  // namespace

void Daemon::open_adaptation(bool systemd_running) {
  owner_of_ = [systemd_running, guarded = protected_globs(options_.enforcement, ::getpid())](
                  std::string_view path) { return owner_of(path, systemd_running, guarded); };
  adaptation_.emplace(Adaptation::Sources{
      .owner_of = owner_of_,
      .facts = read_node_facts(),
      .memory_stat = [this](const std::string& path) { return memory_stat_now(tree_, path); },
      .swap_current = [this](const std::string& path) { return swap_now(tree_, path); },
      .kill_preference =
          [this](const std::string& path, const std::string& watched) {
            return read_kill_preference(tree_, path, watched);
          }});
  cpu_looks_.emplace(*loop_, clock_, tree_, control_files_,
                     [this](const auto& looks, std::size_t unread, Usec begun) {
                       cpu_looked(looks, unread, begun);
                     });
}

void Daemon::watch_cpu_loops() {
  // A tick as short as this looks often enough by itself.
  if (options_.intervals.tick <= adapt_pace::kCpuLook) return;
  const Status watched = cpu_looks_->watch(adaptation_->cpu_loops());
  const std::string fault = watched ? std::string() : watched.error().sentence();
  if (std::exchange(said_cpu_looks_, fault) == fault || fault.empty()) return;
  log::warning("adapt_looks_seldom",
               {{"reason", fault},
                {"effect", "some cpu loops look once per tick, and find a backlog later"}});
}

void Daemon::cpu_looked(std::span<const Adaptation::CpuLook> looks, std::size_t unread,
                        Usec begun) {
  if (!adapted_policies_.empty() && last_snapshot_) decide_between(looks);
  self_metrics_.collector_run("cpu_loops", clock_.now().boottime - begun, unread == 0);
}

void Daemon::decide_between(std::span<const Adaptation::CpuLook> looks) {
  const auto decisions = adaptation_->look(looks, adapted_policies_);
  std::vector<cgroup::SampleList::Shared> decided;
  std::vector<CgroupId> ids;
  for (const AdaptDecision& decision : decisions) {
    const auto& look =
        *std::ranges::find(looks, decision.id, [](const auto& one) { return one.sample->id; });
    adapt_decided(decision, look.at);
    const auto* known = last_snapshot_->find(decision.cgroup);
    if (decision.change.empty() || known == nullptr || known->id != decision.id) continue;
    auto sample = std::make_shared<cgroup::Sample>(*known);
    sample->cpu_max = look.sample->cpu_max;
    sample->cpu_max_burst = look.sample->cpu_max_burst;
    cpu_looks_->changed(decision.id);
    decided.push_back(std::move(sample));
    ids.push_back(decision.id);
  }
  if (decided.empty()) return;
  const auto around = with_those_above(cgroup::SampleList(std::move(decided)));
  enforcer_->enforce_decided(ids, around, adapted_policies_);
}

void Daemon::adapt(const cgroup::Snapshot& snapshot, std::vector<policy::Policy>& policies) {
  const auto decisions = adaptation_->tick(snapshot, policies);
  watch_cpu_loops();
  self_metrics_.policy_adapted(adaptation_->cgroups());
  const bool too_slow =
      adaptation_->cgroups() > 0 && options_.intervals.tick > adapt_pace::kLongest;
  if (!std::exchange(adapt_too_slow_, too_slow) && too_slow) {
    log::warning("adapt_too_slow",
                 {{"tick", human_duration(options_.intervals.tick)},
                  {"effect",
                   "loops for stall, and for cpu in mode plan and where systemd writes, "
                   "decide nothing: intervals.tick is over " +
                       human_duration(adapt_pace::kLongest)}});
  }
  const std::size_t left_out = adaptation_->left_out();
  if (std::exchange(adapt_left_out_, left_out) == 0 && left_out > 0) {
    log::warning("adapt_limit", {{"cgroups", std::to_string(left_out)},
                                 {"limit", std::to_string(limits::kAdaptedCgroups)},
                                 {"effect", "they keep what they have"}});
  }
  const auto forecasts = adaptation_->forecasts();
  self_metrics_.policy_oom_forecasts(forecasts.cgroups, forecasts.nearest);
  for (const AdaptDecision& decision : decisions) {
    // First: the machine waits, and what is told goes to a disk that may be what it waits for.
    if (decision.kill && !decision.planned) kill_adapted(decision, snapshot);
    adapt_decided(decision, snapshot.taken());
    if (decision.loop == "time_to_oom") forecast_told(decision, snapshot.taken());
  }
  end_forecasts(snapshot);
  look_at_kills(snapshot);
}

void Daemon::adapt_decided(const AdaptDecision& decision, TimePoint when) {
  using diagnosis::EventKind;
  self_metrics_.policy_adapt(decision.loop, decision.reason);
  log::event(is_warning(decision) ? log::Level::warning : log::Level::info, "policy_adapt",
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

// Noted before it is done: the deaths are told by who killed them, and why.
void Daemon::kill_adapted(const AdaptDecision& decision, const cgroup::Snapshot& snapshot) {
  const auto id = tree_.id_of(decision.cgroup);
  // Another one has the path by now.
  if (!id || *id != decision.id) return;
  // Who decided has asked too; what cannot be undone is asked for twice.
  if (const auto refusal = kill_refusal(snapshot, decision.cgroup, owner_of_); !refusal.empty()) {
    return kill_failed(decision, refusal);
  }
  const OwnAction action{
      .signal = SIGKILL,
      .reason = decision.because,
      .boottime = clock_.now().boottime,
      .policy = std::string(decision.loop == "kill" ? "the kill rule" : "the stall guard") +
                " of policy " + decision.policy};
  supervisor_->policy_kills(decision.cgroup, action);
  policy_kills_.push_back({decision.cgroup, action});
  if (policy_kills_.size() > limits::kPolicyKills) policy_kills_.pop_front();
  auto processes = processes_below(tree_, snapshot, decision.cgroup);
  const Status killed = cgroup::kill_cgroup(tree_, decision.cgroup);
  if (killed) {
    kill_check_.killed(
        {decision.policy, decision.cgroup, *id, action.boottime, std::move(processes)});
  } else {
    kill_failed(decision, killed.error().sentence());
  }
}

void Daemon::kill_failed(const AdaptDecision& decision, const std::string& why) {
  self_metrics_.policy_kill_failed();
  log::error("policy_kill_failed",
             {{"policy", decision.policy}, {"cgroup", printable(decision.cgroup)}, {"error", why}});
}

void Daemon::look_at_kills(const cgroup::Snapshot& snapshot) {
  const auto still_there = [&](const KillCheck::Killed& kill) {
    std::vector<pid_t> alive;
    const auto id = tree_.id_of(kill.cgroup);
    if (!id || *id != kill.id) return alive;
    const auto now = processes_below(tree_, snapshot, kill.cgroup);
    std::ranges::copy_if(now, std::back_inserter(alive), [&](pid_t pid) {
      return std::ranges::find(kill.processes, pid) != kill.processes.end();
    });
    return alive;
  };
  for (const auto& left : kill_check_.look(clock_.now().boottime, still_there)) {
    self_metrics_.policy_kill_failed();
    const char state = state_of_process(left.alive.front()).value_or('?');
    log::error("policy_kill_failed",
               {{"policy", left.kill.policy},
                {"cgroup", printable(left.kill.cgroup)},
                {"error", std::to_string(left.alive.size()) + " of its processes live " +
                              human_duration(KillCheck::kPatience) + " after SIGKILL, pid " +
                              std::to_string(left.alive.front()) + " in state " + state +
                              ": what they hold is not free"}});
  }
}

// Of a unit or container that ended.
void Daemon::add_policy_kills(const std::string& cgroup, diagnosis::DeathEvidence& evidence) const {
  evidence.agent_pid = ::getpid();
  for (const auto& kill : policy_kills_) {
    const bool whole = diagnosis::path_is_at_or_below(cgroup, kill.cgroup);
    if (!whole && !diagnosis::path_is_at_or_below(kill.cgroup, cgroup)) continue;
    if (kill.action.boottime < evidence.started.boottime) continue;
    evidence.own_actions.push_back(kill.action);
    evidence.own_actions.back().part = !whole;
  }
}

void Daemon::forecast_told(const AdaptDecision& decision, TimePoint when) {
  const auto known = oom_forecasts_.find(decision.id);
  if (decision.reason != "warned") {
    if (known == oom_forecasts_.end()) return;
    Verdict over = std::move(known->second);
    oom_forecasts_.erase(known);
    over.over = true;
    over.when = when;
    return store_verdicts({std::move(over)});
  }
  std::string name = decision.cgroup;
  unsigned incarnation = 0;
  const auto identities = identification_.table();
  const identity::Known* whose = identities ? identities->find(decision.id) : nullptr;
  if (whose != nullptr && whose->subject) {
    name = to_key(*whose->subject);
    if (foreign_deaths_) incarnation = foreign_deaths_->run_of(decision.id).incarnation;
  }
  for (const auto& running : supervisor_->running()) {
    if (!diagnosis::path_is_at_or_below(decision.cgroup, running.payload)) continue;
    name = running.name;
    incarnation = running.incarnation;
  }
  Verdict verdict = forecast_verdict(decision, name, incarnation, when);
  store_verdicts({verdict});
  oom_forecasts_.insert_or_assign(decision.id, std::move(verdict));
}

// What has ended grows no more, and neither does what no policy looks at any longer.
void Daemon::end_forecasts(const cgroup::Snapshot& snapshot) {
  std::vector<Verdict> over;
  for (auto at = oom_forecasts_.begin(); at != oom_forecasts_.end();) {
    if (adaptation_->warns_of(at->first)) {
      ++at;
      continue;
    }
    at->second.over = true;
    at->second.when = snapshot.taken();
    over.push_back(std::move(at->second));
    at = oom_forecasts_.erase(at);
  }
  if (!over.empty()) store_verdicts(over);
}

}  // namespace cgwarden::agent
