#include "policy/workload.h"

#include <fmt/format.h>

#include <utility>

#include "policy/document.h"
#include "policy/resource_schema.h"
#include "policy/workload_schema.h"

namespace cgwarden::policy {
namespace {

Workload read_workload(const Node& node, Findings& findings) {
  Workload workload;
  if (node.kind != NodeKind::map) {
    report_kind(node, "a workload", "a map", "kind: Workload", findings);
    return workload;
  }
  MapReader document(node, "", findings);
  if (!check_header(document, "Workload", findings)) return workload;
  workload.position = findings.source().position(node.place);
  read_identity(document, workload, findings);
  read_process(document, workload, findings);
  read_isolation(document, workload, findings);
  read_network(document, workload, findings);
  read_lifecycle(document, workload, findings);
  read_health(document, workload, findings);
  read_log(document, workload, findings);
  if (const Node* resources = document.find("resources")) {
    if (resources->kind == NodeKind::map) {
      MapReader block(*resources, "", findings);
      workload.resources = read_resources(block, findings);
      lint_resources(workload.resources, findings);
      for (const auto& [file, percentage] : workload.resources.percentages) {
        findings.error(workload.resources.positions.at(file),
                       fmt::format("{} is a percentage: only a Policy has a base for it", file),
                       "write the value out, or give it to a Policy that matches the workload",
                       "L39");
      }
      block.refuse_unknown();
    } else {
      report_kind(*resources, "resources", "a map", "resources: {memory: {max: 64MiB}}", findings);
    }
  }
  document.refuse_unknown();
  return workload;
}

}  // namespace

std::expected<Workload, std::vector<Diagnostic>> load_workload(std::string_view yaml,
                                                               const std::string& file) {
  const SourceText source(yaml, file);
  Findings findings(source);
  Workload workload;
  const std::vector<Node> documents = parse_yaml(findings);
  if (!findings.has_errors()) {
    workload = read_workload(documents.front(), findings);
    if (documents.size() > 1) {
      findings.error(documents[1].place, "a second document: a file describes one workload",
                     "move it to a file of its own");
    }
  }
  if (findings.has_errors()) return std::unexpected(findings.take_errors());
  return workload;
}

bool valid_workload_name(std::string_view name) { return valid_name(name); }

}  // namespace cgwarden::policy
