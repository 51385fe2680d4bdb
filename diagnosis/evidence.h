#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "cgroup/samples.h"
#include "diagnosis/fault_log.h"
#include "diagnosis/kmsg.h"
#include "diagnosis/signal_record.h"
#include "diagnosis/unit_result.h"

// What was seen of one death or stall. Values only; how they were got is the agent's business.
namespace cgwarden::diagnosis {

// How the main process ended, from waitid(2): never the shell's number.
struct MainExit {
  enum class Kind { exited, killed, dumped };
  Kind kind = Kind::exited;
  int status = 0;  // exit code or signal number
};

// Counters of one cgroup at the start and at the end of the incarnation. `before` members absent:
// the file was absent, or the start was not seen; then no delta may be formed.
struct CgroupEvidence {
  std::string path;
  CgroupId id;
  struct Moment {
    std::optional<cgroup::MemoryEvents> memory_events;
    std::optional<cgroup::MemoryEvents> memory_events_local;
    std::optional<cgroup::CpuStat> cpu_stat;
    std::optional<cgroup::PidsEvents> pids_events;
    std::optional<cgroup::PidsEvents> pids_events_local;
    std::optional<cgroup::SwapEvents> swap_events;
  };
  Moment before;
  Moment outlived;  // memory events at DeathEvidence::outlived
  Moment after;
  // In force at the end.
  std::optional<LimitOf<Bytes>> memory_max;
  std::optional<LimitOf<Bytes>> memory_high;
  std::optional<LimitOf<Bytes>> memory_swap_max;
  std::optional<Bytes> memory_current;
  std::optional<Bytes> memory_peak;
  std::optional<cgroup::MemoryStat> memory_stat;
  std::optional<bool> memory_oom_group;
  std::optional<cgroup::CpuMax> cpu_max;
  std::optional<LimitOf<std::uint64_t>> pids_max;
  std::optional<std::uint64_t> pids_current;
  std::optional<bool> populated;  // cgroup.events
  std::optional<bool> frozen;     // the same: all of its processes are
};

// The launcher could not start it (launcher/spawn.h LaunchError, as values).
struct LaunchFailure {
  std::string stage;
  int errno_value = 0;
  std::string text;
};

// We ourselves signalled it.
struct OwnAction {
  int signal = 0;
  std::string reason;  // "stop asked by uid 0 over D-Bus", "stop timeout of 10 s"
  Usec boottime{0};
  bool to_end = true;  // false: a signal that somebody asked us to send, for whatever purpose
  // A policy had its cgroup killed: "the kill rule of policy batch"; empty: it was no policy.
  std::string policy = {};
  // What was killed is below its own cgroup, and its main process need not have been in it.
  bool part = false;
};

// The machine booted anew since the agent last wrote that this one runs.
struct MachineRestart {
  std::string boot_id;  // in which it ran
  std::string boot_id_now;
  Usec seen{0};          // wall clock of the agent's last sign of life then
  bool orderly = false;  // that agent was ended as asked, as a shutdown does
  std::string panic;     // the kernel's last words (pstore); empty: there are none
};

// systemd-oomd said on the bus that it killed a cgroup, or one above it (oomd's signal Killed).
struct OomdKill {
  std::string cgroup;
  std::string reason;  // "memory-used", "memory-pressure"
  Usec boottime{0};
};

// A policy of cgwarden, or a person through it, changed a control file of one of the cgroups.
struct PolicyWrite {
  std::string cgroup;
  std::string text;  // one sentence: who set what from what to what, and why
  Usec boottime{0};
};

struct DeathEvidence {
  std::string workload;
  unsigned incarnation = 0;
  TimePoint started;
  TimePoint ended;
  // The newest moment whose OOM counters the main process is known to have outlived: only what rose
  // after it can have killed it. Absent: when the counters rose is not known.
  std::optional<TimePoint> outlived;
  pid_t main_pid = -1;       // host pid
  pid_t main_parent = -1;    // its parent when it was seen first; -1: not known
  pid_t parent_at_end = -1;  // the same when it ended, which is another where that one died
  std::optional<MainExit> main_exit;  // absent: nobody saw the status
  std::optional<MainExit> init_exit;  // of a built-in init, when there was one
  pid_t init_pid = -1;                // host pid of the built-in init; -1: there was none
  bool main_is_pid1 = false;          // of the pid namespace that it was launched into
  pid_t agent_pid = -1;               // that may have signalled it; -1: not known
  SignalEvidence signals;             // sent to main and init during the run
  std::optional<LaunchFailure> launch_failure;
  std::optional<MachineRestart> machine_restart;  // then nothing else is known of its end
  bool agent_was_away = false;                    // it ended while no agent ran
  std::optional<UnitEnd> unit_end;                // of a service of systemd
  std::optional<OomdKill> oomd_kill;              // of a cgroup that it was in, about its end
  std::string own_top;  // the topmost cgroup that was made for this run; empty: none was
  std::vector<CgroupEvidence> cgroups;  // payload first, then each ancestor up to the root
  std::vector<OomRecord>
      oom_records;  // of the kernel log between start and end, whatever cgroup they name
  std::vector<FaultRecord> faults;         // of the kernel log in the same time, of any process
  std::vector<PolicyWrite> policy_writes;  // shortly before the end, oldest first
  std::vector<OwnAction> own_actions;
  // The largest processes of it at the last `max` event of its own limit before, largest first.
  struct ProcessSize {
    pid_t pid = -1;
    std::string comm;
    Bytes rss{0};
  };
  std::vector<ProcessSize> before_death;
  // The process of it that had the largest share of its soft RLIMIT_NOFILE open, when that was
  // looked at last; absent: it never was.
  struct DescriptorUse {
    pid_t pid = -1;
    std::string comm;
    std::uint64_t open = 0;
    std::uint64_t limit = 0;
    TimePoint at;
    bool at_words = false;  // when it said that there are no more
  };
  std::optional<DescriptorUse> descriptors;
  // The file systems that it could write, at its end; empty: nobody asked.
  struct FilesystemRoom {
    std::string mount;
    std::string type;
    Bytes size;
    Bytes available;
    std::uint64_t inodes = 0;  // 0: as many as there is room for
    std::uint64_t inodes_available = 0;
  };
  std::vector<FilesystemRoom> filesystems;
  Bytes max_rss{0};
  std::string stderr_tail;
  Bytes output_dropped{0};  // output its logs did not take; weakens no verdict
  std::vector<std::string>
      lost;  // what could not be seen: "kernel log: 12 records overwritten", ...
  // What could not be seen of the time before `outlived`: said, but nothing in it killed this one.
  std::vector<std::string> lost_earlier;
};

// The throttling of one cgroup between two moments of the same incarnation.
struct ThrottleEvidence {
  std::string workload;
  unsigned incarnation = 0;
  std::string cgroup;               // whose cpu.stat and cpu.max these are
  std::string below = {};           // the workload's own, when `cgroup` is one above it; else empty
  std::optional<Usec> waited = {};  // tasks of the workload's own waited: its cpu.pressure `some`
  TimePoint from;
  TimePoint to;
  cgroup::CpuStat before;
  cgroup::CpuStat after;
  std::optional<cgroup::CpuMax> cpu_max;
  std::optional<Usec> cpu_max_burst;
  std::optional<cgroup::Pressure> cpu_pressure;
};

}  // namespace cgwarden::diagnosis
