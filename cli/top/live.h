#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "identity/identity_book.h"

#include "agent/name_lookup.h"
#include "base/clock.h"
#include "base/result.h"
#include "cgroup/control_files.h"
#include "cgroup/sampler.h"
#include "cgroup/tree.h"
#include "cli/top/frame.h"

namespace cgwarden::cli::top {

// What is now, read from the kernel: needs no agent.
class Live {
 public:
  // `cgroup_root` empty: the hierarchy that this machine has mounted.
  [[nodiscard]] static Result<std::unique_ptr<Live>> open(const std::string& cgroup_root);
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;
  ~Live() = default;

  // Reads all cgroups. Rates are of the time since the call before; the first has none.
  [[nodiscard]] Frame tick(TimePoint now);

 private:
  explicit Live(cgroup::Tree tree);
  [[nodiscard]] std::shared_ptr<const identity::Table> identify(const cgroup::Snapshot& snapshot,
                                                                TimePoint now);

  cgroup::Tree tree_;
  cgroup::KernelFiles files_;
  cgroup::Sampler sampler_;
  std::optional<agent::NameLookup> lookup_;  // absent: containers have ids and no names
  identity::IdentityBook book_;
  std::unordered_map<std::uint64_t, Numbers> before_;  // by cgroup id
  std::optional<Usec> read_;                           // boottime of those
};

}  // namespace cgwarden::cli::top
