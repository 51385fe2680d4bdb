#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "identity/block_devices.h"
#include "identity/identity_book.h"
#include "identity/subject.h"

#include "cgroup/file_group.h"
#include "cgroup/snapshot.h"
#include "diagnosis/verdict.h"

namespace cgwarden::exporters {

// Counters of one workload that survive its cgroup and the agent.
struct WorkloadCounters {
  std::string workload;
  std::map<std::string, std::string> labels;  // metadata.labels
  bool running = false;
  std::uint64_t starts = 0;
  std::map<diagnosis::VerdictClass, std::uint64_t>
      deaths;  // every death class is present, 0 from birth on
  std::uint64_t oom_kills = 0;
  std::map<std::string, std::uint64_t> restarts;  // by reason: "exit", "signal", "oom",
                                                  // "launch_failure", "unhealthy"; 0 from birth on
  std::uint64_t throttled_usec = 0;
  std::uint64_t memory_high_events = 0;
  std::optional<std::uint64_t> upper_bytes;  // absent without layers, and before it is measured
  std::optional<bool> healthy = {};          // absent: it does not run, or has no health check
  std::uint64_t born = 0;  // the first snapshot that it is shown with; 0: an earlier agent's

  // Before anything happened to it.
  [[nodiscard]] WorkloadCounters at_birth() const;
};

// How a run of a unit ended, in systemd's words (Result= of systemd.service(5)); the last stands
// for those of later versions.
inline constexpr std::array<std::string_view, 10> kUnitResults{
    "success", "exit-code", "signal",   "core-dump", "watchdog",
    "timeout", "oom-kill",  "protocol", "resources", "other"};
// How the run ended that a container's new cgroup follows: as of a workload's restarts, and unknown
// where no verdict tells.
inline constexpr std::array<std::string_view, 4> kContainerRestartReasons{"exit", "signal", "oom",
                                                                          "unknown"};
inline constexpr std::size_t kVerdictClasses =
    static_cast<std::size_t>(diagnosis::VerdictClass::unknown) + 1;

// Counters of one systemd unit or named container over all its cgroups, that survive the agent.
struct SubjectCounters {
  identity::Subject subject = {};
  std::uint64_t starts = 0;     // cgroups that it had
  std::uint64_t oom_kills = 0;  // a group kill is one
  std::uint64_t throttled_usec = 0;
  std::uint64_t memory_high_events = 0;
  std::array<std::uint64_t, kVerdictClasses> deaths = {};        // by VerdictClass
  std::array<std::uint64_t, kUnitResults.size()> restarts = {};  // of a unit, by kUnitResults
  // It has had no cgroup for limits::kSubjectAwaySeconds: what never happened to it is not shown.
  bool away = false;
  // Of a container that came again with another cgroup, by kContainerRestartReasons.
  std::array<std::uint64_t, kContainerRestartReasons.size()> container_restarts = {};
  // The first snapshot that it is shown with; 0: it was there before this agent.
  std::uint64_t born = 0;

  // Before anything happened to it.
  [[nodiscard]] SubjectCounters at_birth() const;
};

// All snapshots that there will ever be.
inline constexpr std::uint64_t kEverySnapshot = std::numeric_limits<std::uint64_t>::max();

// What one scrape shows. Immutable once published; HTTP threads read it, the loop thread replaces
// it.
struct View {
  std::shared_ptr<const cgroup::Snapshot> snapshot;
  std::vector<WorkloadCounters> workloads;
  std::vector<SubjectCounters> subjects = {};
  // payload cgroup path -> workload name, for the `workload` label.
  std::map<std::string, std::string> workload_of_cgroup;
  std::shared_ptr<const identity::Table> identities = {};  // nullptr: nobody looked
  std::shared_ptr<const identity::DeviceNames> device_names = {};
  cgroup::FileGroups groups = {};  // families of these are shown beside those of no group

  // Whose a cgroup is; nullptr: not known.
  [[nodiscard]] const identity::Known* known(CgroupId id) const {
    return identities ? identities->find(id) : nullptr;
  }
};

}  // namespace cgwarden::exporters
