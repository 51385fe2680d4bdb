#pragma once

#include <string>

#include "agent/original_restore.h"
#include "base/result.h"
#include "policy/original.h"
#include "policy/plan.h"

namespace cgwarden::cli {

// Has systemd what a policy wrote last? What it cannot be asked counts as that. Errors:
// agent::unit_says().
[[nodiscard]] Result<bool> unit_has_ours(const policy::Original& entry);

// Of a knob of a unit whose file was written past systemd, which would bring the policy's value
// back when it reads its files anew: tells it what the file has. Where it cannot be asked or told,
// the kernel's value stays until then, and that is the sentence returned; empty: all is well.
[[nodiscard]] std::string tell_unit(const policy::Original& entry,
                                    const agent::RestoreReport& report, policy::Write write);

}  // namespace cgwarden::cli
