#include "cgroup/cgroup_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "cgroup/grouped_format.h"
#include "cgroup/take_value.h"
#include "cgroup/tick_scan.h"

namespace cgwarden::cgroup {
namespace {

constexpr std::size_t kControllers = kSampledFiles - 1;

ReadFault fault_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::vanished:
      return ReadFault::vanished;
    case ErrorKind::not_permitted:
      return ReadFault::not_permitted;
    case ErrorKind::malformed:
      return ReadFault::malformed;
    default:
      return ReadFault::io;
  }
}

void forget_unreadable(SharedSample& sample, std::string_view file) {
  const auto of_file = [&](const auto& entry) { return entry.file == file; };
  if (std::ranges::none_of(sample->unreadable, of_file)) return;
  std::erase_if(sample.change().unreadable, of_file);
}

// Every cgroup with the controller has the same ones.
void note_size(std::vector<std::string>& sizes, std::string_view file) {
  const std::string_view size = hugetlb_size(file);
  if (sizes.size() < limits::kHugePageSizes && std::ranges::find(sizes, size) == sizes.end()) {
    sizes.emplace_back(size);
  }
}

}  // namespace

std::string_view to_string(ReadFault fault) {
  static constexpr std::array<std::string_view, kReadFaults> kNames{"vanished", "not_permitted",
                                                                    "malformed", "io"};
  return kNames.at(static_cast<std::size_t>(fault));
}

CgroupReader::CgroupReader(const Tree& tree, ControlFiles& files, std::size_t most_kept,
                           FileGroups groups)
    : tree_(tree), files_(files), most_kept_(most_kept), groups_(groups) {}

void CgroupReader::list(Watched& watched, const std::vector<std::string>& names) {
  std::bitset<kSampledFiles> listed;
  bool can_hide_pressure = false;
  for (const std::string& name : names) {
    can_hide_pressure |= name == "cgroup.pressure";
    const std::size_t file = sampled_file(name);
    if (file == kSampledFiles || !sampled_files()[file].wanted(groups_)) continue;
    listed.set(file);
    if (sampled_files()[file].of_each_size) note_size(huge_sizes_, name);
  }
  for (std::size_t file = 0; file < kSampledFiles; ++file) {
    if (listed.test(file)) continue;
    if (watched.listed.test(file)) {
      sampled_files()[file].clear(watched.sample.change(), sampled_files()[file].name);
    }
    close(watched, file);
  }
  const auto is_past = [&](const Sample::Unreadable& entry) {
    const std::size_t file = sampled_file(entry.file);
    return file == kSampledFiles || !listed.test(file);
  };
  if (std::ranges::any_of(watched.sample->unreadable, is_past)) {
    std::erase_if(watched.sample.change().unreadable, is_past);
  }
  if ((listed & ~watched.listed).any()) watched.due.fill(Usec{0});
  watched.listed = listed;
  watched.pressure_hidden = can_hide_pressure && !listed.test(sampled_file("cpu.pressure"));
}

bool CgroupReader::read(Watched& watched, Tier tier, ValuesIndex* index) {
  const CgroupValues* values =
      index == nullptr ? nullptr : index->find(watched.sample->id, watched.place);
  UniqueFd directory;
  if (tier == Tier::slow && watched.pressure_hidden && !still_there(watched)) return false;
  const auto files = sampled_files();
  const std::size_t end = tier == Tier::tick ? kTickFiles : kSampledFiles;
  for (std::size_t file = tier == Tier::tick ? 0 : kTickFiles; file < end; ++file) {
    if (files[file].tier != tier || !watched.listed.test(file)) continue;
    if (file == kCgroupEvents && watched.told) {
      // Its read arms poll(2) again: no value takes the place of that.
      if (!std::exchange(watched.changed, false)) continue;
    } else if (take(values, watched, file)) {
      continue;
    }
    if (!files[file].of_each_size) {
      if (!read_row(watched, file, files[file].name, directory)) return false;
      continue;
    }
    // By index: while it reads, the directory may be listed anew.
    for (std::size_t size = 0; size < huge_sizes_.size() && watched.listed.test(file); ++size) {
      const std::string name = file_of_size(files[file].name, huge_sizes_.at(size));
      if (!read_row(watched, file, name, directory)) return false;
    }
  }
  return true;
}

// false when the cgroup is gone.
bool CgroupReader::read_row(Watched& watched, std::size_t file, std::string_view name,
                            UniqueFd& directory) {
  if (read_file(watched, file, name, directory) == Outcome::done) return true;
  // Gone with its cgroup, or alone: a controller was taken away, or given back since.
  if (!still_there(watched)) return false;
  if (!watched.listed.test(file)) return true;
  if (read_file(watched, file, name, directory) == Outcome::done) return true;
  if (!still_there(watched)) return false;
  sampled_files()[file].clear(watched.sample.change(), name);
  return true;
}

