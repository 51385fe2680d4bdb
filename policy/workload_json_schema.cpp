#include <utility>

#include "base/limits.h"
#include "policy/json_schema.h"
#include "policy/json_schema_parts.h"

namespace cgwarden::policy {
namespace {

using json_schema::header;
using json_schema::object_of;
using json_schema::Schema;
using json_schema::text_or_number;

Schema text() { return {{"type", {"string", "number", "boolean"}}}; }
Schema texts() { return {{"type", "array"}, {"items", text()}, {"minItems", 1}}; }
Schema text_map() { return {{"type", "object"}, {"additionalProperties", text()}}; }
Schema flag() { return {{"type", "boolean"}}; }
Schema whole(std::uint64_t least, std::uint64_t most) {
  return {{"type", "integer"}, {"minimum", least}, {"maximum", most}};
}
Schema duration() { return json_schema::value_schema(ValueForm::duration, false); }
Schema absolute() { return {{"type", "string"}, {"pattern", "^/"}}; }

Schema block(Schema properties, Schema required = Schema::array()) {
  Schema schema = object_of(std::move(properties));
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

void add_program(Schema& properties) {
  properties["command"] = texts();
  properties["args"] = {{"type", "array"}, {"items", text()}};
  properties["env"] = text_map();
  properties["cwd"] = absolute();
  properties["user"] = block({{"uid", whole(0, 4294967294)}, {"gid", whole(0, 4294967294)}});
  properties["hostname"] = {{"type", "string"}, {"pattern", "^[A-Za-z0-9.-]{1,64}$"}};
  properties["init"] = flag();
}

void add_root(Schema& properties) {
  properties["rootfs"] = {{"type", "string"}, {"minLength", 1}};
  properties["layers"] = {
      {"type", "array"}, {"items", {{"type", "string"}, {"minLength", 1}}}, {"minItems", 1}};
  properties["image"] = {{"type", "string"}, {"minLength", 1}};
  properties["upper"] = {{"enum", {"disk", "tmpfs"}}};
  properties["readonlyRootfs"] = flag();
  properties["mounts"] = {
      {"type", "array"},
      {"items", block({{"source", absolute()}, {"destination", absolute()}, {"readonly", flag()}},
                      {"source", "destination"})}};
}

void add_isolation(Schema& properties) {
  const Schema network = block({{"path", absolute()}, {"cni", {{"type", "string"}}}});
  properties["network"] = {{"anyOf", {{{"enum", {"none", "host", "bridge"}}}, network}}};
  properties["ports"] = {{"type", "array"}, {"items", {{"type", {"string", "integer"}}}}};
  properties["userNamespace"] =
      block({{"hostId", whole(0, 4294967294)}, {"size", whole(1, 4294967294)}}, {"hostId"});
  const Schema names = {{"type", "array"}, {"items", {{"type", "string"}}}};
  properties["capabilities"] = block({{"add", names}, {"drop", names}});
  properties["seccomp"] = {{"enum", {"default", "unconfined"}}};
}

void add_life(Schema& properties) {
  properties["restart"] = block({{"policy", {{"enum", {"no", "on-failure", "always", false}}}},
                                 {"backoff", duration()},
                                 {"backoffMax", duration()},
                                 {"resetAfter", duration()},
                                 {"maxRestarts", whole(0, 1000000)}});
  properties["health"] =
      block({{"exec", texts()},
             {"tcp", whole(1, 65535)},
             {"http", block({{"port", whole(1, 65535)}, {"path", absolute()}}, {"port"})},
             {"interval", duration()},
             {"timeout", duration()},
             {"startPeriod", duration()},
             {"retries", whole(1, 1000)},
             {"action", {{"enum", {"none", "restart"}}}}});
  properties["log"] = block({{"driver", {{"enum", {"file", "journal"}}}},
                             {"maxSize", text_or_number(R"(^([0-9]+|[0-9.]+(KiB|MiB))$)")},
                             {"maxFiles", whole(1, 100)}});
  properties["stopSignal"] = {{"type", "string"}, {"pattern", "^SIG"}};
  properties["stopTimeout"] = duration();
}

}  // namespace

std::string workload_json_schema() {
  Schema properties = header("Workload");
  properties["metadata"]["properties"]["labels"] = text_map();
  properties["metadata"]["properties"]["labels"]["maxProperties"] = limits::kWorkloadLabels;
  add_program(properties);
  add_root(properties);
  add_isolation(properties);
  add_life(properties);
  Schema resources = Schema::object();
  json_schema::add_resources(resources, false);
  properties["resources"] = object_of(std::move(resources));
  Schema schema = {{"$schema", json_schema::kDraft}, {"title", "cgwarden workloads"}};
  schema.update(object_of(std::move(properties)));
  schema["required"] = {"apiVersion", "kind", "metadata"};
  // As in read_root(): where the files come from.
  schema["oneOf"] = Schema::array();
  for (const char* root : {"rootfs", "layers", "image"}) {
    schema["oneOf"].push_back({{"required", Schema::array({root})}});
  }
  return schema.dump(2) + "\n";
}

}  // namespace cgwarden::policy
