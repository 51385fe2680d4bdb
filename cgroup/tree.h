#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "cgroup/file_group.h"
#include "cgroup/samples.h"
#include "cgroup/snapshot.h"

namespace cgwarden::cgroup {

// A cgroup v2 hierarchy seen through the directory fd of its root; every path below it is opened
// relative to that fd. Paths are as in /proc/PID/cgroup: absolute from the root of the hierarchy,
// "/" being the root itself.
//
//   CGW_ASSIGN(Tree tree, Tree::open("/sys/fs/cgroup"));
//   Snapshot now = tree.read_snapshot(clock.now());
//
// Thread rule: const members may be called from any thread.
class Tree {
 public:
  // not_supported when `root` is not a cgroup2 file system (statfs(2), CGROUP2_SUPER_MAGIC).
  // `check_magic` is off for fixture trees on ordinary file systems (tests only).
  [[nodiscard]] static Result<Tree> open(const std::string& root, bool check_magic = true);

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] int root_fd() const { return root_fd_.get(); }

  // An O_PATH|O_DIRECTORY fd of a cgroup; never follows symlinks (openat2
  // RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS).
  [[nodiscard]] Result<UniqueFd> open_cgroup(std::string_view path) const;

  // The inode of the cgroup's directory.
  [[nodiscard]] Result<CgroupId> id_of(std::string_view path) const;

  // Raw text of one control file of one cgroup.
  [[nodiscard]] Result<std::string> read(std::string_view path, const std::string& file) const;

  // Reads the control files of one cgroup, those of `groups` too. A vanished cgroup is an error
  // (vanished); a single bad file is not.
  [[nodiscard]] Result<Sample> read_sample(std::string_view path, FileGroups groups = {}) const;

  // Walks the whole tree. Cgroups that vanish under way are left out. `keep` chooses by path
  // (default: all); a cgroup not kept is still descended into. Over `max_cgroups` the rest is
  // counted as dropped. The files of `groups` are read beside those that always are.
  [[nodiscard]] Snapshot read_snapshot(TimePoint now,
                                       const std::function<bool(std::string_view)>& keep = {},
                                       std::size_t max_cgroups = limits::kCgroupsWatched,
                                       FileGroups groups = {}) const;

 private:
  Tree(std::string root, UniqueFd root_fd) : root_(std::move(root)), root_fd_(std::move(root_fd)) {}
  std::string root_;
  UniqueFd root_fd_;
};

}  // namespace cgwarden::cgroup
