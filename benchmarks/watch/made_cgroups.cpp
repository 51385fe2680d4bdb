#include "benchmarks/watch/made_cgroups.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "benchmarks/watch/measure.h"

namespace cgwarden::benchmarks {
namespace {

constexpr std::size_t kInGroup = 100;

bool has_word(const std::string& file, const std::string& word) {
  std::ifstream words(file);
  for (std::string each; words >> each;) {
    if (each == word) return true;
  }
  return false;
}

}  // namespace

PrivateMount::PrivateMount() {
  if (::mkdtemp(path_.data()) == nullptr) stop("cannot make a directory in /tmp");
  if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", path_.c_str(), "cgroup2", 0, nullptr) != 0) {
    const int reason = errno;
    ::rmdir(path_.c_str());
    stop(std::string("cannot mount cgroup2 in a mount namespace of its own (it needs root): ") +
         std::strerror(reason));
  }
}

PrivateMount::~PrivateMount() {
  ::umount2(path_.c_str(), MNT_DETACH);
  ::rmdir(path_.c_str());
}

MadeCgroups::MadeCgroups(const std::string& root, std::size_t parts, std::size_t count)
    : top_(root + "/watch_benchmark." + std::to_string(::getpid())) {
  // What the root hands down already: its cgroup.subtree_control is not ours to change.
  for (const char* controller : {"memory", "hugetlb"}) {
    if (!controller_.empty() || !has_word(root + "/cgroup.subtree_control", controller)) continue;
    controller_ = controller;
  }
  if (controller_.empty()) {
    stop("neither memory nor hugetlb is in " + root + "/cgroup.subtree_control; enable one there");
  }
  stand_ins_ = controller_ != "memory";
  make(top_, true);
  for (std::size_t part = 0; part < parts; ++part) {
    part_roots_.push_back(top_ + "/part" + std::to_string(part));
    make(part_roots_.back(), true);
    for (std::size_t i = 0; i < count; ++i) {
      const std::string group = part_roots_.back() + "/group" + std::to_string(i / kInGroup);
      if (i % kInGroup == 0) make(group, true);
      make(group + "/leaf" + std::to_string(i), false);
    }
  }
}

MadeCgroups::~MadeCgroups() {
  for (auto path = made_.rbegin(); path != made_.rend(); ++path) ::rmdir(path->c_str());
}

void MadeCgroups::make(const std::string& path, bool delegate) {
  if (::mkdir(path.c_str(), 0755) != 0) {
    const int reason = errno;
    for (auto made = made_.rbegin(); made != made_.rend(); ++made) ::rmdir(made->c_str());
    stop("cannot make " + path + ": " + std::strerror(reason));
  }
  made_.push_back(path);
  if (delegate) std::ofstream(path + "/cgroup.subtree_control") << "+" << controller_;
}

}  // namespace cgwarden::benchmarks
