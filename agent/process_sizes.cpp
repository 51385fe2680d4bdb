#include "agent/process_sizes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

#include "base/file.h"
#include "base/limits.h"
#include "base/text.h"
#include "cgroup/directory.h"

namespace cgwarden::agent {
namespace {

std::optional<Bytes> resident_size(int process) {
  const auto text = read_file_at(process, "statm", limits::kControlFileBytes);
  const auto fields = text ? split(trim(*text), ' ') : std::vector<std::string_view>();
  const auto pages = fields.size() > 1 ? parse_integer<std::uint64_t>(fields[1]) : std::nullopt;
  if (!pages || *pages > (std::uint64_t{1} << 40U)) return std::nullopt;
  return Bytes{*pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
}

using Sizes = std::vector<diagnosis::DeathEvidence::ProcessSize>;

void measure(int directory, std::size_t& room, Sizes& found) {
  const auto list = read_file_at(directory, "cgroup.procs", limits::kProcsFileBytes);
  if (!list) return;
  for (const auto line : split(*list, '\n')) {
    if (line.empty() || room == 0) break;
    --room;
    const auto pid = parse_integer<pid_t>(line);
    if (!pid || *pid <= 0) continue;
    const auto process = open_at(AT_FDCWD, "/proc/" + std::to_string(*pid), O_RDONLY | O_DIRECTORY);
    const auto rss = process ? resident_size(process->get()) : std::nullopt;
    if (!rss) continue;
    const auto comm = read_file_at(process->get(), "comm", limits::kControlFileBytes);
    found.push_back({*pid, comm ? std::string(trim(*comm)) : std::string(), *rss});
  }
}

}  // namespace

std::vector<diagnosis::DeathEvidence::ProcessSize> largest_processes(const cgroup::Tree& tree,
                                                                     const std::string& cgroup) {
  Sizes found;
  std::size_t room = limits::kProcessesMeasured;
  // Wide before deep; a listing that is in the way takes a place, too.
  std::deque<std::string> cgroups{cgroup};
  while (!cgroups.empty() && room > 0) {
    const std::string path = std::move(cgroups.front());
    cgroups.pop_front();
    const auto at = tree.open_cgroup(path);
    const auto directory = at ? cgroup::Directory::open(at->get(), ".") : fail(at.error());
    if (!directory) continue;
    if (path != cgroup) --room;
    measure(directory->fd(), room, found);
    for (const auto& child : directory->children()) {
      if (cgroups.size() < limits::kProcessesMeasured) cgroups.push_back(path + "/" + child);
    }
  }
  std::ranges::sort(found, std::greater{}, [](const auto& size) { return size.rss.value; });
  if (found.size() > limits::kLargestProcesses) found.resize(limits::kLargestProcesses);
  return found;
}

}  // namespace cgwarden::agent
