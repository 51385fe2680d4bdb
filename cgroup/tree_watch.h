#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "cgroup/tree.h"

namespace cgwarden::cgroup {

// What happened to the directories of a hierarchy. overflow: events were lost, look through it all.
struct TreeChange {
  enum class Kind : std::uint8_t { appeared, removed, overflow };
  Kind kind = Kind::overflow;
  CgroupId parent;
  std::string name;
};

// Tells of cgroups that are made and removed, within milliseconds. It only hints: what is there is
// found by looking.
class TreeWatch {
 public:
  // fanotify(7) with one mark for the whole hierarchy (Linux 6.6 and CAP_SYS_ADMIN), else
  // inotify(7) with one watch a directory. not_supported when neither works.
  [[nodiscard]] static Result<std::unique_ptr<TreeWatch>> best(const Tree& tree);

  virtual ~TreeWatch() = default;
  // "fanotify" or "inotify".
  [[nodiscard]] virtual std::string_view kind() const = 0;
  // Readable when take() has something.
  [[nodiscard]] virtual int fd() const = 0;
  // Tells of the children of this cgroup from now on: call it before listing them. busy or io when
  // watches ran out (/proc/sys/fs/inotify/max_user_watches).
  [[nodiscard]] virtual Status add(CgroupId id, int directory) = 0;
  // The cgroup is gone.
  virtual void remove(CgroupId id) = 0;
  // Never blocks.
  [[nodiscard]] virtual Result<std::vector<TreeChange>> take() = 0;
};

// The two implementations, for tests.
[[nodiscard]] Result<std::unique_ptr<TreeWatch>> fanotify_watch(const Tree& tree);
[[nodiscard]] Result<std::unique_ptr<TreeWatch>> inotify_watch();

}  // namespace cgwarden::cgroup
