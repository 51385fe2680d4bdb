// The JSON Schemas name the keys that the parsers know, and the files in docs are made from them.
#include "policy/json_schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>

#include "base/file.h"
#include "base/text.h"
#include "policy/policy_set.h"
#include "tests/paths.h"
#include "tests/policy/loading.h"

namespace cgwarden::policy {
namespace {

using nlohmann::json;
using ::testing::UnorderedElementsAreArray;

// A parser names all keys of a map when it meets one that is like none.
std::vector<std::string> known_keys(const std::string& errors) {
  constexpr std::string_view kBefore = "the keys here are ";
  const std::size_t at = errors.find(kBefore);
  if (at == std::string::npos) return {errors};
  const std::string list =
      errors.substr(at + kBefore.size(), errors.find('\n', at) - at - kBefore.size());
  std::vector<std::string> keys;
  for (const std::string_view key : split(list, ',')) keys.emplace_back(trim(key));
  return keys;
}

std::vector<std::string> keys_of(const json& schema) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : schema.at("properties").items()) keys.push_back(key);
  return keys;
}

constexpr const char* kStrange = "qqqqqqqqqqqqqqqqqqqq";

// {a: {b: {STRANGE: 1}}} for "a.b".
std::string with_strange_key(const std::string& path) {
  std::string text = "{" + std::string(kStrange) + ": 1}";
  const auto parts = split(path, '.');
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    text = part + 1 == parts.rend() ? std::string(*part) + ": " + text + "\n"
                                    : "{" + std::string(*part) + ": " + text + "}";
  }
  return text;
}

const json& below(const json& schema, const std::string& path) {
  const json* at = &schema;
  for (const std::string_view part : split(path, '.')) {
    at = &at->at("properties").at(std::string(part));
  }
  return *at;
}

TEST(JsonSchema, AWorkloadHasTheKeysOfItsParser) {
  const json schema = json::parse(workload_json_schema());
  EXPECT_THAT(
      known_keys(testing::workload_errors(testing::workload_text(std::string(kStrange) + ": 1\n"))),
      UnorderedElementsAreArray(keys_of(schema)));
  for (const char* path : {"user", "restart", "health", "health.http", "log", "userNamespace",
                           "capabilities", "resources", "resources.cpu", "resources.memory",
                           "resources.pids", "resources.io", "resources.cpuset"}) {
    EXPECT_THAT(
        known_keys(testing::workload_errors(testing::workload_text(with_strange_key(path)))),
        UnorderedElementsAreArray(keys_of(below(schema, path))))
        << path;
  }
  const std::string mount = "mounts: [{" + std::string(kStrange) + ": 1}]\n";
  EXPECT_THAT(known_keys(testing::workload_errors(testing::workload_text(mount))),
              UnorderedElementsAreArray(keys_of(schema["properties"]["mounts"]["items"])));
}

TEST(JsonSchema, APolicyHasTheKeysOfItsParser) {
  const json schema = json::parse(policy_json_schema())["anyOf"][0];
  const std::string line = std::string(kStrange) + ": 1\n";
  EXPECT_THAT(known_keys(testing::policy_errors(testing::policy_text(line))),
              UnorderedElementsAreArray(keys_of(schema)));
  for (const char* path :
       {"cpu", "memory", "requests", "adapt", "adapt.cpu", "adapt.memoryHigh", "adapt.stall",
        "adapt.timeToOom", "adapt.kill", "watch", "watch.pressure", "watch.pressure.memory"}) {
    EXPECT_THAT(known_keys(testing::policy_errors(testing::policy_text(with_strange_key(path)))),
                UnorderedElementsAreArray(keys_of(below(schema, path))))
        << path;
  }
  const std::string match =
      "apiVersion: cgwarden/v1\nkind: Policy\nmetadata: {name: p}\n" + with_strange_key("match");
  EXPECT_THAT(known_keys(testing::policy_errors(match)),
              UnorderedElementsAreArray(keys_of(below(schema, "match"))));
  const json drop_in = json::parse(drop_in_json_schema())["anyOf"][0];
  EXPECT_THAT(
      known_keys(render(
          load_policy_set({{"p.d/a.yaml", "apiVersion: cgwarden/v1\nkind: Policy\n" + line, "p"}})
              .errors)),
      UnorderedElementsAreArray(keys_of(drop_in)));
}

TEST(JsonSchema, TheFilesAreGenerated) {
  struct Row {
    const char* file;
    std::string schema;
  };
  bool written = false;
  for (const Row& row : {Row{"policy.schema.json", policy_json_schema()},
                         Row{"policy-drop-in.schema.json", drop_in_json_schema()},
                         Row{"workload.schema.json", workload_json_schema()}}) {
    const std::string path = in_source("docs/") + row.file;
    if (std::getenv("CGWARDEN_REGENERATE") != nullptr) {
      ASSERT_TRUE(write_file_atomically(path, row.schema));
      written = true;
      continue;
    }
    const auto committed = read_file(path, std::size_t{1} << 20U);
    ASSERT_TRUE(committed) << committed.error().sentence();
    EXPECT_EQ(*committed, row.schema) << path << ": CGWARDEN_REGENERATE=1 writes it anew";
  }
  if (written) FAIL() << "the schemas were written; read the difference and commit it";
}

}  // namespace
}  // namespace cgwarden::policy
