#pragma once

#include <string>

#include "base/result.h"
#include "cli/commands.h"

namespace cgwarden::cli {

// The Workload document of `run -- COMMAND` or `run --image IMAGE`, as JSON, which is YAML too.
// Values are checked where it is read. invalid: an option that is not of its form, with the
// option's name.
[[nodiscard]] Result<std::string> run_document(const RunOptions& options);

}  // namespace cgwarden::cli
