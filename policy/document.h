#pragma once

#include <string>
#include <string_view>

#include "policy/schema.h"

namespace cgwarden::policy {

// Reads apiVersion and kind of a document. False, with the error reported, when its kind is not
// `kind`: then nothing else of it is worth reading.
[[nodiscard]] bool check_header(MapReader& document, std::string_view kind, Findings& findings);

// Reads metadata.name. Empty, with the error reported, when there is none.
[[nodiscard]] std::string read_name(MapReader& metadata, Findings& findings);

}  // namespace cgwarden::policy
