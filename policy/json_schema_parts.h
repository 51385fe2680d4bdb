#pragma once

#include <nlohmann/json.hpp>

#include <string>

#include "policy/resource_keys.h"

// What the JSON Schemas of the kinds are put together from.
namespace cgwarden::policy::json_schema {

using Schema = nlohmann::ordered_json;

inline constexpr const char* kDraft = "https://json-schema.org/draft/2020-12/schema";

// A scalar that YAML may have made a number of.
[[nodiscard]] Schema text_or_number(const std::string& pattern);
[[nodiscard]] Schema value_schema(ValueForm form, bool takes_percentage);
// With these keys and no others.
[[nodiscard]] Schema object_of(Schema properties);
[[nodiscard]] Schema one_or_list(const Schema& item);
[[nodiscard]] Schema name_schema();
// apiVersion, kind and metadata.
[[nodiscard]] Schema header(const char* kind);
// Adds the blocks of resource_keys(), and requests and limits.
void add_resources(Schema& properties, bool with_percentages);

}  // namespace cgwarden::policy::json_schema
