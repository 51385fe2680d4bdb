#include "policy/json_schema.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "policy/resource_keys.h"

namespace cgwarden::policy {
namespace {

using Schema = nlohmann::ordered_json;

constexpr const char* kPercentPattern = R"(|[0-9]+(\.[0-9]{1,2})?% of (node|parent))";

Schema text_or_number(const std::string& pattern) {
  return {{"type", {"string", "integer", "number"}}, {"pattern", pattern}};
}

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

Schema kubernetes_block() {
  return object_of({{"cpu", text_or_number(R"(^[0-9]+(\.[0-9]{1,3})?m?$)")},
                    {"memory", text_or_number(R"(^[0-9]+(\.[0-9]{1,3})?([kMGT]|[KMGT]i)?$)")}});
}

void add_resources(Schema& properties) {
  for (const ResourceKey& row : resource_keys()) {
    const std::string block(row.block);
    if (!properties.contains(block)) properties[block] = object_of(Schema::object());
    Schema value = value_schema(row.form, row.takes_percentage);
    value["description"] = std::string(row.description) + " (" + std::string(row.file) + ")";
    properties[block]["properties"][std::string(row.key)] = std::move(value);
  }
  properties["requests"] = kubernetes_block();
  properties["limits"] = kubernetes_block();
  properties["weightFormula"] = {{"enum", {"logarithmic", "linear"}}};
  properties["memoryThrottlingFactor"] = {
      {"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", 1}};
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

Schema one_or_list(const Schema& item) {
  return {{"anyOf", {item, {{"type", "array"}, {"items", item}, {"minItems", 1}}}}};
}

Schema watch_schema() {
  const Schema duration = value_schema(ValueForm::duration, false);
  const Schema resource = object_of({{"some", duration}, {"full", duration}, {"window", duration}});
  return object_of(
      {{"pressure", object_of({{"cpu", resource}, {"memory", resource}, {"io", resource}})}});
}

Schema share(double most) {
  return {{"type", "number"}, {"exclusiveMinimum", 0}, {"maximum", most}};
}

Schema adapt_schema() {
  const Schema duration = value_schema(ValueForm::duration, false);
  const Schema size = text_or_number(R"(^([0-9]+|[0-9.]+(KiB|MiB|GiB|TiB))$)");
  const Schema cores = text_or_number(R"(^[0-9.]+m?$)");
  Schema cpu = object_of({{"floor", cores},
                          {"ceiling", cores},
                          {"throttledRatio", share(1)},
                          {"hold", duration},
                          {"period", duration},
                          {"nodeBusy", share(1)},
                          {"pressure", share(1)}});
  cpu["required"] = {"ceiling"};
  Schema high = object_of({{"floor", size},
                           {"ceiling", size},
                           {"pressure", duration},
                           {"window", duration},
                           {"probe", share(1)},
                           {"backoff", share(1)}});
  high["required"] = {"ceiling"};
  Schema stall = object_of({{"action", {{"enum", {"notify", "raise", "kill"}}}},
                            {"full", share(1)},
                            {"patience", duration},
                            {"calm", duration},
                            {"raiseStep", share(1)},
                            {"raiseBudget", share(4)},
                            {"raiseEvery", duration},
                            {"killAfter", duration}});
  stall["required"] = {"action"};
  Schema oom = object_of({{"warn", duration}});
  oom["required"] = {"warn"};
  Schema kill = object_of({{"full", share(1)},
                           {"lasting", duration},
                           {"by", {{"enum", {"size_or_growth", "pressure", "swap"}}}},
                           {"coolDown", duration},
                           {"budget", {{"type", "integer"}, {"minimum", 1}, {"maximum", 100}}},
                           {"budgetTime", duration}});
  kill["required"] = {"full", "budget"};
  return object_of({{"cpu", std::move(cpu)},
                    {"memoryHigh", std::move(high)},
                    {"stall", std::move(stall)},
                    {"timeToOom", std::move(oom)},
                    {"kill", std::move(kill)}});
}

Schema policy_schema() {
  Schema properties = header("Policy");
  const Schema glob = {{"type", "string"}, {"pattern", "^/"}};
  Schema match = object_of({{"cgroups", one_or_list(glob)}});
  match["required"] = {"cgroups"};
  properties["match"] = std::move(match);
  properties["priority"] = {{"type", "integer"}, {"minimum", -1000000}, {"maximum", 1000000}};
  properties["mode"] = {{"enum", {"enforce", "plan"}}};
  properties["drift"] = {{"enum", {"repair", "report"}}};
  properties["allowOom"] = {{"type", "boolean"}};
  properties["owner"] = {{"enum", {"respect", "adopt"}}};
  properties["templates"] = one_or_list(name_schema());
  add_resources(properties);
  properties["watch"] = watch_schema();
  properties["adapt"] = adapt_schema();
  Schema schema = object_of(std::move(properties));
  schema["required"] = {"apiVersion", "kind", "metadata", "match"};
  return schema;
}

Schema template_schema() {
  Schema properties = header("Template");
  add_resources(properties);
  Schema schema = object_of(std::move(properties));
  schema["required"] = {"apiVersion", "kind", "metadata"};
  return schema;
}

}  // namespace

std::string policy_json_schema() {
  const Schema document = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                           {"title", "cgwarden policies"},
                           {"anyOf", {policy_schema(), template_schema()}}};
  return document.dump(2) + "\n";
}

}  // namespace cgwarden::policy
