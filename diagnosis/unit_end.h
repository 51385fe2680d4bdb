#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "diagnosis/kmsg.h"
#include "diagnosis/oom_ledger.h"
#include "diagnosis/unit_result.h"
#include "diagnosis/verdict.h"

namespace cgwarden::diagnosis {

// Whether an OOM kill can have ended it, so that what the kernel tells is worth waiting for.
[[nodiscard]] bool may_be_oom(const UnitEnd& end);

// The incident of these that ended it: in its cgroup, during its run, and of its main process or of
// one for which systemd stopped it. nullptr: none did.
[[nodiscard]] const OomIncident* oom_of(const UnitEnd& end,
                                        const std::vector<OomIncident>& incidents);

// Which limit was hit, by the kernel's own record of the kill of one of the victims; unknown when
// there is none. `holds(path)`: is that cgroup the one of the limit's owner?
template <typename Holds>
[[nodiscard]] VerdictClass limit_of(const OomIncident& incident,
                                    const std::vector<OomRecord>& records, Holds holds) {
  for (const auto& record : records) {
    bool is_victim = false;
    for (const auto& victim : incident.victims) {
      is_victim = is_victim || victim.pid == record.victim_pid;
    }
    if (!is_victim) continue;
    if (record.constraint == OomConstraint::global) return VerdictClass::oom_global;
    if (record.constraint != OomConstraint::memcg) continue;
    return holds(record.oom_memcg) ? VerdictClass::oom_own_limit : VerdictClass::oom_ancestor_limit;
  }
  return VerdictClass::unknown;
}

struct UnitVerdict {
  VerdictClass verdict = VerdictClass::unknown;
  std::string text;  // one sentence
};
// `incident`: oom_of(); without it the answer is never an OOM kill, whatever systemd's counters
// say: they may be of a run before.
[[nodiscard]] UnitVerdict unit_verdict(const UnitEnd& end, const OomIncident* incident,
                                       const std::vector<OomRecord>& records);

}  // namespace cgwarden::diagnosis
