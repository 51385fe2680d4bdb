#include "launcher/oci/ps_table.h"

#include <algorithm>
#include <cstddef>

#include "base/text.h"

namespace cgwarden::launcher::oci {
namespace {

// Separated by any number of spaces.
std::vector<std::string_view> columns(std::string_view line) {
  std::vector<std::string_view> found = split(line, ' ');
  std::erase(found, std::string_view());
  return found;
}

}  // namespace

std::optional<std::string> lines_of(std::string_view table, const std::vector<pid_t>& pids) {
  const auto lines = split(table, '\n');
  const auto head = columns(lines.front());
  const auto pid_column = std::ranges::find(head, "PID");
  if (pid_column == head.end()) return std::nullopt;
  const auto at = static_cast<std::size_t>(pid_column - head.begin());
  std::string kept(lines.front());
  kept += '\n';
  bool of_container = false;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto words = columns(lines[i]);
    if (words.size() <= at) continue;
    if (words[at] != "-") {
      const auto pid = parse_integer<pid_t>(words[at]);
      of_container = pid && std::ranges::find(pids, *pid) != pids.end();
    }
    if (!of_container) continue;
    kept += lines[i];
    kept += '\n';
  }
  return kept;
}

}  // namespace cgwarden::launcher::oci
