// Workload documents: the health check.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "policy/workload_schema.h"

namespace cgwarden::policy {
namespace {

constexpr const char* kExample = "health: {http: {port: 8080, path: /healthz}, interval: 10s}";
// A check starts a process: faster ones would cost more than they tell.
constexpr Usec kLeastInterval{1'000'000};
constexpr Usec kLeastTimeout{100'000};
constexpr std::uint64_t kMostRetries = 1000;

std::optional<std::uint16_t> read_port(const Node& node, std::string_view name,
                                       Findings& findings) {
  const auto port = read_value(node, name, findings,
                               [](std::string_view text) { return parse_count(text, 1, 65535); });
  return port ? std::optional(static_cast<std::uint16_t>(*port)) : std::nullopt;
}

// What goes into a request line as it is.
Parsed<std::string> parse_request_path(std::string_view text) {
  const bool printable_only = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
  if (!text.starts_with('/') || !printable_only) {
    return std::unexpected(ValueFault{"it is not a path of a URL, which begins with /",
                                      "write blanks and other bytes as %20"});
  }
  return std::string(text);
}

void read_http(const Node& node, HealthCheck& check, Findings& findings) {
  if (node.kind != NodeKind::map) {
    return report_kind(node, "health.http", "a map", kExample, findings);
  }
  MapReader map(node, "health.http.", findings);
  if (const Node* port = map.require("port", kExample)) {
    check.port = read_port(*port, map.name("port"), findings).value_or(0);
  }
  if (const Node* path = map.find("path")) {
    check.path = read_value(*path, map.name("path"), findings, parse_request_path).value_or("/");
  }
  map.refuse_unknown();
}

void read_kind(const Node& node, MapReader& map, HealthCheck& check, Findings& findings) {
  const Node* exec = map.find("exec");
  const Node* tcp = map.find("tcp");
  const Node* http = map.find("http");
  const std::array<const Node*, 3> kinds{exec, tcp, http};
  if (std::ranges::count(kinds, nullptr) != 2) {
    findings.error(node.place, "a health check has one of exec, tcp and http", kExample);
    return;
  }
  if (exec != nullptr) {
    check.kind = HealthCheck::Kind::exec;
    check.command = read_texts(*exec, "health.exec", "exec: [/bin/check, --quick]", findings);
    if (exec->kind == NodeKind::sequence && exec->children.empty()) {
      findings.error(exec->place, "health.exec is an empty list", "exec: [/bin/check, --quick]");
    }
  } else if (tcp != nullptr) {
    check.kind = HealthCheck::Kind::tcp;
    check.port = read_port(*tcp, "health.tcp", findings).value_or(0);
  } else {
    check.kind = HealthCheck::Kind::http;
    read_http(*http, check, findings);
  }
}

}  // namespace

void read_health(MapReader& document, Workload& workload, Findings& findings) {
  const Node* node = document.find("health");
  if (node == nullptr) return;
  if (node->kind != NodeKind::map) {
    return report_kind(*node, "health", "a map", kExample, findings);
  }
  MapReader map(*node, "health.", findings);
  HealthCheck check;
  read_kind(*node, map, check, findings);
  read_duration(map, "interval", kLeastInterval, check.interval, findings);
  read_duration(map, "timeout", kLeastTimeout, check.timeout, findings);
  read_duration(map, "startPeriod", Usec{0}, check.start_period, findings);
  if (const Node* retries = map.find("retries")) {
    const auto count = read_value(*retries, "health.retries", findings, [](std::string_view text) {
      return parse_count(text, 1, kMostRetries);
    });
    if (count) check.retries = static_cast<unsigned>(*count);
  }
  if (const Node* action = map.find("action")) {
    check.restart = read_word(*action, "health.action", {"none", "restart"}, findings) == "restart";
    if (check.restart && workload.restart.policy == RestartPolicy::no) {
      findings.error(action->place, "health.action restart needs a restart policy",
                     "restart: {policy: on-failure}");
    }
  }
  map.refuse_unknown();
  workload.health = std::move(check);
}

}  // namespace cgwarden::policy
