#pragma once

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "diagnosis/evidence.h"
#include "diagnosis/verdict.h"

// Deaths as values: a workload of pid 1234 below two ancestors and the root, whose counters stood
// still, that died of SIGKILL. A test says what differs.
namespace cgwarden::diagnosis::testing {

inline constexpr pid_t kMain = 1234;
inline const std::string kPayload = "/cgwarden.slice/leaker.scope/payload";
inline const std::string kScope = "/cgwarden.slice/leaker.scope";
inline const std::string kSlice = "/cgwarden.slice";

inline cgroup::MemoryEvents events(std::uint64_t oom, std::uint64_t oom_kill,
                                   std::uint64_t oom_group_kill = 0) {
  cgroup::MemoryEvents events;
  events.low = 0;
  events.high = 0;
  events.max = 0;
  events.oom = oom;
  events.oom_kill = oom_kill;
  events.oom_group_kill = oom_group_kill;
  return events;
}

struct Scenario {
  Scenario() {
    death.workload = "leaker";
    death.incarnation = 2;
    death.main_pid = kMain;
    death.started = {Usec(10'000'000), Usec(1'795'484'000'000'000)};
    death.ended = {Usec(22'500'000), Usec(1'795'484'012'500'000)};
    death.outlived = death.started;  // nothing had changed since
    killed(SIGKILL);
    for (const auto& path : {kPayload, kScope, kSlice}) {
      CgroupEvidence cgroup;
      cgroup.path = path;
      cgroup.before.memory_events = events(0, 0);
      cgroup.before.memory_events_local = events(0, 0);
      cgroup.outlived = cgroup.before;
      cgroup.after = cgroup.before;
      cgroup.memory_max = path == kScope ? LimitOf<Bytes>(Max{}) : LimitOf<Bytes>(Bytes{64U << 20});
      death.cgroups.push_back(cgroup);
    }
    CgroupEvidence root;  // has no memory.events
    root.path = "/";
    death.cgroups.push_back(root);
  }

  CgroupEvidence& payload() { return death.cgroups[0]; }
  CgroupEvidence& scope() { return death.cgroups[1]; }
  CgroupEvidence& slice() { return death.cgroups[2]; }

  Scenario& killed(int signal) {
    death.main_exit = MainExit{MainExit::Kind::killed, signal};
    return *this;
  }
  Scenario& exited(int code) {
    death.main_exit = MainExit{MainExit::Kind::exited, code};
    return *this;
  }
  Scenario& nobody_saw_the_status() {
    death.main_exit.reset();
    return *this;
  }
  Scenario& init_killed(int signal) {
    death.main_exit.reset();
    death.init_exit = MainExit{MainExit::Kind::killed, signal};
    return *this;
  }
  // What the kernel counts at each place (facts of mm/oom_kill.c): `oom` where the limit was hit,
  // `oom_kill` where the victim was, both in memory.events of all above.
  Scenario& kill_counted(std::size_t limit_at, std::size_t victim_at = 0, std::uint64_t kills = 1) {
    add_local(limit_at, 1, 0);
    add_local(victim_at, 0, kills);
    return *this;
  }
  Scenario& global_kill_counted() {
    add_local(0, 0, 1);
    return *this;
  }
  // In a cgroup which the workload made below its own.
  Scenario& nested_kill_counted() {
    for (std::size_t i = 0; i < 3; ++i) add(*death.cgroups[i].after.memory_events, 1, 1);
    return *this;
  }
  Scenario& starts_unseen() {
    for (auto& cgroup : death.cgroups) cgroup.before = {};
    return *this;
  }
  // All that was counted so far was counted before `seconds_before_end`, when the main process was
  // seen alive.
  Scenario& outlived_that(std::uint64_t seconds_before_end = 5) {
    const Usec ago(seconds_before_end * 1'000'000);
    death.outlived = TimePoint{death.ended.boottime - ago, death.ended.wall - ago};
    for (auto& cgroup : death.cgroups) cgroup.outlived = cgroup.after;
    return *this;
  }
  // By a shim that did not look when the counters rose.
  Scenario& times_unknown() {
    death.outlived.reset();
    for (auto& cgroup : death.cgroups) cgroup.outlived = {};
    return *this;
  }
  Scenario& logged(const OomRecord& record) {
    death.oom_records.push_back(record);
    return *this;
  }
  static OomRecord kill_of(pid_t pid, const std::string& oom_memcg = kPayload,
                           const std::string& task_memcg = kPayload,
                           std::uint64_t seconds_before_end = 0) {
    OomRecord record;
    record.oom_memcg = oom_memcg;
    record.task_memcg = task_memcg;
    record.victim_pid = pid;
    record.victim_comm = "leaker";
    record.anon_rss = Bytes{63U << 20};
    record.file_rss = Bytes{100U << 10};
    record.shmem_rss = Bytes{0};
    record.boottime = Usec(22'400'000 - seconds_before_end * 1'000'000);
    record.sequence = 501;
    record.lines = {
        "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=payload,mems_allowed=0,"
        "oom_memcg=" +
            oom_memcg + ",task_memcg=" + task_memcg + ",task=leaker,pid=" + std::to_string(pid) +
            ",uid=0",
        "Memory cgroup out of memory: Killed process " + std::to_string(pid) + " (leaker)"};
    return record;
  }
  static OomRecord global_kill_of(pid_t pid) {
    OomRecord record = kill_of(pid, "", kPayload);
    record.constraint = OomConstraint::global;
    record.lines = {"Out of memory: Killed process " + std::to_string(pid) + " (leaker)"};
    return record;
  }
  // Rate-limited: only its "Killed process" line came.
  static OomRecord bare_kill_of(pid_t pid) {
    OomRecord record = kill_of(pid, "", "");
    record.lines = {"Memory cgroup out of memory: Killed process " + std::to_string(pid) +
                    " (leaker)"};
    return record;
  }
  Scenario& sent(int signal, std::uint64_t seconds_before_end = 1) {
    death.own_actions.push_back({signal, "stop asked by uid 0 over D-Bus",
                                 death.ended.boottime - Usec(seconds_before_end * 1'000'000)});
    return *this;
  }
  Scenario& lost(const std::string& what) {
    death.lost.push_back(what);
    return *this;
  }

  DeathEvidence death;

 private:
  static void add(cgroup::MemoryEvents& events, std::uint64_t oom, std::uint64_t oom_kill) {
    events.oom = *events.oom + oom;
    events.oom_kill = *events.oom_kill + oom_kill;
  }
  void add_local(std::size_t at, std::uint64_t oom, std::uint64_t oom_kill) {
    add(*death.cgroups[at].after.memory_events_local, oom, oom_kill);
    for (std::size_t i = at; i < 3; ++i) add(*death.cgroups[i].after.memory_events, oom, oom_kill);
  }
};

// All sentences of a verdict, for "says" and "does not say".
inline std::string all_text(const Verdict& verdict) {
  std::string text = verdict.answer + "\n";
  for (const auto* list :
       {&verdict.ruled_out, &verdict.contributing, &verdict.evidence_lost, &verdict.advice}) {
    for (const auto& line : *list) text += line + "\n";
  }
  for (const auto& item : verdict.evidence) {
    text += item.source + " " + item.reference + " " + item.quote + "\n";
  }
  return text;
}

inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

}  // namespace cgwarden::diagnosis::testing
