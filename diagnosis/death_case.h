#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/evidence.h"
#include "diagnosis/signal_attribution.h"
#include "diagnosis/verdict.h"

namespace cgwarden::diagnosis {

// after - before of one counter; nullopt when either was not seen or it went backwards: then
// nothing may be concluded from it.
[[nodiscard]] std::optional<std::uint64_t> rise(const cgroup::Count& before,
                                                const cgroup::Count& after);

// Whose limit the OOM kill of the main process (or of its namespace's init) came from.
enum class OomCause {
  none,            // the main process was not OOM-killed, as far as seen
  own_limit,       // memory.max of the payload
  nested_limit,    // of a cgroup that the workload made below it
  ancestor_limit,  // of a cgroup above it
  machine,         // no limit: the machine was out of memory
  manual,          // sysrq-f
  elsewhere,       // of a cgroup that is not above it, into which the main process was moved
  unresolved,      // OOM-killed, but whose limit it was cannot be told
};

struct OomAttribution {
  OomCause cause = OomCause::none;
  Confidence confidence = Confidence::unknown;
  const CgroupEvidence* ancestor = nullptr;  // with ancestor_limit
  const OomRecord* record = nullptr;         // the kernel log's record of this kill
  std::vector<std::string> conflicts;        // sources that say something else, as sentences
};

// The evidence of one death with the deltas of its incarnation worked out once: what every rule
// looks at.
struct DeathCase {
  explicit DeathCase(const DeathEvidence& evidence);

  const DeathEvidence& evidence;
  const CgroupEvidence* payload = nullptr;  // nullptr: no cgroup was captured

  // Counters since the moment that the main process is known to have outlived; since the start when
  // there is none, or when the kernel log names it as a victim of before (it may have hung in a
  // system call).
  bool since_outlived = false;

  // memory.events.local of the payload.
  std::optional<std::uint64_t> own_oom;
  std::optional<std::uint64_t> own_oom_kill;
  // memory.events of the payload: with the cgroups below it.
  std::optional<std::uint64_t> subtree_oom;
  std::optional<std::uint64_t> subtree_oom_kill;
  // The same since the start of the run, whatever it outlived.
  std::optional<std::uint64_t> run_oom_kill;
  // Ancestors whose own limit was hit (their memory.events.local oom rose), nearest first.
  std::vector<const CgroupEvidence*> limiting_ancestors;
  // The topmost cgroup is the kernel's root, not one of a cgroup namespace: paths are those of the
  // kernel log.
  bool from_real_root = false;
  // The counters of the payload and of every ancestor below the root were seen at both moments.
  bool counters_complete = false;

  // The cgroup whose memory.oom.group took every process of it (memory.events.local
  // oom_group_kill).
  const CgroupEvidence* group_killed = nullptr;

  // Group kills in cgroups below the payload, by memory.events: each counts its first victim twice.
  std::uint64_t nested_group_kills = 0;
  std::uint64_t run_nested_group_kills = 0;  // since the start of the run

  const OomRecord* main_kill = nullptr;       // the kernel log names the main process as victim
  std::vector<const OomRecord*> other_kills;  // it names others of this payload, one a process
  std::vector<const OomRecord*> late_kills;   // those of them that it is not known to have outlived

  bool main_sigkilled = false;  // by wait status, or through its pid namespace's init
  bool init_sigkilled = false;
  bool only_init_seen = false;  // main's own status never came; init's did
  SignalAttribution signal;
  OomAttribution oom;

  // Signals we sent before it ended.
  [[nodiscard]] std::vector<OwnAction> own_actions() const;
  // Did anything here rise that may have killed it?
  [[nodiscard]] bool oom_kills_seen() const { return subtree_oom_kill.value_or(0) > 0; }
  // Did each OOM kill that the counters tell of hit another process than the main one?
  [[nodiscard]] bool oom_kills_are_of_others() const;
  // memory.events.local oom of one cgroup.
  [[nodiscard]] std::optional<std::uint64_t> oom_rise(const CgroupEvidence& cgroup) const;
  // The time over which the counters above count, for a sentence: "in this run".
  [[nodiscard]] std::string_view span() const;
  // Sentences for ruled_out: "OOM: ..." with the counters; empty when they were not all seen.
  [[nodiscard]] std::optional<std::string> oom_ruled_out() const;
  // OOM kills that do not explain this death, as contributing, with the kernel's lines.
  void contribute_oom_kills(Verdict& verdict) const;
  // "payload memory.events.local: oom +1, oom_kill +1" as evidence items.
  void quote_memory_events(Verdict& verdict) const;
  void quote_wait_status(Verdict& verdict) const;
  // A verdict with the fields every rule fills alike.
  [[nodiscard]] Verdict begin(VerdictClass verdict, Confidence confidence) const;

 private:
  void read_log();
  void read_counters();
  [[nodiscard]] cgroup::Count local_rise(const CgroupEvidence& cgroup,
                                         cgroup::Count cgroup::MemoryEvents::* key) const;
};

// Is the cgroup `path` the cgroup `top` or one below it?
[[nodiscard]] bool path_is_at_or_below(std::string_view path, std::string_view top);

// "SIGKILL"; "signal 64" when it has no name.
[[nodiscard]] std::string signal_name(int signal);

}  // namespace cgwarden::diagnosis
