#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_directory.h"

namespace cgwarden::cgroup {

// One cgroup's directory, open and listed once. Its inode stays pinned: all reads through fd() are
// of this cgroup, never of a later one of the same name.
class Directory {
 public:
  // `name` relative to the fd `parent`; symlinks are not followed. vanished also when the directory
  // was removed between open and listing.
  [[nodiscard]] static Result<Directory> open(int parent, const std::string& name);

  [[nodiscard]] int fd() const { return ::dirfd(dir_.get()); }
  [[nodiscard]] ino_t inode() const { return inode_; }
  [[nodiscard]] dev_t device() const { return device_; }
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }
  // Sorted, symlinks left out.
  [[nodiscard]] const std::vector<std::string>& children() const { return children_; }

 private:
  Directory() = default;
  [[nodiscard]] Status list(const std::string& where);

  UniqueDirectory dir_;
  ino_t inode_ = 0;
  dev_t device_ = 0;
  std::vector<std::string> files_;
  std::vector<std::string> children_;
};

}  // namespace cgwarden::cgroup
