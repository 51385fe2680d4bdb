#pragma once

#include <string>

namespace cgwarden::policy {

// JSON Schema (draft 2020-12) of a Policy or Template document, for editors: docs/
// policy.schema.json. Its knobs are the rows that the parser reads by (resource_keys.h). It is
// laxer than the parser about texts, never stricter.
[[nodiscard]] std::string policy_json_schema();

}  // namespace cgwarden::policy
