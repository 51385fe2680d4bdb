#include "cgroup/file_group.h"

#include <algorithm>

namespace cgwarden::cgroup {

std::string_view to_string(FileGroup group) {
  static constexpr std::array<std::string_view, kFileGroups> kNames{
      "cgroup", "cpu",  "cpuset",  "memory", "memory.stat", "memory.numa_stat",
      "io",     "pids", "hugetlb", "rdma",   "misc"};
  return kNames.at(static_cast<std::size_t>(group));
}

std::optional<FileGroup> file_group(std::string_view name) {
  const auto* const found = std::ranges::find_if(
      kAllFileGroups, [&](FileGroup group) { return to_string(group) == name; });
  if (found == kAllFileGroups.end()) return std::nullopt;
  return *found;
}

}  // namespace cgwarden::cgroup
