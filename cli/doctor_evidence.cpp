#include "cli/doctor_evidence.h"

#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/limits.h"
#include "base/text.h"
#include "cli/local_time.h"
#include "cli/recorded.h"
#include "diagnosis/store.h"

namespace cgwarden::cli {
namespace {

using enum DoctorLevel;
namespace fs = std::filesystem;

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// A cgroup directly below the root: the root itself has no pids.events.
std::string some_cgroup(const std::string& root) {
  std::error_code ignored;
  std::string first;
  for (const auto& entry : fs::directory_iterator(root, ignored)) {
    if (!entry.is_directory(ignored)) continue;
    if (is_there(entry.path().string() + "/pids.events")) return entry.path().string();
    if (first.empty()) first = entry.path().string();
  }
  return first;
}

DoctorFinding pids_events(const std::string& cgroup) {
  static constexpr const char* kName = "pids.events";
  static constexpr const char* kCost =
      "a fork that pids.max refused is told by what the program says of it, if at all";
  if (cgroup.empty()) {
    return {kName, limited, "there is no cgroup below the root to look at", kCost};
  }
  if (is_there(cgroup + "/pids.events.local")) {
    return {kName, good, "pids.events and pids.events.local: which limit refused a fork is counted",
            ""};
  }
  if (is_there(cgroup + "/pids.events")) {
    return {kName, good,
            "pids.events, without pids.events.local (Linux 6.12): which limit of several refused a "
            "fork is found by pids.current",
            ""};
  }
  return {kName, limited,
          cgroup +
              " has no pids.events: the pids controller is not in its parent's "
              "cgroup.subtree_control",
          kCost};
}

// It marks the cgroups that it kills, and who may be killed is marked for it.
DoctorFinding systemd_oomd(const std::string& root, const std::string& cgroup) {
  static constexpr const char* kName = "systemd-oomd";
  if (!is_there(root + "/system.slice/systemd-oomd.service")) {
    return {kName, good, "does not run here, so it kills nobody", ""};
  }
  const bool marks =
      ::getxattr(cgroup.c_str(), "user.oomd_kill", nullptr, 0) >= 0 || errno == ENODATA;
  if (!marks) {
    return {kName, limited, "runs, and the extended attributes of cgroups cannot be read",
            "its kills are known by their sender and by its signal on the bus alone"};
  }
  return {kName, good,
          "runs and marks what it kills (user.oomd_kill); `oomctl` shows the units with "
          "ManagedOOMSwap= or ManagedOOMMemoryPressure=kill that it may choose",
          ""};
}

DoctorFinding launch_errors(const std::string& shim) {
  if (!shim.empty()) {
    return {"launch errors", good,
            "step, errno and reason of a failed start come from the launcher itself", ""};
  }
  return {"launch errors", broken, "there is no cgwarden-shim to tell them",
          "nothing is started, and EXEC_FAILED cannot be told"};
}

// The logs of workloads are where the shims write them.
DoctorFinding last_words(const std::string& runtime_dir) {
  static constexpr const char* kName = "last words";
  static constexpr const char* kCost =
      "verdicts have no last words, nor the hints that are in them";
  struct statvfs space{};
  if (::statvfs(runtime_dir.c_str(), &space) != 0) {
    return {kName, limited, Error::from_errno(errno, "look at", runtime_dir).sentence(), kCost};
  }
  const std::uint64_t free_bytes = std::uint64_t{space.f_bavail} * space.f_frsize;
  const std::string room = human_bytes(Bytes{free_bytes}) + " free in " + runtime_dir;
  if (free_bytes < limits::kOutputLogBytes || (space.f_files > 0 && space.f_favail == 0)) {
    return {kName, limited, "hardly room: " + room, kCost};
  }
  return {kName, good,
          "stderr of workloads, " + room +
              "; units and containers have theirs in the journal or with their runtime",
          ""};
}

// Of pressure and throttling before a death; the kernel keeps totals only.
DoctorFinding recorded_before(const agent::Options& where) {
  static constexpr const char* kName = "recording";
  static constexpr const char* kCost =
      "pressure and throttling before a death are not shown: no `Around it`, history and replay";
  const auto recording = open_recording(where);
  if (!recording) return {kName, limited, recording.error().sentence(), kCost};
  const auto extent = recording->extent();
  if (!extent) return {kName, limited, extent.error().sentence(), kCost};
  if (!*extent) return {kName, limited, "nothing is recorded yet; the agent does it", kCost};
  return {kName, good, "from " + wall_text((*extent)->from) + " to " + wall_text((*extent)->until),
          ""};
}

// A limit that a policy of ours has changed is the answer to many deaths.
DoctorFinding own_actions(const agent::Options& where) {
  static constexpr const char* kName = "own actions";
  static constexpr const char* kCost =
      "a death after a write of a policy, or after a stop that was asked for, looks like one by "
      "somebody else";
  const auto store = diagnosis::StoreReader::open(agent::store_path(where));
  if (!store) return {kName, limited, store.error().sentence(), kCost};
  diagnosis::EventFilter filter{.most = 1};
  filter.matches = [](const diagnosis::Event& event) {
    return event.kind == diagnosis::EventKind::policy_write ||
           event.kind == diagnosis::EventKind::policy_adapt;
  };
  const auto newest = store->events(filter);
  if (!newest) return {kName, limited, newest.error().sentence(), kCost};
  if (newest->empty()) {
    return {kName, good, "the store has no write of a policy: none was needed", ""};
  }
  return {kName, good,
          "the store has the writes of policies, the last of " +
              wall_text(newest->front().event.when.wall),
          ""};
}

}  // namespace

std::vector<DoctorFinding> evidence_findings(const std::string& root, const agent::Options& where,
                                             const std::string& shim) {
  const std::string cgroup = some_cgroup(root);
  return {pids_events(cgroup),           systemd_oomd(root, cgroup), launch_errors(shim),
          last_words(where.runtime_dir), recorded_before(where),     own_actions(where)};
}

}  // namespace cgwarden::cli
