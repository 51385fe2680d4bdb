#pragma once

#include "policy/findings.h"

namespace cgwarden::policy {

// What a text must be before a YAML parser sees it: not too long, UTF-8 without byte order mark,
// lines that end in LF, no control bytes but tabs.
void check_text(Findings& findings);

}  // namespace cgwarden::policy
