#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"
#include "policy/plan.h"

namespace cgwarden::policy {

// One control file of one cgroup: its path may be another's later, its id may not.
struct KnobKey {
  CgroupId id;
  std::string file;
  auto operator<=>(const KnobKey&) const = default;
};

// Who keeps a knob as a policy wants it.
enum class Keeper : std::uint8_t {
  agent,  // gives it back by itself once no policy wants it
  apply,  // `cgwarden policy apply`, which is run once: `policy revert` gives it back
};

// What a control file had before the first write of a policy. All values are as the kernel prints
// them.
struct Original {
  std::string cgroup;  // path
  CgroupId id;
  std::string file;
  std::string original;
  std::string ours;      // the last one written, or about to be
  std::string previous;  // the one written before it; empty: none. What is there if that last write
                         // was not made any more
  std::string policy;    // whose value `ours` is
  Keeper keeper = Keeper::agent;
  Through through = Through::cgroupfs;
  Usec since{0};  // CLOCK_REALTIME of the first write

  [[nodiscard]] KnobKey key() const { return {id, file}; }
};

// The entry of a knob for a write that is about to be made, given the entry that it has (nullptr:
// none). A knob that the agent keeps stays the agent's.
[[nodiscard]] Original after_write(const Original* known, const Write& write, Keeper keeper,
                                   Usec now);

// Puts entries in an order in which the kernel accepts their originals: the cgroups nearest to the
// root first, and within one as write_order.h has it.
void sort_for_restore(std::vector<Original>& originals);

}  // namespace cgwarden::policy
