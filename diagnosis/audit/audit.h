#pragma once

#include "diagnosis/audit/finding.h"
#include "diagnosis/audit/posture.h"

namespace cgwarden::diagnosis::audit {

// Asks every rule. Pure. What the posture does not tell is in `not_checked`.
[[nodiscard]] Audit audit(const Posture& posture);

}  // namespace cgwarden::diagnosis::audit
