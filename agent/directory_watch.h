#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cgwarden::agent {

// Watches directories for finished changes (inotify(7)), also those that do not exist yet or are
// replaced: as long as one is missing, the nearest directory above it that exists is watched for
// its coming.
class DirectoryWatch {
 public:
  [[nodiscard]] static Result<DirectoryWatch> open(std::vector<std::string> directories);
  // poll(2)s as POLLIN.
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Takes what has happened. True when a directory has changed, has appeared or has gone.
  [[nodiscard]] bool changed();

 private:
  struct Directory {
    std::string path;
    int watch = -1;     // of the directory itself; -1: it is not there
    int ancestor = -1;  // of one above it, while it is not there
  };
  DirectoryWatch(UniqueFd fd, std::vector<std::string> directories);
  // Watches what can be watched now. True when a missing directory was found.
  bool find_missing();
  void end_if_unused(int watch);
  // The kernel or we ended this watch.
  void forget(int watch);

  UniqueFd fd_;
  std::vector<Directory> directories_;
};

}  // namespace cgwarden::agent
