#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "base/units.h"
#include "diagnosis/verdict.h"

namespace cgwarden::agent {

// What the store knows of one workload, newest first.
struct History {
  std::vector<diagnosis::Verdict> deaths;
  std::vector<diagnosis::Verdict> stalls;
  std::size_t unreadable = 0;  // rows that are passed over: StoreReader::unreadable()

  [[nodiscard]] bool empty() const { return deaths.empty() && stalls.empty(); }
  // Is this very death among them? Incarnations are counted from 1 again after a reboot.
  [[nodiscard]] bool has_death(unsigned incarnation, Usec ended_wall) const;
};

// The newest `most` deaths and stalls. No store yet is an empty history; an unreadable one is an
// error.
[[nodiscard]] Result<History> read_history(const std::string& store_path,
                                           const std::string& workload,
                                           std::size_t most = limits::kVerdictsPerWorkload);

// The same of a systemd unit or a container by its name ("ssh.service", "nginx"), its pod's, or its
// whole key in the store, and of another cgroup by its path; of several that are called so, the one
// to which something happened last.
[[nodiscard]] Result<History> read_subject_history(const std::string& store_path,
                                                   const std::string& name, std::size_t most);

}  // namespace cgwarden::agent
