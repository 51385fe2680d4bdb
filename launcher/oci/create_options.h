#pragma once

#include <vector>

#include "launcher/oci/command_line.h"
#include "launcher/oci/create.h"

namespace cgwarden::launcher::oci {

// The options that `create` and `run` share.
[[nodiscard]] std::vector<Option> create_option_table(CreateOptions& options);

}  // namespace cgwarden::launcher::oci
