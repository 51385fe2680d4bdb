#pragma once

#include <string>

namespace cgwarden::cli {

// A document of --json as a YAML 1.2 document of the same members, in block style, with "---"
// before it. Strings are quoted as in JSON, which is YAML. `json` must be JSON, else it is given
// back as it is (all JSON is YAML too).
[[nodiscard]] std::string yaml_text(const std::string& json);

}  // namespace cgwarden::cli
