#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "cgroup/tree.h"

namespace cgwarden::benchmarks {

// A cgroup2 mount of this program alone, in a mount namespace of its own: the machine's mounts stay
// as they are. Needs root; ends the program when it cannot be made.
class PrivateMount {
 public:
  PrivateMount();
  ~PrivateMount();
  PrivateMount(const PrivateMount&) = delete;
  PrivateMount& operator=(const PrivateMount&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/watch_benchmark.XXXXXX";
};

// Empty cgroups below one of this program's own, a hundred in each group, with the memory
// controller, or hugetlb, where the machine has one. Removed at the end.
class MadeCgroups {
 public:
  // `parts` subtrees of `count` leaves each below `root`, a cgroup2 mount.
  MadeCgroups(const std::string& root, std::size_t parts, std::size_t count);
  ~MadeCgroups();
  MadeCgroups(const MadeCgroups&) = delete;
  MadeCgroups& operator=(const MadeCgroups&) = delete;

  [[nodiscard]] const std::string& top() const { return top_; }
  // As absolute paths.
  [[nodiscard]] const std::vector<std::string>& part_roots() const { return part_roots_; }
  // No memory controller: see stand_in().
  [[nodiscard]] bool stand_ins() const { return stand_ins_; }

 private:
  void make(const std::string& path, bool delegate);
  std::string controller_;
  bool stand_ins_ = false;
  std::string top_;
  std::vector<std::string> part_roots_;
  std::vector<std::string> made_;
};

}  // namespace cgwarden::benchmarks
