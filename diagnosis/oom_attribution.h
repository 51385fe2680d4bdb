#pragma once

#include "diagnosis/death_case.h"

namespace cgwarden::diagnosis {

// Weighs the counters and the kernel log against each other (mm/oom_kill.c: `oom` is counted where
// the limit was hit, `oom_kill` where the victim was). The log says which kill was the main
// process's, the counters cannot be forged or rate-limited: proven needs both and the wait status.
[[nodiscard]] OomAttribution attribute_oom(const DeathCase& death);

}  // namespace cgwarden::diagnosis
