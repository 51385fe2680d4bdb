#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/units.h"
#include "cgroup/control_file.h"
#include "cgroup/tree.h"
#include "policy/plan.h"

namespace cgwarden::agent {

struct ShrinkRequest {
  std::string cgroup;  // path
  CgroupId id;
  std::string file;   // "memory.max", or "memory.high", whose write alone may take long
  std::string value;  // as the kernel prints it; a size for memory.max
  // memory.max: false reclaims only, as systemd writes the limit.
  bool write_limit = true;
};

struct ShrinkReport {
  bool reached = false;  // what is used fits; with write_limit: the limit is in force
  Bytes usage_before;
  Bytes usage_after;
  std::string before;  // of the file
  std::string after;
};

// Makes room below a lower memory limit before the limit comes, so that no process is killed for
// it: memory.high at the value (no growth), memory.reclaim (cgroup-v2.rst) until what is used fits,
// and then memory.max; memory.high gets back what it had. Gives up, with all as it was, when a
// second passes in which nothing could be reclaimed, or after `patience`: a process that is over
// memory.high stands still meanwhile. Blocks. vanished: the cgroup is gone.
[[nodiscard]] Result<ShrinkReport> shrink_memory(const cgroup::Tree& tree,
                                                 const ShrinkRequest& request, Usec patience);

// May this write have to make room first? One of a memory.max that may not kill.
[[nodiscard]] bool may_need_room(const policy::Write& write);
// Has it to, with so much in use?
[[nodiscard]] bool needs_room(const policy::Write& write, std::optional<Bytes> in_use);
// memory.current; nullopt: it cannot be read.
[[nodiscard]] std::optional<Bytes> memory_in_use(const cgroup::Tree& tree,
                                                 const std::string& cgroup);

// shrink_memory() for who waits for a write of a memory.max; before one through systemd, which
// writes it then, it only makes room, and the report is empty. busy: it is not reached, and nothing
// was killed; `way_to_kill` ends the sentence.
[[nodiscard]] Result<cgroup::WriteReport> lower_memory(const cgroup::Tree& tree,
                                                       const policy::Write& write, Usec patience,
                                                       const std::string& way_to_kill);

}  // namespace cgwarden::agent
