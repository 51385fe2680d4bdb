#include <nlohmann/json.hpp>

#include "cli/audit_report.h"
#include "cli/json_output.h"

namespace cgwarden::cli {
namespace {

using Json = nlohmann::json;

Json to_object(const AuditedContainer& audited) {
  Json findings = Json::array();
  for (const auto& finding : audited.audit.findings) {
    findings.push_back({{"id", finding.id},
                        {"severity", to_string(finding.severity)},
                        {"seen", finding.seen},
                        {"source", finding.source},
                        {"why", finding.why},
                        {"remedy", finding.remedy}});
  }
  Json not_checked = Json::array();
  for (const auto& skipped : audited.audit.not_checked) {
    not_checked.push_back({{"check", skipped.check},
                           {"could_be", to_string(skipped.worst)},
                           {"reason", skipped.reason}});
  }
  Json object{{"name", audited.container.name},
              {"pid", audited.container.pid},
              {"comm", audited.comm},
              {"worst", nullptr},
              {"findings", std::move(findings)},
              {"not_checked", std::move(not_checked)}};
  if (audited.container.runtime != "-") object["runtime"] = audited.container.runtime;
  if (!audited.cgroup.empty()) object["cgroup"] = audited.cgroup;
  if (const auto worst = audited.audit.worst()) object["worst"] = to_string(*worst);
  return object;
}

}  // namespace

std::string audit_json(const AuditAnswer& answer) {
  Json containers = Json::array();
  for (const auto& audited : answer.list) containers.push_back(to_object(audited));
  Json document{{"version", kJsonVersion},
                {"fail_on", nullptr},
                {"failed", answer.failed()},
                {"containers", std::move(containers)},
                {"processes_not_seen", answer.unseen}};
  if (answer.fail_on) document["fail_on"] = to_string(*answer.fail_on);
  // Names of processes and mounts need not be UTF-8; JSON must be.
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cgwarden::cli
