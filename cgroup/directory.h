#pragma once

#include <dirent.h>
#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_directory.h"

namespace cgwarden::cgroup {

// What is in the directory of a cgroup.
struct Listing {
  std::vector<std::string> files;
  std::vector<std::string> children;  // sorted, symlinks left out
};

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
  [[nodiscard]] const std::vector<std::string>& files() const { return listing_.files; }
  [[nodiscard]] const std::vector<std::string>& children() const { return listing_.children; }
  [[nodiscard]] Listing release() && { return std::move(listing_); }

 private:
  Directory() = default;
  [[nodiscard]] Status list(const std::string& where);

  UniqueDirectory dir_;
  ino_t inode_ = 0;
  dev_t device_ = 0;
  Listing listing_;
};

}  // namespace cgwarden::cgroup
