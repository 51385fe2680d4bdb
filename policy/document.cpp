#include "policy/document.h"

#include <fmt/format.h>

#include "base/limits.h"

namespace cgwarden::policy {
namespace {

constexpr std::string_view kApiVersion = "cgwarden/v1";

std::string other_kind_hint(std::string_view found) {
  if (found == "Workload") return "workloads are started with: cgwarden run FILE";
  if (found == "Policy") return "policies belong into the policy directory of the agent";
  if (found == "Agent") return "check it with: cgwarden agent --check --config FILE";
  return {};
}

std::string with_article(std::string_view kind) {
  return fmt::format("{} {}", kind == "Agent" ? "an" : "a", kind);
}

}  // namespace

bool check_header(MapReader& document, std::string_view kind, Findings& findings) {
  const std::string version_hint = fmt::format("apiVersion: {}", kApiVersion);
  if (const Node* version = document.require("apiVersion", version_hint)) {
    const auto text = read_text(*version, "apiVersion", findings);
    if (text && *text != kApiVersion) {
      report_fault(*version, "apiVersion",
                   {fmt::format("this version of cgwarden knows {}", kApiVersion), ""}, findings);
    }
  }
  const Node* node = document.require("kind", fmt::format("kind: {}", kind));
  if (node == nullptr) return true;
  const std::string hint = node->kind == NodeKind::scalar ? other_kind_hint(node->scalar) : "";
  if (!hint.empty() && node->scalar != kind) {
    findings.error(node->place,
                   fmt::format("this is {}, but {} is expected here", with_article(node->scalar),
                               with_article(kind)),
                   hint);
    return false;
  }
  return read_word(*node, "kind", {kind}, findings).has_value();
}

std::string read_name(MapReader& metadata, Findings& findings) {
  const Node* node = metadata.require("name", "metadata: {name: web}");
  if (node == nullptr) return {};
  auto name = read_text(*node, "metadata.name", findings);
  if (!name) return {};
  if (valid_name(*name)) return *std::move(name);
  report_fault(*node, "metadata.name",
               {fmt::format("a name has up to {} lower-case letters, digits, \"-\" and \".\", and "
                            "begins and ends with a letter or digit",
                            limits::kWorkloadNameBytes),
                ""},
               findings);
  return {};
}

}  // namespace cgwarden::policy
