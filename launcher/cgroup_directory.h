#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cgroup/tree.h"

namespace cgwarden::launcher {

// A cgroup and those above it that had to be made; removed again unless kept.
class NewCgroups {
 public:
  explicit NewCgroups(const cgroup::Tree& tree) : tree_(tree) {}
  NewCgroups(const NewCgroups&) = delete;
  NewCgroups& operator=(const NewCgroups&) = delete;
  ~NewCgroups();

  // mkdir -p.
  [[nodiscard]] Status make(std::string_view path);
  // False for one that was there.
  [[nodiscard]] bool made(std::string_view path) const;
  void keep() { made_.clear(); }

 private:
  const cgroup::Tree& tree_;
  std::vector<std::string> made_;
};

enum class HandDown {
  all,          // every one that is there: later updates and `events --stats` live from them
  only_needed,  // the cgroups above are somebody else's: no more than there must be
};

// Enables controllers in cgroup.subtree_control of every cgroup above `path`. not_supported or
// busy, naming the controller, the cgroup and what to do, when a needed one does not arrive.
[[nodiscard]] Status hand_down_controllers(const cgroup::Tree& tree, std::string_view path,
                                           HandDown choice, const std::vector<std::string>& needed);

}  // namespace cgwarden::launcher
