#pragma once

#include <string>
#include <vector>

#include "cli/doctor_report.h"

namespace cgwarden::cli {

// What launches need beside cgroups: file systems and packet filter of the kernel, programs of
// Debian packages and our own helpers in `helpers` (the directory of cgwarden-shim; empty: not
// looked for). Looked for below `root`, "" on a real machine; `release` is uname(2)'s.
[[nodiscard]] std::vector<DoctorFinding> launcher_findings(const std::string& root,
                                                           const std::string& release,
                                                           const std::string& helpers);

}  // namespace cgwarden::cli