bool CgroupReader::take(const CgroupValues* values, Watched& watched, std::size_t file) {
  if (values == nullptr || !take_value(*values, file, watched.sample.change())) return false;
  forget_unreadable(watched.sample, sampled_files()[file].name);
  watched.valued |= file == kCpuStat;
  return true;
}

CgroupReader::Outcome CgroupReader::read_file(Watched& watched, std::size_t file,
                                              std::string_view name, UniqueFd& directory) {
  const Result<std::string_view> text = text_of(watched, file, name, directory);
  if (!text) {
    if (text.error().kind == ErrorKind::vanished) {
      count(file, text.error());
      close(watched, file);
      directory.reset();
      return Outcome::lost;
    }
    refuse(watched, file, name, text.error());
    return Outcome::done;
  }
  if (file == kControllers && *text != watched.controllers) {
    // The files of a cgroup follow its controllers.
    watched.controllers = *text;
    const std::string controllers = watched.controllers;
    if (!still_there(watched)) return Outcome::lost;
    keep(watched, file, name, controllers);
    return Outcome::done;
  }
  std::optional<CpuStat> before;
  if (watched.valued && file == kCpuStat) before = watched.sample->cpu_stat;
  keep(watched, file, name, *text);
  if (before && watched.sample->cpu_stat) keep_rising(*before, *watched.sample.change().cpu_stat);
  return Outcome::done;
}

void CgroupReader::keep(Watched& watched, std::size_t file, std::string_view name,
                        std::string_view text) {
  const bool taken = file < kTickFiles && take_scanned(file, text, watched.sample);
  const Status stored =
      taken ? Status() : sampled_files()[file].store(watched.sample.change(), name, text, groups_);
  if (!stored) {
    refuse(watched, file, name, stored.error());
  } else {
    forget_unreadable(watched.sample, name);
  }
}

Result<std::string_view> CgroupReader::text_of(Watched& watched, std::size_t file,
                                               std::string_view name, UniqueFd& directory) {
  if (file < kTickFiles && watched.kept.at(file).valid()) {
    return read_whole(files_, watched.kept.at(file).get(), buffer_, name);
  }
  CGW_ASSIGN(const int parent, directory_of(watched, directory));
  CGW_ASSIGN(UniqueFd fd, files_.open(parent, name));
  // The bound is asked at each: room for one cgroup is found by many in the same tick.
  if (file >= kTickFiles || watched.over_bound || kept_ >= most_kept_) {
    return read_whole(files_, fd.get(), buffer_, name);
  }
  ++kept_;
  watched.kept.at(file) = std::move(fd);
  return read_whole(files_, watched.kept.at(file).get(), buffer_, name);
}

// Opened once for all files of a tier, and only if it still is the same cgroup.
Result<int> CgroupReader::directory_of(const Watched& watched, UniqueFd& directory) {
  if (directory.valid()) return directory.get();
  CGW_ASSIGN(UniqueFd opened, files_.open_cgroup(tree_, watched.sample->path));
  struct stat status{};
  if (::fstat(opened.get(), &status) != 0) {
    return fail(Error::from_errno(errno, "stat", watched.sample->path));
  }
  if (CgroupId{status.st_ino} != watched.sample->id) {
    return fail(
        Error::from_errno(ENOENT, "open", watched.sample->path, "another one has its name"));
  }
  directory = std::move(opened);
  return directory.get();
}

// Lists the directory anew; false when it is gone.
bool CgroupReader::still_there(Watched& watched) {
  UniqueFd directory;
  const auto fd = directory_of(watched, directory);
  if (!fd) {
    if (fd.error().kind == ErrorKind::vanished) return false;
    count(kSampledFiles, fd.error());
    return true;
  }
  const auto listed = files_.list(*fd);
  if (listed) {
    list(watched, listed->files);
    return true;
  }
  if (listed.error().kind == ErrorKind::vanished) return false;
  count(kSampledFiles, listed.error());
  return true;
}

void CgroupReader::refuse(Watched& watched, std::size_t file, std::string_view name,
                          const Error& error) {
  sampled_files()[file].clear(watched.sample.change(), name);
  close(watched, file);
  forget_unreadable(watched.sample, name);
  watched.sample.change().unreadable.push_back(unreadable(name, error));
  if (error.kind == ErrorKind::not_supported) {
    // Not asked again before the directory is listed anew.
    watched.listed.reset(file);
    return;
  }
  count(file, error);
}

void CgroupReader::close(Watched& watched, std::size_t file) {
  if (file >= kTickFiles || !watched.kept.at(file).valid()) return;
  watched.kept.at(file).reset();
  --kept_;
  if (file != kCgroupEvents) return;
  watched.polled = -1;
  watched.told = false;
}

void CgroupReader::release(Watched& watched) {
  for (std::size_t file = 0; file < kTickFiles; ++file) close(watched, file);
}

void CgroupReader::count(std::size_t file, const Error& error) {
  ++errors_.at(file).at(static_cast<std::size_t>(fault_of(error)));
}

}  // namespace cgwarden::cgroup
