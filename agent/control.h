#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/disk_use.h"
#include "base/result.h"
#include "base/units.h"

namespace cgwarden::agent {

enum class WorkloadState { starting, running, backoff, stopping, exited };
[[nodiscard]] std::string_view to_string(WorkloadState state);

// One line of `cgwarden ps`.
struct WorkloadSummary {
  std::string name;
  WorkloadState state = WorkloadState::exited;
  pid_t pid = -1;  // host pid of the command; -1 when not running
  unsigned incarnation = 0;
  std::uint64_t restarts = 0;
  Usec started_wall{0};
  std::string cgroup;        // payload cgroup path
  std::string last_verdict;  // "OOM_OWN_LIMIT", or empty
  // Of its upper directory (layers); only where it was asked for, since it takes a walk.
  std::optional<DiskUse> upper;
  bool paused = false;      // its payload cgroup is frozen
  std::string health = {};  // "starting", "healthy", "unhealthy"; empty: it has no check
};
// The state's word, "paused" for one that is.
[[nodiscard]] std::string_view state_word(const WorkloadSummary& summary);

// What the bus may ask of the agent. All calls happen on the loop thread; `done` is called on it
// too, exactly once, maybe later.
class Control {
 public:
  using Done = std::function<void(Status)>;
  virtual ~Control() = default;
  [[nodiscard]] virtual std::vector<WorkloadSummary> list() const = 0;
  // `yaml` is one Workload document, `origin` its file name for diagnostics (a relative rootfs is
  // taken from its directory). `done` after the command's execve, or with why not. kinds: invalid
  // (bad YAML, all diagnostics in detail), busy (runs already), ...
  virtual void launch(const std::string& yaml, const std::string& origin, Done done) = 0;
  // SIGTERM, then SIGKILL after the workload's stop timeout; `done` when it is gone. vanished: no
  // such workload.
  virtual void stop(const std::string& name, const std::string& reason, Done done) = 0;
  // A signal for the command. vanished: no such workload; invalid: it does not run.
  virtual Status kill(const std::string& name, int signal, const std::string& reason) = 0;
  // Freezes its processes or lets them go on (cgroup.freeze); cgroup.events says when they are.
  virtual Status pause(const std::string& name, bool paused) = 0;
  // Forgets an ended workload with its state and logs, a living one too with `force`, which kills
  // it first. busy: it lives and `force` is false.
  virtual void remove(const std::string& name, bool force, const std::string& reason,
                      Done done) = 0;
  // The document of `cgwarden inspect --json` (inspect.h).
  [[nodiscard]] virtual Result<std::string> inspect(const std::string& name) const = 0;
  // Rereads policy and workload directories; the error of a bad file, in which case the old
  // policies stay in force.
  virtual Status reload() = 0;
};

// What the agent tells the world. The service below sends them as signals; without a bus nobody
// listens.
class Announcer {
 public:
  virtual ~Announcer() = default;
  virtual void died(const std::string& workload, const std::string& verdict_class,
                    const std::string& verdict_json) = 0;
  // `json`: diagnosis::Event.
  virtual void event(const std::string& kind, const std::string& cgroup,
                     const std::string& json) = 0;
};

}  // namespace cgwarden::agent
