#include "agent/cpu_looks.h"

#include <sys/stat.h>

#include <algorithm>
#include <span>
#include <utility>

#include "agent/adapt_pace.h"
#include "cgroup/sample_reader.h"

namespace cgwarden::agent {
namespace {

// The directory of this cgroup and no other; invalid: it is gone.
UniqueFd directory_of(const cgroup::Tree& tree, const Adaptation::CpuLoop& cgroup) {
  auto directory = tree.open_cgroup(cgroup.path);
  struct stat about{};
  if (!directory || ::fstat(directory->get(), &about) != 0 || CgroupId{about.st_ino} != cgroup.id) {
    return {};
  }
  return *std::move(directory);
}

}  // namespace

Result<std::size_t> CpuLooks::watch(const std::vector<Adaptation::CpuLoop>& cgroups) {
  const std::size_t count = std::min(cgroups.size(), adapt_pace::kCpuLooks);
  std::map<CgroupId, Cgroup> next;
  for (const auto& cgroup : std::span(cgroups).first(count)) {
    auto known = cgroups_.extract(cgroup.id);
    if (!known.empty() && known.mapped().path == cgroup.path) {
      next.insert(std::move(known));
    } else if (UniqueFd directory = directory_of(tree_, cgroup); directory.valid()) {
      next.emplace(cgroup.id, Cgroup{cgroup.path, std::move(directory)});
    }
  }
  cgroups_ = std::move(next);
  if (cgroups_.empty()) {
    timer_ = {};
  } else if (!timer_.active()) {
    auto timer = loop_.timer(adapt_pace::kCpuLook, adapt_pace::kCpuLook, [this] { look(); });
    if (!timer) {
      cgroups_.clear();
      return fail(timer.error());
    }
    timer_ = *std::move(timer);
  }
  return cgroups.size() - count;
}

void CpuLooks::look() {
  static const std::vector<std::string> kFiles{"cpu.stat", "cpu.pressure", "cpu.max",
                                               "cpu.max.burst"};
  const TimePoint now = clock_.now();
  std::vector<cgroup::Sample> samples;
  for (const auto& [id, cgroup] : cgroups_) {
    cgroup::Sample sample;
    sample.id = id;
    sample.path = cgroup.path;
    const Status read =
        cgroup::read_files(cgroup.directory.get(), kFiles, cgroup::read_control_file, sample);
    // Without them the next tick sees what has become of it.
    if (read && sample.cpu_stat && sample.cpu_max) samples.push_back(std::move(sample));
  }
  looked_(samples, now);
}

}  // namespace cgwarden::agent
