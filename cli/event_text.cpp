#include "cli/event_text.h"

#include "base/text.h"
#include "cli/local_time.h"
#include "policy/match.h"

namespace cgwarden::cli {

std::string event_line(const diagnosis::Event& event) {
  std::string line = wall_text(event.when.wall) + "  " + std::string(to_string(event.kind));
  if (!event.verdict.empty()) line += " " + printable(event.verdict);
  const std::string& subject = event.subject();
  if (!subject.empty()) line += "  " + printable(subject);
  if (subject != event.cgroup && !event.cgroup.empty()) {
    line += " (" + printable(event.cgroup) + ")";
  }
  return event.text.empty() ? line : line + ": " + printable(event.text);
}

bool is_about(const diagnosis::Event& event, const std::string& wanted) {
  if (wanted.starts_with('/')) return policy::glob_matches(wanted, event.cgroup);
  return wanted == event.workload || wanted == event.unit || wanted == event.container ||
         wanted == event.pod;
}

}  // namespace cgwarden::cli
