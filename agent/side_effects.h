#pragma once

#include <vector>

#include "agent/original_journal.h"
#include "base/result.h"
#include "base/units.h"
#include "cgroup/tree.h"
#include "policy/original.h"
#include "policy/plan.h"

namespace cgwarden::agent {

// What these writes change in files that none of them is of, as writes of those: while cpu.idle is
// 1 the kernel forgets cpu.weight, and a staged shrink has memory.high for a while.
[[nodiscard]] std::vector<policy::Write> side_effects(const cgroup::Tree& tree,
                                                      const std::vector<policy::Write>& writes);

// The entries of side effects whose files have none in the journal.
[[nodiscard]] std::vector<policy::Original> side_originals(
    const OriginalJournal& journal, const std::vector<policy::Write>& effects,
    policy::Keeper keeper, Usec now);

// Forgets those that have again what they had: a shrink is over.
[[nodiscard]] Status forget_settled(const cgroup::Tree& tree, OriginalJournal& journal,
                                    const std::vector<policy::Original>& entries);

}  // namespace cgwarden::agent
