#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "cli/container_finder.h"
#include "diagnosis/audit/finding.h"
#include "diagnosis/report.h"

namespace cgwarden::cli {

struct AuditedContainer {
  Container container;
  std::string comm;
  std::string cgroup;
  diagnosis::audit::Audit audit;
};

// One container: its findings, the worst first, and what was not checked. All foreign text is made
// printable.
[[nodiscard]] std::string audit_text(const AuditedContainer& audited,
                                     const diagnosis::ReportStyle& style);

// All of the node, a line each.
[[nodiscard]] std::string audit_table(const std::vector<AuditedContainer>& list);

// The whole answer.
struct AuditAnswer {
  std::vector<AuditedContainer> list;
  std::size_t unseen = 0;  // processes which could not be looked at
  // Exit 1 from this severity on; nullopt: never.
  std::optional<diagnosis::audit::Severity> fail_on;
  [[nodiscard]] bool failed() const;
};

// The document of --json (json_output.h).
[[nodiscard]] std::string audit_json(const AuditAnswer& answer);

}  // namespace cgwarden::cli
