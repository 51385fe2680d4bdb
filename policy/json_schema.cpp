#include "policy/json_schema.h"

#include <utility>

#include "policy/json_schema_parts.h"

namespace cgwarden::policy {
namespace {

using namespace json_schema;

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

Schema match_schema() {
  const Schema names = one_or_list({{"type", "string"}, {"minLength", 1}});
  const Schema texts = {{"type", "object"},
                        {"minProperties", 1},
                        {"additionalProperties", {{"type", {"string", "number", "boolean"}}}}};
  Schema match = object_of({{"cgroups", one_or_list({{"type", "string"}, {"pattern", "^/"}})},
                            {"units", names},
                            {"workloads", names},
                            {"pods", names},
                            {"namespaces", names},
                            {"containers", names},
                            {"labels", texts},
                            {"xattrs", texts}});
  match["minProperties"] = 1;
  return match;
}

Schema policy_properties() {
  Schema properties = header("Policy");
  properties["match"] = match_schema();
  properties["priority"] = {{"type", "integer"}, {"minimum", -1000000}, {"maximum", 1000000}};
  properties["mode"] = {{"enum", {"enforce", "plan"}}};
  properties["drift"] = {{"enum", {"repair", "report"}}};
  properties["allowOom"] = {{"type", "boolean"}};
  properties["allowUnmanagedKnobs"] = {{"type", "boolean"}};
  properties["owner"] = {{"enum", {"respect", "adopt"}}};
  properties["templates"] = one_or_list(name_schema());
  add_resources(properties, true);
  properties["watch"] = watch_schema();
  properties["adapt"] = adapt_schema();
  return properties;
}

Schema policy_schema() {
  Schema schema = object_of(policy_properties());
  schema["required"] = {"apiVersion", "kind", "metadata", "match"};
  return schema;
}

Schema drop_in_schema() {
  Schema properties = policy_properties();
  properties["unset"] = {{"type", "array"}, {"items", {{"type", "string"}}}};
  Schema schema = object_of(std::move(properties));
  schema["required"] = {"apiVersion", "kind"};
  return schema;
}

Schema template_schema() {
  Schema properties = header("Template");
  add_resources(properties, true);
  Schema schema = object_of(std::move(properties));
  schema["required"] = {"apiVersion", "kind", "metadata"};
  return schema;
}

}  // namespace

std::string policy_json_schema() {
  const Schema document = {{"$schema", kDraft},
                           {"title", "cgwarden policies"},
                           {"anyOf", {policy_schema(), template_schema()}}};
  return document.dump(2) + "\n";
}

std::string drop_in_json_schema() {
  const Schema document = {{"$schema", kDraft},
                           {"title", "cgwarden policy drop-ins"},
                           {"anyOf", {drop_in_schema(), template_schema()}}};
  return document.dump(2) + "\n";
}

}  // namespace cgwarden::policy
