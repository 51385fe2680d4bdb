#pragma once

#include <string>

namespace cgwarden::policy {

// JSON Schemas (draft 2020-12) for editors. Knobs are the rows that the parser reads by
// (resource_keys.h). They are looser than the parser: what the kernel would refuse for the sake of
// another value, they take.

// Of files with policies and templates: docs/policy.schema.json.
[[nodiscard]] std::string policy_json_schema();
// Of drop-ins, in which nothing is required: docs/policy-drop-in.schema.json.
[[nodiscard]] std::string drop_in_json_schema();
// Of files with a workload: docs/workload.schema.json.
[[nodiscard]] std::string workload_json_schema();

}  // namespace cgwarden::policy
