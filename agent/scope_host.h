#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "agent/event_loop.h"
#include "base/result.h"
#include "cgroup/tree.h"

namespace cgwarden::agent {

// Makes and removes the outer fence of a workload, <slice>/<name>.scope. Calls and callbacks on the
// loop thread.
class ScopeHost {
 public:
  using Created = std::function<void(Result<std::string> scope_path)>;
  virtual ~ScopeHost() = default;
  // Makes the scope with `pid` (the shim) in it and gives its cgroup path. busy: a scope of that
  // name exists and is not ours.
  virtual void create(const std::string& name, pid_t pid, Created created) = 0;
  // After the last process is gone. Already gone is success.
  [[nodiscard]] virtual Status remove(const std::string& name) = 0;
  // For logs and doctor: "cgroupfs" or "systemd".
  [[nodiscard]] virtual std::string kind() const = 0;
};

// Plain directories under `parent`, for hosts without systemd and for cgroups that are delegated to
// us. A parent that is not there is made. `tree` must outlive it.
inline constexpr const char* kSlice = "/cgwarden.slice";
[[nodiscard]] std::unique_ptr<ScopeHost> make_cgroupfs_scope_host(const cgroup::Tree& tree,
                                                                  std::string parent = kSlice);

// Transient scope units in cgwarden.slice with Delegate=yes through org.freedesktop.systemd1
// (StartTransientUnit; waits for JobRemoved, subscribed before the call), driven by the loop.
// For a user who is not root they are those of the user's own systemd, on the user's bus.
// not_supported when the bus does not answer.
[[nodiscard]] Result<std::unique_ptr<ScopeHost>> make_systemd_scope_host(EventLoop& loop);

}  // namespace cgwarden::agent
