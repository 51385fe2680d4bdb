#include "cgroup/cgroup_reader.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

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

}  // namespace

std::string_view to_string(ReadFault fault) {
  static constexpr std::array<std::string_view, kReadFaults> kNames{"vanished", "not_permitted",
                                                                    "malformed", "io"};
  return kNames.at(static_cast<std::size_t>(fault));
}

CgroupReader::CgroupReader(const Tree& tree, ControlFiles& files, std::size_t most_kept)
    : tree_(tree), files_(files), most_kept_(most_kept) {}

void CgroupReader::list(Watched& watched, const std::vector<std::string>& names) {
  std::bitset<kSampledFiles> listed;
  bool can_hide_pressure = false;
  for (const std::string& name : names) {
    if (const std::size_t file = sampled_file(name); file < kSampledFiles) listed.set(file);
    can_hide_pressure |= name == "cgroup.pressure";
  }
  for (std::size_t file = 0; file < kSampledFiles; ++file) {
    if (listed.test(file)) continue;
    if (watched.listed.test(file)) sampled_files()[file].clear(watched.sample.change());
    forget_unreadable(watched.sample, sampled_files()[file].name);
    close(watched, file);
  }
  forget_unreadable(watched.sample, kDirectoryItself);
  if ((listed & ~watched.listed).any()) watched.due.fill(Usec{0});
  watched.listed = listed;
  watched.pressure_hidden = can_hide_pressure && !listed.test(sampled_file("cpu.pressure"));
}

bool CgroupReader::read(Watched& watched, Tier tier) {
  UniqueFd directory;
  if (tier == Tier::slow && watched.pressure_hidden && !still_there(watched)) return false;
  const auto files = sampled_files();
  const std::size_t end = tier == Tier::tick ? kTickFiles : kSampledFiles;
  for (std::size_t file = tier == Tier::tick ? 0 : kTickFiles; file < end; ++file) {
    if (files[file].tier != tier || !watched.listed.test(file)) continue;
    if (file == kCgroupEvents && watched.told && !std::exchange(watched.changed, false)) continue;
    if (read_file(watched, file, directory) == Outcome::done) continue;
    // Gone with its cgroup, or alone: a controller was taken away, or given back since.
    if (!still_there(watched)) return false;
    if (!watched.listed.test(file)) continue;
    if (read_file(watched, file, directory) == Outcome::done) continue;
    if (!still_there(watched)) return false;
    files[file].clear(watched.sample.change());
  }
  return true;
}

CgroupReader::Outcome CgroupReader::read_file(Watched& watched, std::size_t file,
                                              UniqueFd& directory) {
  const SampledFile& row = sampled_files()[file];
  const Result<std::string_view> text = text_of(watched, file, directory);
  if (!text) {
    if (text.error().kind == ErrorKind::vanished) {
      count(file, text.error());
      close(watched, file);
      directory.reset();
      return Outcome::lost;
    }
    refuse(watched, file, text.error());
    return Outcome::done;
  }
  if (file == kControllers && *text != watched.controllers) {
    // The files of a cgroup follow its controllers.
    watched.controllers = *text;
    const std::string controllers = watched.controllers;
    if (!still_there(watched)) return Outcome::lost;
    if (const Status stored = row.store(watched.sample.change(), row.name, controllers); !stored) {
      refuse(watched, file, stored.error());
    } else {
      forget_unreadable(watched.sample, row.name);
    }
    return Outcome::done;
  }
  const bool taken = file < kTickFiles && take_scanned(file, *text, watched.sample);
  const Status stored = taken ? Status() : row.store(watched.sample.change(), row.name, *text);
  if (!stored) {
    refuse(watched, file, stored.error());
  } else {
    forget_unreadable(watched.sample, row.name);
  }
  return Outcome::done;
}

Result<std::string_view> CgroupReader::text_of(Watched& watched, std::size_t file,
                                               UniqueFd& directory) {
  const std::string_view name = sampled_files()[file].name;
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

void CgroupReader::refuse(Watched& watched, std::size_t file, const Error& error) {
  const SampledFile& row = sampled_files()[file];
  row.clear(watched.sample.change());
  close(watched, file);
  forget_unreadable(watched.sample, row.name);
  watched.sample.change().unreadable.push_back(unreadable(row.name, error));
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
