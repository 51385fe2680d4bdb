#include "agent/process_sizes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"

namespace cgwarden::agent {
namespace {

std::optional<Bytes> resident_size(int process) {
  const auto text = read_file_at(process, "statm", limits::kControlFileBytes);
  const auto fields = text ? split(trim(*text), ' ') : std::vector<std::string_view>();
  const auto pages = fields.size() > 1 ? parse_integer<std::uint64_t>(fields[1]) : std::nullopt;
  if (!pages || *pages > (std::uint64_t{1} << 40U)) return std::nullopt;
  return Bytes{*pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
}

}  // namespace

std::vector<diagnosis::DeathEvidence::ProcessSize> largest_processes(const cgroup::Tree& tree,
                                                                     const std::string& cgroup) {
  std::vector<diagnosis::DeathEvidence::ProcessSize> found;
  const auto directory = tree.open_cgroup(cgroup);
  if (!directory) return found;
  const auto list = read_file_at(directory->get(), "cgroup.procs", limits::kProcsFileBytes);
  if (!list) return found;
  std::size_t measured = 0;
  for (const auto line : split(*list, '\n')) {
    if (line.empty() || measured++ == limits::kProcessesMeasured) break;
    const auto pid = parse_integer<pid_t>(line);
    if (!pid || *pid <= 0) continue;
    const auto process = open_at(AT_FDCWD, "/proc/" + std::to_string(*pid), O_RDONLY | O_DIRECTORY);
    const auto rss = process ? resident_size(process->get()) : std::nullopt;
    if (!rss) continue;
    const auto comm = read_file_at(process->get(), "comm", limits::kControlFileBytes);
    found.push_back({*pid, comm ? std::string(trim(*comm)) : std::string(), *rss});
  }
  std::ranges::sort(found, std::greater{}, [](const auto& size) { return size.rss.value; });
  if (found.size() > limits::kLargestProcesses) found.resize(limits::kLargestProcesses);
  return found;
}

}  // namespace cgwarden::agent
