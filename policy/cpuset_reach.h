#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cgroup/snapshot.h"
#include "policy/decision.h"
#include "policy/plan.h"
#include "policy/write_order.h"

namespace cgwarden::policy {

// A cgroup above another one, and what a plan writes into its cpuset file.
struct CpusetAbove {
  const cgroup::Sample* sample = nullptr;
  std::optional<std::string> written = {};
};

// What the parent will have where `wanted`, of cpuset.cpus or cpuset.mems of `sample`, is not
// within that ("0-1"); nullopt: it is, or nobody knows. `above`: the parent first, up to the root.
// What a partition (cpuset.cpus.partition) has now it may keep.
[[nodiscard]] std::optional<std::string> cpuset_outside(const cgroup::Sample& sample,
                                                        std::string_view file,
                                                        std::string_view wanted,
                                                        std::span<const CpusetAbove> above);

// For L34: "cpuset.cpus 1-2 is not within 0-1 of /a: ...".
[[nodiscard]] std::string outside_text(const Decision& decision, const std::string& allowed,
                                       std::string_view parent);

// The cpusets that a plan writes, parents before their children.
class PlannedCpusets {
 public:
  explicit PlannedCpusets(const cgroup::Snapshot& snapshot) : snapshot_(snapshot) {}

  void note(const Write& write);
  // L34; nullopt: the kernel takes it as it is, or it is no cpuset.
  [[nodiscard]] std::optional<Refusal> refuse(const cgroup::Sample& sample,
                                              const Decision& decision, Mode mode) const;

 private:
  using Place = std::pair<std::string, std::string>;  // path, file
  [[nodiscard]] std::optional<std::string> written(const Place& place, Mode mode) const;

  const cgroup::Snapshot& snapshot_;
  std::map<Place, std::string> enforced_;
  std::map<Place, std::string> tried_;  // of mode plan
};

}  // namespace cgwarden::policy
