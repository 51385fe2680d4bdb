#pragma once

#include <string>

#include "base/result.h"
#include "cgroup/tree.h"
#include "policy/original.h"

namespace cgwarden::agent {

enum class Restored {
  written,   // the control file has its original again
  needless,  // it had it already
  foreign,   // somebody else has changed it since our last write: it is left alone
  gone,      // the cgroup is, maybe with another of its name in its place; or the unit
  waits,     // the unit has no cgroup, and keeps what it was given for its next start
};
struct RestoreReport {
  Restored outcome = Restored::gone;
  std::string before;  // as the kernel prints it; empty: there is no cgroup
};

// What giving back an original would do.
[[nodiscard]] Result<RestoreReport> look_at_original(const cgroup::Tree& tree,
                                                     const policy::Original& entry);
// Gives it back through cgroupfs; reads, compares, writes and reads back. A memory.max below what
// is in use as lower_memory() does, which waits so long at most, unless the entry's policy let
// kill.
[[nodiscard]] Result<RestoreReport> restore_original(const cgroup::Tree& tree,
                                                     const policy::Original& entry, Usec patience);

// The write that gives it back, or another one of its file.
[[nodiscard]] policy::Write write_of(const policy::Original& entry, const std::string& before,
                                     const std::string& after);

// What to do about a memory.max that cannot be given back, for lower_memory().
inline constexpr const char* kRevertMayKill =
    "cgwarden policy revert --allow-oom lets the kernel kill";

}  // namespace cgwarden::agent
