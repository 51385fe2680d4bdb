#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "policy/plan.h"

namespace cgwarden::policy {

// One control file of one cgroup: its path may be another's later, its id may not. Or one property
// of a unit of systemd, which outlives the cgroups that its restarts make.
struct KnobKey {
  CgroupId id;  // 0: of a unit
  std::string file;
  std::string unit = {};  // "web.service"; empty: of the cgroup
  auto operator<=>(const KnobKey&) const = default;
};

// The unit whose own cgroup has this path: its last component, without the "_" that systemd puts
// before what could be a control file (CGROUP_DELEGATION.md).
[[nodiscard]] std::string unit_of_cgroup(std::string_view path);

[[nodiscard]] KnobKey knob_key(const Write& write);
// What its key would be, were it written in the other way: a policy may come to need it.
[[nodiscard]] KnobKey other_key(const Write& write);

// Who keeps a knob as a policy wants it.
enum class Keeper : std::uint8_t {
  agent,  // gives it back by itself once no policy wants it
  apply,  // `cgwarden policy apply`, which is run once: `policy revert` gives it back
};

// What a control file had before the first write of a policy. All values are as the kernel prints
// them.
struct Original {
  std::string cgroup;  // path
  CgroupId id;         // of a unit: the one it had when it was written last
  std::string file;
  std::string original;
  std::string ours;      // the last one written, or about to be
  std::string previous;  // the one written before it; empty: none. What is there if that last write
                         // was not made any more
  std::string policy;    // whose value `ours` is
  Keeper keeper = Keeper::agent;
  Through through = Through::cgroupfs;
  Usec since{0};           // CLOCK_REALTIME of the first write
  bool allow_oom = false;  // of the policy, and so of giving back

  [[nodiscard]] KnobKey key() const;
  [[nodiscard]] KnobKey other_key() const;
};

// The entry of a knob for a write that is about to be made, given the entry that it has (nullptr:
// none). A knob that the agent keeps stays the agent's.
[[nodiscard]] Original after_write(const Original* known, const Write& write, Keeper keeper,
                                   Usec now);

// The entry of each line of its original for itself, of a file with a line for each device; each
// has the key of the whole.
[[nodiscard]] std::vector<Original> by_device(const Original& entry);

// Its last value, or the one before it, of what `lines` name, is it `now`?
[[nodiscard]] bool is_ours(const Original& entry, const std::string& lines, const std::string& now);

// Adds to a plan what the policies in force no longer name of the devices of a file that they
// want: it gets back what these entries say, unless somebody else has changed it.
void give_back_devices(Plan& plan, const cgroup::Snapshot& snapshot,
                       const std::vector<Original>& entries);

// Puts entries in an order in which the kernel accepts their originals: the cgroups nearest to the
// root first, and within one as write_order.h has it.
void sort_for_restore(std::vector<Original>& originals);

}  // namespace cgwarden::policy
