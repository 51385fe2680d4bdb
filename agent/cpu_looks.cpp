#include "agent/cpu_looks.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "agent/adapt_pace.h"
#include "cgroup/format.h"
#include "cgroup/sample_reader.h"
#include "cgroup/sampled_files.h"
#include "cgroup/tick_scan.h"

namespace cgwarden::agent {

// The directory of this cgroup and no other.
Result<CpuLooks::Cgroup> CpuLooks::open(const Adaptation::CpuLoop& cgroup) const {
  Cgroup opened;
  CGW_ASSIGN(opened.directory, files_.open_cgroup(tree_, cgroup.path));
  struct stat about{};
  if (::fstat(opened.directory.get(), &about) != 0) {
    return fail(Error::from_errno(errno, "look at", cgroup.path));
  }
  if (CgroupId{about.st_ino} != cgroup.id) {
    return fail(Error{ErrorKind::vanished, 0, "look at", cgroup.path, "another one has its path"});
  }
  CGW_ASSIGN(opened.stat, files_.open(opened.directory.get(), "cpu.stat"));
  cgroup::Sample& sample = opened.sample.change();
  sample.id = cgroup.id;
  sample.path = cgroup.path;
  return opened;
}

Status CpuLooks::watch(const std::vector<Adaptation::CpuLoop>& cgroups) {
  const std::size_t count = std::min(cgroups.size(), adapt_pace::kCpuLooks);
  Status all;
  if (count < cgroups.size()) {
    all = fail(Error{ErrorKind::busy, 0, "look at", std::to_string(cgroups.size()) + " cgroups",
                     "at most " + std::to_string(count) + " are looked at between two ticks"});
  }
  std::map<CgroupId, Cgroup> next;
  for (const auto& cgroup : std::span(cgroups).first(count)) {
    auto known = cgroups_.extract(cgroup.id);
    if (!known.empty() && known.mapped().sample->path == cgroup.path) {
      known.mapped().read_all = true;
      next.insert(std::move(known));
    } else if (auto opened = open(cgroup)) {
      next.emplace(cgroup.id, *std::move(opened));
    } else if (opened.error().kind != ErrorKind::vanished) {
      all = fail(opened.error());
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
  return all;
}

void CpuLooks::changed(CgroupId id) {
  const auto known = cgroups_.find(id);
  if (known != cgroups_.end()) known->second.read_all = true;
}

// cgroup.controllers tells a file that is not there (cpu.pressure without PSI) from a cgroup that
// is not.
Status CpuLooks::read_others(Cgroup& cgroup) {
  static const std::vector<std::string> kOthers{"cpu.pressure", "cpu.max", "cpu.max.burst",
                                                "cgroup.controllers"};
  cgroup::Sample& sample = cgroup.sample.change();
  sample.unreadable.clear();
  sample.cpu_max.reset();
  sample.cpu_max_burst.reset();
  return cgroup::read_files(cgroup.directory.get(), kOthers, cgroup::read_control_file, sample);
}

CpuLooks::Read CpuLooks::read(Cgroup& cgroup) {
  const auto read_of = [](const Error& error) {
    return error.kind == ErrorKind::vanished ? Read::gone : Read::failed;
  };
  const auto text = cgroup::read_whole(files_, cgroup.stat.get(), buffer_, "cpu.stat");
  if (!text) return read_of(text.error());
  const auto throttled = [&] {
    const auto& stat = cgroup.sample->cpu_stat;
    return stat ? stat->nr_throttled : std::nullopt;
  };
  const auto before = throttled();
  if (!cgroup::take_scanned(cgroup::kCpuStat, *text, cgroup.sample)) {
    auto stat = cgroup::parse_cpu_stat(*text);
    if (!stat) return read_of(stat.error());
    cgroup.sample.change().cpu_stat = *stat;
  }
  cgroup.sample.change().cpu_pressure.reset();
  if (!cgroup.read_all && throttled() == before) return Read::all;
  cgroup.read_all = true;
  if (const Status read = read_others(cgroup); !read) return read_of(read.error());
  const auto is_fault = [](const auto& entry) { return !entry.switched_off; };
  if (std::ranges::any_of(cgroup.sample->unreadable, is_fault)) return Read::failed;
  // The controller is off: the next tick sees what has become of it.
  if (!cgroup.sample->cpu_max) return Read::gone;
  cgroup.read_all = false;
  return Read::all;
}

// Never more than a tenth of the time, however long reading takes (the kernel adds up cpu.stat of
// all that is below).
void CpuLooks::look() {
  const Usec begun = clock_.now().boottime;
  if (begun < rest_until_) return;
  std::vector<Adaptation::CpuLook> looks;
  std::size_t unread = 0;
  for (auto& [id, cgroup] : cgroups_) {
    const Read result = read(cgroup);
    if (result == Read::all) looks.push_back({&*cgroup.sample, clock_.now()});
    if (result == Read::failed) ++unread;
  }
  looked_(looks, unread, begun);
  const Usec over = clock_.now().boottime;
  rest_until_ = over + 9 * (over - begun);
}

}  // namespace cgwarden::agent
