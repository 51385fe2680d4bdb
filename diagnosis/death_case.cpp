#include "diagnosis/death_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <iterator>

#include "base/text.h"
#include "diagnosis/oom_attribution.h"

namespace cgwarden::diagnosis {
namespace {

// Victims named one by one; a kill storm has hundreds.
constexpr std::size_t kKillsNamed = 3;

using Moment = CgroupEvidence::Moment;
using Events = std::optional<cgroup::MemoryEvents>;

std::optional<std::uint64_t> events_rise(const Events& before, const Events& after,
                                         cgroup::Count cgroup::MemoryEvents::* key) {
  if (!before || !after) return std::nullopt;
  return rise((*before).*key, (*after).*key);
}

// Counters that are smaller later than before are not believed at any of the three moments.
std::optional<std::uint64_t> rise_of(const CgroupEvidence& cgroup, Events Moment::* file,
                                     cgroup::Count cgroup::MemoryEvents::* key,
                                     bool since_outlived) {
  const auto whole = events_rise(cgroup.before.*file, cgroup.after.*file, key);
  if (!whole || !since_outlived) return whole;
  return events_rise(cgroup.outlived.*file, cgroup.after.*file, key);
}

bool is_sigkill(const std::optional<MainExit>& exit) {
  return exit && exit->kind == MainExit::Kind::killed && exit->status == SIGKILL;
}

// The real root has no memory.events; the top of a subtree that we were given as root has.
bool is_real_root(const CgroupEvidence& cgroup) {
  return cgroup.path == "/" && !cgroup.before.memory_events && !cgroup.after.memory_events;
}

std::string describe(const MainExit& exit) {
  if (exit.kind == MainExit::Kind::exited) return fmt::format("CLD_EXITED, code {}", exit.status);
  return fmt::format("{}, {}", exit.kind == MainExit::Kind::dumped ? "CLD_DUMPED" : "CLD_KILLED",
                     signal_name(exit.status));
}

void append_rise(std::string& text, std::string_view key, std::optional<std::uint64_t> value) {
  if (!value || (*value == 0 && key != "oom" && key != "oom_kill")) return;
  if (!text.empty()) text += ", ";
  text += fmt::format("{} +{}", key, *value);
}

std::string local_events(const CgroupEvidence& cgroup) {
  using E = cgroup::MemoryEvents;
  const auto rise = [&](cgroup::Count E::* key) {
    return rise_of(cgroup, &Moment::memory_events_local, key, false);
  };
  std::string text;
  append_rise(text, "oom", rise(&E::oom));
  append_rise(text, "oom_kill", rise(&E::oom_kill));
  append_rise(text, "oom_group_kill", rise(&E::oom_group_kill));
  append_rise(text, "max", rise(&E::max));
  append_rise(text, "high", rise(&E::high));
  return text;
}

}  // namespace

std::optional<std::uint64_t> rise(const cgroup::Count& before, const cgroup::Count& after) {
  if (!before || !after || *after < *before) return std::nullopt;
  return *after - *before;
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : fmt::format("signal {}", signal);
}

bool path_is_at_or_below(std::string_view path, std::string_view top) {
  if (top.empty() || !path.starts_with(top)) return false;
  return path.size() == top.size() || top.ends_with('/') || path[top.size()] == '/';
}

DeathCase::DeathCase(const DeathEvidence& given) : evidence(given) {
  if (!given.cgroups.empty()) payload = &given.cgroups.front();
  read_log();
  if (payload != nullptr) {
    since_outlived = given.outlived.has_value();
    read_counters();
    if (since_outlived && main_kill != nullptr && subtree_oom_kill == 0U) {
      since_outlived = false;
      read_counters();
    }
  }
  only_init_seen = !given.main_exit && given.init_exit;
  init_sigkilled = is_sigkill(given.init_exit);
  main_sigkilled = is_sigkill(given.main_exit) || (only_init_seen && init_sigkilled);
  signal = attribute_signal(*this);
  oom = attribute_oom(*this);
}

void DeathCase::read_log() {
  // printk has a clock of its own.
  constexpr Usec kSlack{1'000'000};
  for (const auto& record : evidence.oom_records) {
    // With an exit status it is known what it ended of.
    const bool of_lost = !evidence.main_exit && !evidence.init_exit;
    if (record.exiting && (!of_lost || record.victim_pid != evidence.main_pid)) continue;
    if (record.victim_pid == evidence.main_pid && evidence.main_pid > 0) {
      // Of two lines about it (memory.oom.group names the victim twice) the one with the dump.
      if (main_kill == nullptr || main_kill->oom_memcg.empty()) main_kill = &record;
    } else if (of_lost && main_kill == nullptr && record.victim_pid == evidence.init_pid &&
               evidence.init_pid > 0) {
      main_kill = &record;  // the main process ended with it, which no line tells
    } else if (payload != nullptr && path_is_at_or_below(record.task_memcg, payload->path)) {
      const bool known = std::ranges::any_of(other_kills, [&](const OomRecord* other) {
        return other->victim_pid == record.victim_pid;
      });
      if (known) continue;
      other_kills.push_back(&record);
      if (!evidence.outlived || record.boottime + kSlack >= evidence.outlived->boottime) {
        late_kills.push_back(&record);
      }
    }
  }
}

cgroup::Count DeathCase::local_rise(const CgroupEvidence& cgroup,
                                    cgroup::Count cgroup::MemoryEvents::* key) const {
  return rise_of(cgroup, &Moment::memory_events_local, key, since_outlived);
}

void DeathCase::read_counters() {
  using E = cgroup::MemoryEvents;
  const auto subtree_rise = [&](cgroup::Count E::* key, bool late) {
    return rise_of(*payload, &Moment::memory_events, key, late);
  };
  own_oom = local_rise(*payload, &E::oom);
  own_oom_kill = local_rise(*payload, &E::oom_kill);
  subtree_oom = subtree_rise(&E::oom, since_outlived);
  subtree_oom_kill = subtree_rise(&E::oom_kill, since_outlived);
  if (!subtree_oom_kill) subtree_oom_kill = own_oom_kill;
  run_oom_kill = subtree_rise(&E::oom_kill, false);
  if (!run_oom_kill) {
    run_oom_kill = rise_of(*payload, &Moment::memory_events_local, &E::oom_kill, false);
  }
  const auto nested_groups = [&](bool late) {
    const auto all = subtree_rise(&E::oom_group_kill, late).value_or(0);
    const auto own = rise_of(*payload, &Moment::memory_events_local, &E::oom_group_kill, late);
    return all - std::min(all, own.value_or(all));
  };
  nested_group_kills = nested_groups(since_outlived);
  run_nested_group_kills = nested_groups(false);
  limiting_ancestors.clear();
  group_killed = nullptr;
  from_real_root = is_real_root(evidence.cgroups.back());
  counters_complete = own_oom.has_value() && own_oom_kill.has_value() && from_real_root;
  for (const auto& cgroup : evidence.cgroups) {
    if (local_rise(cgroup, &E::oom_group_kill).value_or(0) > 0 && group_killed == nullptr) {
      group_killed = &cgroup;
    }
    if (&cgroup == payload || is_real_root(cgroup)) continue;
    const auto risen = oom_rise(cgroup);
    if (!risen) counters_complete = false;
    if (risen.value_or(0) > 0) limiting_ancestors.push_back(&cgroup);
  }
}

std::optional<std::uint64_t> DeathCase::oom_rise(const CgroupEvidence& cgroup) const {
  return local_rise(cgroup, &cgroup::MemoryEvents::oom);
}

std::string_view DeathCase::span() const {
  const bool whole = !since_outlived || evidence.outlived->boottime <= evidence.started.boottime;
  return whole ? "in this run" : "since the main process was last seen unharmed";
}

std::vector<OwnAction> DeathCase::own_actions() const {
  std::vector<OwnAction> sent;
  // A stop may take as long as its timeout. Any other signal that a program lives on with it has
  // handled, and many reload for some.
  constexpr Usec kToEnd{600'000'000};
  constexpr Usec kToReload{30'000'000};
  std::ranges::copy_if(evidence.own_actions, std::back_inserter(sent), [&](const auto& action) {
    const bool reloads =
        action.signal == SIGHUP || action.signal == SIGUSR1 || action.signal == SIGUSR2;
    return action.boottime <= evidence.ended.boottime &&
           (action.to_end ||
            action.boottime + (reloads ? kToReload : kToEnd) >= evidence.ended.boottime);
  });
  return sent;
}

bool DeathCase::oom_kills_are_of_others() const {
  // A group kill counts a process more than once, a lost record may have been the main process's,
  // and a killed init takes the main process with it.
  return oom_kills_seen() && main_kill == nullptr && !init_sigkilled && group_killed == nullptr &&
         evidence.lost.empty() && late_kills.size() + nested_group_kills >= *subtree_oom_kill;
}

std::optional<std::string> DeathCase::oom_ruled_out() const {
  if (payload == nullptr || own_oom_kill != 0U || subtree_oom_kill != 0U) return std::nullopt;
  if (run_oom_kill.value_or(0) > 0) {
    return fmt::format(
        "OOM: all {} OOM kills that the kernel counted in {} and below it in this run were before "
        "{}; the main process outlived them, and oom_kill stood still from then to its end",
        *run_oom_kill, payload->path, format_wall_utc(evidence.outlived->wall));
  }
  return fmt::format(
      "OOM: the kernel counted no OOM kill in {} or below it during this run (memory.events "
      "oom_kill +0)",
      payload->path);
}

void DeathCase::contribute_oom_kills(Verdict& verdict) const {
  if (run_oom_kill.value_or(0) == 0 && other_kills.empty()) return;
  std::string text = "the kernel's OOM killer was at work in this cgroup during the run";
  if (run_oom_kill) text += fmt::format(": oom_kill +{}", *run_oom_kill);
  if (group_killed != nullptr) {
    text += ", which with memory.oom.group is not the number of processes";
  }
  for (std::size_t i = 0; i < std::min(other_kills.size(), kKillsNamed); ++i) {
    text += fmt::format("; it killed pid {} `{}`", other_kills[i]->victim_pid,
                        printable(other_kills[i]->victim_comm));
    if (!other_kills[i]->lines.empty()) {
      verdict.evidence.push_back(
          {"kmsg", fmt::format("seq {}", other_kills[i]->sequence), other_kills[i]->lines.back()});
    }
  }
  verdict.contributing.push_back(std::move(text));
}

void DeathCase::quote_memory_events(Verdict& verdict) const {
  for (const auto& cgroup : evidence.cgroups) {
    const std::string text = local_events(cgroup);
    if (!text.empty()) verdict.evidence.push_back({"memory.events.local", cgroup.path, text});
  }
}

void DeathCase::quote_wait_status(Verdict& verdict) const {
  if (evidence.main_exit) {
    verdict.evidence.push_back(
        {"waitid", fmt::format("pid {}", evidence.main_pid), describe(*evidence.main_exit)});
  }
  if (only_init_seen) {
    verdict.evidence.push_back(
        {"waitid", "PID 1 of the workload",
         describe(*evidence.init_exit) + "; its pid namespace and the command ended with it"});
  }
}

Verdict DeathCase::begin(VerdictClass verdict_class, Confidence confidence) const {
  Verdict verdict;
  verdict.workload = evidence.workload;
  verdict.incarnation = evidence.incarnation;
  verdict.verdict = verdict_class;
  verdict.confidence = confidence;
  verdict.from = evidence.started;
  verdict.when = evidence.ended;
  verdict.stderr_tail = evidence.stderr_tail;
  quote_wait_status(verdict);
  return verdict;
}

}  // namespace cgwarden::diagnosis
