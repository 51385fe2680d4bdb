#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "launcher/spec.h"

// What the tests of the config.json parser share.
namespace cgwarden::launcher {

// A config.json with `process` and `rest` (each starting with a comma, or empty) inserted.
inline std::string document(const std::string& process, const std::string& rest) {
  return R"({"ociVersion":"1.2.0","process":{"cwd":"/","args":["a"])" + process +
         R"(},"root":{"path":"/r"})" + rest + "}";
}
inline std::string linux_document(const std::string& section) {
  return document("", R"(,"linux":{)" + section + "}");
}
inline std::string resources_document(const std::string& section) {
  return linux_document(R"("resources":{)" + section + "}");
}

inline std::string refusal(const std::string& json) {
  const auto spec = parse_config(json, "config.json");
  return spec ? "accepted" : spec.error().sentence();
}
inline std::string says(const std::string& fault) {
  return "cannot use the OCI config config.json: " + fault;
}

// A test that goes on with this has failed already when the text is refused.
inline Spec parsed(const std::string& json) {
  auto spec = parse_config(json, "config.json");
  EXPECT_TRUE(spec) << spec.error().sentence();
  return spec ? *std::move(spec) : Spec{};
}
inline std::vector<std::string> warnings_of(const std::string& json) {
  std::vector<std::string> warnings;
  const auto spec = parse_config(json, "config.json", &warnings);
  EXPECT_TRUE(spec) << spec.error().sentence();
  return warnings;
}

struct Refusal {
  std::string json;
  std::string fault;
};

}  // namespace cgwarden::launcher
