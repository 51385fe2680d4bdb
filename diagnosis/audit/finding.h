#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What `cgwarden audit` says of the isolation of a process.
namespace cgwarden::diagnosis::audit {

enum class Severity {
  info,
  low,       // weakens a second line of defence
  medium,    // helps an attacker who found another hole
  high,      // a way out which needs a step more, or a view of what the host does
  critical,  // code in the container owns the host
};
[[nodiscard]] std::string_view to_string(Severity severity);  // "critical"
[[nodiscard]] std::optional<Severity> severity_from(std::string_view name);

struct Finding {
  std::string id;  // stable: "host-pid-namespace"
  Severity severity = Severity::info;
  std::string seen;    // what was read
  std::string source;  // where: "/proc/42/status"
  std::string why;     // what an attacker does with it
  std::string remedy;
};

// A check that could not be made, which is not the same as nothing found.
struct NotChecked {
  std::string check;                    // "capabilities"
  Severity worst = Severity::critical;  // the most it could have found
  std::string reason;
};

struct Audit {
  std::vector<Finding> findings;        // the worst first
  std::vector<NotChecked> not_checked;  // the worst first

  [[nodiscard]] std::optional<Severity> worst() const;  // of the findings; nullopt: none
  // Is there a finding of at least this severity, or a check that was not made and could have found
  // one?
  [[nodiscard]] bool reaches(Severity severity) const;
};

}  // namespace cgwarden::diagnosis::audit
