#pragma once

#include <string>

#include "agent/original_journal.h"
#include "policy/original.h"
#include "policy/plan.h"

namespace cgwarden::agent {

// Has systemd properties of a unit that were set at run time, for its next start too
// (systemd.unit(5), system.control, transient)? Those of a transient unit outlive its restarts and
// go with it, and all go at `systemctl revert`.
[[nodiscard]] bool keeps_runtime_properties(const std::string& unit);

// The same of one property ("MemoryMax"), as SetUnitProperties has written it.
[[nodiscard]] bool keeps_runtime_property(const std::string& unit, const std::string& property);

// The journal's entry for the knob of this write, in whichever way it was written; nullptr: there
// is none, or it is of an earlier transient unit of that name.
[[nodiscard]] const policy::Original* find_original(const OriginalJournal& journal,
                                                    const policy::Write& write);

}  // namespace cgwarden::agent
