#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/units.h"
#include "launcher/spawn.h"

// The files through which a shim speaks to whoever comes later: <runtime
// dir>/workloads/<name>/{config.json, status.json, exit.json, stdout.log, stderr.log}. All are JSON
// with a "version", written atomically, so an agent that was killed and restarted finds them whole.
// The shim that writes them holds flock(2) on shim.lock beside them.
namespace cgwarden::launcher {

inline constexpr int kStateVersion = 1;
// They hold the last words of a workload: not for every local user.
inline constexpr mode_t kStateFileMode = 0640;

// status.json: written by the shim once the command runs.
struct RunningStatus {
  std::string name;
  unsigned incarnation = 0;  // 1 for the first start of this workload, +1 per restart
  pid_t shim_pid = -1;
  std::uint64_t shim_start_time = 0;              // field 22 of /proc/PID/stat: tells a reused pid
  pid_t pid = -1;                                 // Spawned::pid
  std::optional<std::uint64_t> pid_start_time{};  // of `pid`; absent in files of older shims
  pid_t main_pid = -1;
  TimePoint started;
  std::string cgroup;  // payload cgroup, path in the hierarchy
};

// Texts of control files of one cgroup at two moments, as the kernel gave them. A file that was
// absent has no entry.
struct CgroupCapture {
  std::string path;
  CgroupId id;
  std::map<std::string, std::string> before;  // just before the command was started
  std::map<std::string, std::string> after;   // after its death, before it was reaped
  // memory.events and memory.events.local at ExitRecord::outlived; empty: not watched.
  std::map<std::string, std::string> outlived = {};
};

// The open descriptors of one process against its soft RLIMIT_NOFILE.
struct DescriptorUse {
  pid_t pid = -1;
  std::string comm;
  std::uint64_t open = 0;
  std::uint64_t limit = 0;
  TimePoint at;
  bool at_words = false;  // it was counted when somebody said on stderr that there are no more
};

// What a file system has left for processes without privilege (statvfs(3)).
struct FilesystemRoom {
  std::string mount;  // in the workload's own mounts
  std::string type;
  Bytes size;
  Bytes available;
  std::uint64_t inodes = 0;  // 0: it has no fixed number of them
  std::uint64_t inodes_available = 0;
};

// exit.json: written by the shim when the command has ended or could not be started.
struct ExitRecord {
  std::string name;
  unsigned incarnation = 0;
  pid_t pid = -1;
  pid_t main_pid = -1;
  TimePoint started;
  TimePoint ended;
  // The newest moment whose OOM counters the command is known to have outlived (oom_watch.h);
  // absent: they were not watched.
  std::optional<TimePoint> outlived;
  std::optional<WaitStatus>
      wait;  // of the command; absent when only init's death was seen or nothing was started
  std::optional<WaitStatus> init_wait;  // of the built-in init, when there was one
  std::optional<LaunchError> launch_error;
  Bytes max_rss{0};  // getrusage(RUSAGE_CHILDREN): the largest single process
  Usec user{0};
  Usec system{0};
  // Output that no log took because the disk was full, until this record was written; absent in
  // records of older shims.
  std::optional<Bytes> stdout_dropped;
  std::optional<Bytes> stderr_dropped;
  // Of the process of it that had the largest share open at the newest look.
  std::optional<DescriptorUse> descriptors{};
  // At its end, where its last words say that there was no room; empty: nobody asked.
  std::vector<FilesystemRoom> filesystems{};
  std::string stderr_tail;             // up to limits::kStderrTailBytes, raw bytes made printable
  std::vector<CgroupCapture> cgroups;  // payload first, then each ancestor up to the root
};

[[nodiscard]] std::string to_json(const RunningStatus& status);
[[nodiscard]] Result<RunningStatus> parse_running_status(const std::string& json,
                                                         const std::string& where);
[[nodiscard]] std::string to_json(const ExitRecord& record);
[[nodiscard]] Result<ExitRecord> parse_exit_record(const std::string& json,
                                                   const std::string& where);

// Field 22 (starttime, clock ticks since boot) of /proc/PID/stat; vanished when there is no such
// process.
[[nodiscard]] Result<std::uint64_t> process_start_time(pid_t pid);

// Shim control socket (SOCK_SEQPACKET, one JSON message each way):
//   agent -> shim  {"cgroup": "/cgwarden.slice/x.scope/payload"}   start the command there; closing
//   instead means: give up shim -> agent  {"pid": N, "main_pid": N}  or  {"error": {"stage",
//   "errno", "text"}}
// The shim's command line: cgwarden-shim --name N --incarnation K --spec-fd FD --control-fd FD
// --state-dir DIR --cgroup-root DIR
struct ShimReply {
  pid_t pid = -1;
  pid_t main_pid = -1;
  std::optional<LaunchError> error;
};
[[nodiscard]] std::string go_message(const std::string& cgroup);
[[nodiscard]] Result<std::string> parse_go_message(const std::string& json);
[[nodiscard]] std::string to_json(const ShimReply& reply);
[[nodiscard]] Result<ShimReply> parse_shim_reply(const std::string& json);

}  // namespace cgwarden::launcher
