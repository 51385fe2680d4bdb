#include "policy/json_schema_parts.h"

#include <utility>

namespace cgwarden::policy::json_schema {
namespace {

constexpr const char* kPercentPattern = R"(|[0-9]+(\.[0-9]{1,2})?% of (node|parent))";

Schema map_of_devices(Schema value) {
  return {{"type", "object"}, {"minProperties", 1}, {"additionalProperties", std::move(value)}};
}

Schema rates() {
  const Schema bytes = text_or_number(R"(^(max|[0-9]+|[0-9.]+(KiB|MiB|GiB|TiB))$)");
  const Schema operations = text_or_number(R"(^(max|[0-9]+)$)");
  return {{"type", "object"},
          {"additionalProperties", false},
          {"minProperties", 1},
          {"properties",
           {{"rbps", bytes}, {"wbps", bytes}, {"riops", operations}, {"wiops", operations}}}};
}

Schema kubernetes_block() {
  return object_of({{"cpu", text_or_number(R"(^[0-9]+(\.[0-9]{1,3})?m?$)")},
                    {"memory", text_or_number(R"(^[0-9]+(\.[0-9]{1,3})?([kMGT]|[KMGT]i)?$)")}});
}

}  // namespace

Schema text_or_number(const std::string& pattern) {
  return {{"type", {"string", "integer", "number"}}, {"pattern", pattern}};
}

Schema value_schema(ValueForm form, bool takes_percentage) {
  const std::string percent = takes_percentage ? kPercentPattern : "";
  switch (form) {
    case ValueForm::weight:
      return {{"type", "integer"}, {"minimum", 1}, {"maximum", 10000}};
    case ValueForm::truth:
      return {{"type", "boolean"}};
    case ValueForm::quota:
      return text_or_number(R"(^(max|[0-9.]+m?|[0-9.]+[a-z]* ?/ ?[0-9.]+[a-z]*)" + percent + ")$");
    case ValueForm::duration:
      return text_or_number(R"(^(0|[0-9.]+(us|ms|s|min|h))$)");
    case ValueForm::size:
      return text_or_number(R"(^(max|[0-9]+|[0-9.]+(KiB|MiB|GiB|TiB))" + percent + ")$");
    case ValueForm::id_list:
      return text_or_number(R"(^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$)");
    case ValueForm::pids:
      return text_or_number(R"(^(max|[0-9]+)" + percent + ")$");
    case ValueForm::device_weight: {
      const Schema weight = value_schema(ValueForm::weight, false);
      return {{"anyOf", {weight, map_of_devices(weight)}}};
    }
    case ValueForm::device_rates:
      return map_of_devices(rates());
    case ValueForm::device_duration:
      return map_of_devices(value_schema(ValueForm::duration, false));
  }
  return Schema::object();
}

Schema object_of(Schema properties) {
  return {
      {"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
}

Schema one_or_list(const Schema& item) {
  return {{"anyOf", {item, {{"type", "array"}, {"items", item}, {"minItems", 1}}}}};
}

Schema name_schema() {
  return {{"type", "string"}, {"pattern", "^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"}, {"maxLength", 64}};
}

Schema header(const char* kind) {
  Schema metadata = object_of({{"name", name_schema()}});
  metadata["required"] = {"name"};
  return {{"apiVersion", {{"const", "cgwarden/v1"}}},
          {"kind", {{"const", kind}}},
          {"metadata", std::move(metadata)}};
}

void add_resources(Schema& properties, bool with_percentages) {
  for (const ResourceKey& row : resource_keys()) {
    const std::string block(row.block);
    if (!properties.contains(block)) properties[block] = object_of(Schema::object());
    Schema value = value_schema(row.form, with_percentages && row.takes_percentage);
    value["description"] = std::string(row.description) + " (" + std::string(row.file) + ")";
    properties[block]["properties"][std::string(row.key)] = std::move(value);
  }
  properties["requests"] = kubernetes_block();
  properties["limits"] = kubernetes_block();
  properties["weightFormula"] = {{"enum", {"logarithmic", "linear"}}};
  properties["memoryThrottlingFactor"] = {
      {"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", 1}};
}

}  // namespace cgwarden::policy::json_schema
