#include "cgroup/snapshot_walk.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/limits.h"
#include "cgroup/directory.h"
#include "cgroup/format.h"

namespace cgwarden::cgroup {
namespace {

// A directory whose children are being visited.
struct Level {
  Directory directory;
  std::string path;
  std::size_t next_child = 0;
};

class Walk {
 public:
  Walk(const WalkOptions& options, const ReadControlFile& read) : options_(options), read_(read) {}

  void run(int root) {
    enter(root, ".", "/");
    while (!levels_.empty()) {
      Level& top = levels_.back();
      if (top.next_child == top.directory.children().size()) {
        levels_.pop_back();
        continue;
      }
      const std::string& name = top.directory.children()[top.next_child++];
      std::string path = top.path == "/" ? "/" + name : top.path + "/" + name;
      if (levels_.size() > options_.max_depth) {
        if (kept(path)) dropped_ += 1 + descendants(top.directory.fd(), name);
        continue;
      }
      enter(top.directory.fd(), name, std::move(path));
    }
  }

  [[nodiscard]] Snapshot finish(TimePoint now) {
    return Snapshot(now, std::move(samples_), dropped_);
  }

 private:
  bool kept(std::string_view path) const { return !options_.keep || options_.keep(path); }

  // Of a cgroup that is not entered; 0 when it does not say.
  [[nodiscard]] static std::size_t descendants(int parent, const std::string& name) {
    const auto text = read_file_at(parent, name + "/cgroup.stat", limits::kControlFileBytes);
    if (!text) return 0;
    return parse_cgroup_stat(*text).value_or(CgroupStat{}).nr_descendants.value_or(0);
  }

  void enter(int parent, const std::string& name, std::string path) {
    auto directory = Directory::open(parent, name);
    if (!directory) {
      if (directory.error().kind != ErrorKind::vanished)
        note_closed(parent, name, path, directory.error());
      return;
    }
    // Something mounted into the tree is not a cgroup of this hierarchy.
    if (levels_.empty()) {
      device_ = directory->device();
    } else if (directory->device() != device_) {
      return;
    }
    if (kept(path) && !take_sample(*directory, path)) return;
    levels_.push_back({*std::move(directory), std::move(path), 0});
  }

  // false when the cgroup vanished.
  bool take_sample(const Directory& directory, const std::string& path) {
    if (samples_.size() >= options_.max_cgroups) {
      ++dropped_;
      return true;
    }
    Sample sample;
    sample.id = CgroupId{directory.inode()};
    sample.path = path;
    // The only error of read_files is vanished.
    if (!read_files(directory.fd(), directory.files(), read_, sample, options_.groups))
      return false;
    samples_.push_back(std::move(sample));
    return true;
  }

  // A cgroup that exists but is closed to us is shown as such; leaving it out would look like its
  // end.
  void note_closed(int parent, const std::string& name, const std::string& path,
                   const Error& error) {
    struct stat status{};
    if (!kept(path) || ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (samples_.size() >= options_.max_cgroups) {
      ++dropped_;
      return;
    }
    Sample sample;
    sample.id = CgroupId{status.st_ino};
    sample.path = path;
    sample.unreadable.push_back({".", error.sentence()});
    samples_.push_back(std::move(sample));
  }

  const WalkOptions& options_;
  const ReadControlFile& read_;
  std::vector<Level> levels_;
  dev_t device_ = 0;
  std::vector<Sample> samples_;
  std::size_t dropped_ = 0;
};

}  // namespace

Snapshot walk(int root, TimePoint now, const WalkOptions& options, const ReadControlFile& read) {
  Walk walk(options, read);
  walk.run(root);
  return walk.finish(now);
}

}  // namespace cgwarden::cgroup
