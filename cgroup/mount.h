#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cgwarden::cgroup {

enum class Hierarchy {
  unified,  // cgroup v2 only: all is well
  hybrid,   // cgroup2 mounted beside v1 controllers; the v2 tree has few or no controllers
  legacy,   // only cgroup v1
  none,     // no cgroup mounts at all
};

// What /proc/self/mountinfo and <mount>/cgroup.controllers say.
struct MountReport {
  Hierarchy hierarchy = Hierarchy::none;
  std::string cgroup2_mount_point;  // empty when there is none
  std::vector<std::string>
      mount_options;  // of the cgroup2 mount: nsdelegate, memory_recursiveprot, ...
  std::vector<std::string> controllers;     // of the cgroup2 root
  std::vector<std::string> v1_controllers;  // mounted as v1
  std::vector<std::string> missing;         // of cpu, memory, io, pids
  bool required_missing = false;            // one of cpu, memory, pids is missing
  bool psi = false;                         // /proc/pressure/cpu readable
  // One or two sentences for a person: what is missing, why, and which boot option or mount mends
  // it. Empty when usable.
  std::string explanation;
  // The same when it is usable and io is missing: limits and figures of io are off, nothing else.
  std::string limitation;
  [[nodiscard]] bool usable() const { return !required_missing && !cgroup2_mount_point.empty(); }
};

// Pure: from texts. `controllers` is the text of cgroup.controllers of the cgroup2 mount ("" when
// not readable).
[[nodiscard]] Result<MountReport> interpret_mounts(std::string_view mountinfo,
                                                   std::string_view controllers, bool psi);
// The cgroup2 mount point in a mountinfo(5) text, octal escapes decoded; empty when there is none.
// Prefers /sys/fs/cgroup.
[[nodiscard]] std::string find_cgroup2_mount(std::string_view mountinfo);
// Reads this machine.
[[nodiscard]] Result<MountReport> detect_mounts();

}  // namespace cgwarden::cgroup
